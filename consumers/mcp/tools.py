"""The read API as tools of an assistant: each asks one question of the typed client, and changes nothing."""

from collections.abc import Awaitable, Callable
from datetime import date, datetime
from typing import Annotated, Literal, TypeVar

from prometheus_client import Counter
from pydantic import BaseModel, Field

from dayahead.client import AsyncClient, answers, queries
from dayahead.client.errors import ClientError
from dayahead.client.query import Query
from dayahead.storage.status import State

CALLS = Counter("dayahead_mcp_calls_total", "Calls of tools, by outcome: answered, refused", ["tool", "outcome"])
ANSWERED, REFUSED = "answered", "refused"

MOST_SERIES = 200
A = TypeVar("A", bound=BaseModel)

SeriesId = Annotated[str, Field(description="The series, such as DK1/111; list_series has them")]
AsOf = Annotated[
    datetime | None, Field(description="Answer as it was known at this moment, with a time zone; now if left out")
]
Days = Annotated[int, Field(ge=1, le=366, description="Days that are looked back on")]


class ReadTools:
    """The tools; each docstring is what the assistant reads."""

    def __init__(self, client: AsyncClient) -> None:
        """Keep the client.

        Args:
            client: of the API, without a token.
        """
        self._client = client

    @property
    def all(self) -> tuple[Callable[..., Awaitable[BaseModel]], ...]:
        """Every tool."""
        return (
            self.list_series,
            self.get_forecast,
            self.get_day,
            self.get_observations,
            self.get_accuracy,
            self.explain_forecast,
            self.get_weather,
            self.get_quality,
        )

    async def list_series(
        self,
        area: Annotated[str | None, Field(description="Only the series of this area")] = None,
        search: Annotated[str | None, Field(description="Only series whose id or labels contain this")] = None,
        state: Annotated[State | None, Field(description="Only series in this state")] = None,
        limit: Annotated[int, Field(ge=1, le=MOST_SERIES, description="Most series of the answer")] = 50,
    ) -> answers.SeriesList:
        """List the series with their newest observed hour, how far their forecast is degraded, and their state."""
        query = queries.series(area=area, search=search, state=state).with_parameter("limit", str(limit))
        return await self._ask("list_series", query)

    async def get_forecast(
        self,
        series_id: SeriesId,
        hours: Annotated[int, Field(ge=1, le=408, description="Hours from now on")] = 24,
    ) -> answers.HourValues:
        """Get the forecast of the next hours of a series: median (p50) and band (p10, p90) of each hour, in `unit`."""
        return await self._ask("get_forecast", queries.next_hours(series_id, hours))

    async def get_day(
        self,
        series_id: SeriesId,
        day: Annotated[
            date | Literal["today", "tomorrow"], Field(description="A day of the calendar of the series")
        ] = "tomorrow",
        as_of: AsOf = None,
    ) -> answers.DayAnswer:
        """Get a day of a series: forecast and observed value of each hour, energy of the day, peak."""
        return await self._ask("get_day", queries.day(day, series_id, as_of=as_of))

    async def get_observations(
        self,
        series_id: SeriesId,
        start: Annotated[
            datetime | None, Field(description="First hour, with a time zone; a week ago if left out")
        ] = None,
        end: Annotated[datetime | None, Field(description="Hour after the last, with a time zone")] = None,
        as_of: AsOf = None,
    ) -> answers.Observations:
        """Get measured hourly values of a series."""
        return await self._ask("get_observations", queries.observations(series_id, start=start, end=end, as_of=as_of))

    async def get_accuracy(self, series_id: SeriesId, days: Days = 28) -> answers.SeriesAccuracyReport:
        """Get how accurate the forecasts of a series were: WAPE, bias, coverage, skill against the seasonal naive."""
        return await self._ask("get_accuracy", queries.series_accuracy(series_id, days=days))

    async def explain_forecast(
        self,
        series_id: SeriesId,
        as_of: AsOf = None,
        since: Annotated[
            datetime | None, Field(description="Adds what changed since the forecast of this moment, with a time zone")
        ] = None,
    ) -> answers.ForecastWhy:
        """Explain a forecast: what level, calendar, recent load, weather and trees add to each hour, in `unit`."""
        return await self._ask("explain_forecast", queries.why(series_id, as_of=as_of, since=since))

    async def get_weather(self, series_id: SeriesId, as_of: AsOf = None) -> answers.SeriesWeather:
        """Get the temperature that a series follows, observed and forecast, with the run that it comes from."""
        return await self._ask("get_weather", queries.weather(series_id, as_of=as_of))

    async def get_quality(self) -> answers.Quality:
        """Get freshness and gaps of the data by source."""
        return await self._ask("get_quality", queries.quality())

    async def _ask(self, tool: str, query: Query[A]) -> A:
        try:
            answer = await self._client.get(query)
        except ClientError:
            CALLS.labels(tool, REFUSED).inc()
            raise
        CALLS.labels(tool, ANSWERED).inc()
        return answer
