"""`/v1/days`: a day of the calendar, as people live it: its forecast, and what was observed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal

import numpy as np
import orjson
import psycopg
from fastapi import Path, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, BeforeValidator, Field, WithJsonSchema

from api.backends import Backends, Use
from api.edge.media import JSON
from api.edge.route import resource
from api.hour_values import HourValues, as_text, extra_cells, extra_columns, hour_values
from api.outlook import PEAK_LEVELS, ChosenLevels, Limit, Spread, asked_for, name_of
from api.parameters import FIRST_YEAR, LAST_YEAR, Area, AsOf, Cursor, SeriesIds, Utc, check_area, series_key_of
from api.problems import NOT_FOUND, no_forecast
from api.tables import (
    COUNT,
    MOMENT,
    NUMBER,
    TABLES,
    TEXT,
    ChosenFormat,
    Columns,
    next_link,
    table_response,
)
from dayahead.hours import Hour, format_utc, from_hour, parse_utc, to_hour
from dayahead.local_day import hours_of_day, local_date
from dayahead.storage.forecasts import forecast_bytes
from dayahead.storage.status import SourceStatus, read_sources
from dayahead.storage.tables.forecast import StoredForecast, last_origin, newest_stored_forecasts, stored_forecast
from dayahead.storage.tables.observation import newest_hours, read_observations
from dayahead.storage.tables.series import NamedSeries, series_page, source_keys_by_key

router = resource("/v1/days", "days")

TABLE: Columns = {
    "series_id": TEXT, "day": TEXT, "time_zone": TEXT, "origin": MOMENT, "issued_at": MOMENT, "release": TEXT,
    "rung": COUNT, "complete": TEXT, "unit": TEXT, "lead": COUNT, "valid_time": MOMENT,
    "p10": NUMBER, "p50": NUMBER, "p90": NUMBER, "observed": NUMBER,
    "stale": TEXT, "stale_reason": TEXT, "expired": TEXT, "expired_reason": TEXT,
}  # fmt: skip
"""Columns of days as a table: one row an hour."""

DATE_PATTERN = r"^(19|20|21)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"

Today = Literal["today", "tomorrow"]


def _day(value: object) -> object:
    if value in ("today", "tomorrow"):
        return value
    try:
        day = date.fromisoformat(str(value))
    except ValueError:
        day = None
    if day is None or len(str(value)) != len("2024-03-31") or not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise ValueError(
            f"{value!r} is no day of the years {FIRST_YEAR} to {LAST_YEAR}: write today, tomorrow, or a date like "
            "2024-03-31"
        )
    return day


Day = Annotated[
    Today | date,
    BeforeValidator(_day),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": ["today", "tomorrow"]},
                {"type": "string", "format": "date", "pattern": DATE_PATTERN},
            ],
            "examples": ["tomorrow", "2024-03-31"],
        },
        mode="validation",
    ),
    Path(description="`today` or `tomorrow` by the clock and in the time zone of the source, or a date there"),
]


class PeakSize(BaseModel):
    """How great the greatest hour of a day is."""

    p10: float
    p50: float
    p90: float


class Peak(BaseModel):
    """The greatest hour of a day."""

    size: PeakSize = Field(description="Quantiles of the value of the greatest hour, in `unit`")
    valid_time: Utc = Field(description="The hour that is most likely the greatest one, UTC")
    probability: float = Field(description="Probability that it is, 0 to 1")
    approximate: bool = Field(
        description="Always true: a forecast does not say how the errors of its hours depend on one another; they are "
        "taken as a chain with a correlation of 0.9 from hour to hour"
    )


class DayAnswer(HourValues):
    """A day of the calendar of one series; the lists run side by side with `valid_time`."""

    day: date = Field(description="The day, in `time_zone`")
    time_zone: str = Field(description="Time zone of the source")
    complete: bool = Field(
        description="Whether each hour after the origin has its forecast, and each hour up to it was observed"
    )
    observed: list[float | None] = Field(description="Observed value of each hour; null where none is known")
    forecast_as_of: Utc | None = Field(
        description="Moment by which the forecast was issued: `as_of`, or the beginning of a past day; null for now"
    )
    peak: Peak | None = Field(description="The greatest hour; null where an hour is neither forecast nor observed")


class DayPage(BaseModel):
    """A day of the calendar of several series."""

    days: list[DayAnswer] = Field(description="In the order of their series_id")
    next_cursor: str | None = Field(description="`cursor` of the next page; null on the last one")


@router.get("/{day}", summary="A day of many series", response_model=DayPage, responses=NOT_FOUND | TABLES)
def list_days(
    use: Use,
    request: Request,
    day: Day,
    form: ChosenFormat,
    area: Area = None,
    as_of: AsOf = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="Series at most")] = 100,
    cursor: Cursor = None,
    levels: ChosenLevels = (),
) -> Response:
    """One page of series; those that have no forecast of the day are left out.

    As a table they have one row an hour. Everything else as for one series.
    """
    with use.database.connection() as connection:
        check_area(connection, area)
        rows = series_page(connection, area, cursor, limit + 1)
        found = _days(use, connection, rows[:limit], day, as_of, levels, None)
    next_cursor = rows[limit - 1].series_id if len(rows) > limit else None
    headers = next_link(request, next_cursor)
    if form != "json":
        return _table(found, extra_columns(levels), form, headers)
    return Response(orjson.dumps({"days": found, "next_cursor": next_cursor}), headers=headers, media_type=JSON)


@router.get(
    "/{day}/{series_id:path}", summary="A day of one series", response_model=DayAnswer, responses=NOT_FOUND | TABLES
)
def get_day(
    use: Use,
    day: Day,
    series_ids: SeriesIds,
    form: ChosenFormat,
    as_of: AsOf = None,
    levels: ChosenLevels = (),
    limit: Limit = None,
) -> Response:
    """The 23, 24 or 25 hours of a local day: the forecast of each, and what was observed.

    Today and later days have the newest forecast; a past day has the newest one that was issued before it began, so
    that it shows what was said of the day. `as_of` asks for what was known at a moment instead. In a replay a forecast
    counts as issued when its newest hour was due.
    """
    with use.database.connection() as connection:
        series = series_key_of(connection, series_ids)
        found = _days(use, connection, [series], day, as_of, levels, limit)
    if not found:
        raise no_forecast(
            series.series_id, f"none was issued in time for {day}. Give a later day, or `as_of` for a later forecast."
        )
    if form != "json":
        return _table(found, extra_columns(levels, limit), form, {})
    return Response(orjson.dumps(found[0]), media_type=JSON)


@dataclass(frozen=True)
class _Wanted:
    """A day of a series.

    Attributes:
        series: the series.
        source: its source.
        day: of the calendar of the source.
        hours: of the day.
        as_of: moment by which the forecast was issued; None for the newest.
    """

    series: NamedSeries
    source: SourceStatus
    day: date
    hours: range
    as_of: datetime | None

    @classmethod
    def of(cls, series: NamedSeries, source: SourceStatus, day: Today | date, as_of: datetime | None) -> "_Wanted":
        zone = source.source.local_time_zone
        today = local_date(source.now, zone)
        chosen = day if isinstance(day, date) else today + timedelta(days=int(day == "tomorrow"))
        hours = hours_of_day(chosen, zone)
        if as_of is None and chosen < today and hours:
            as_of = from_hour(hours.start)
        return cls(series, source, chosen, hours, as_of)


def _days(
    use: Backends,
    connection: psycopg.Connection[Any],
    series: Sequence[NamedSeries],
    day: Today | date,
    as_of: datetime | None,
    levels: Sequence[float],
    limit: float | None,
) -> list[dict[str, Any]]:
    """The days of those series that have a forecast, as the fields of `DayAnswer`."""
    sources = {one.source_key: one for one in read_sources(connection, use.now(), removed=True)}
    source_of = source_keys_by_key(connection, [one.series_key for one in series])
    wanted = [_Wanted.of(one, sources[source_of[one.series_key]], day, as_of) for one in series]
    forecasts = _forecasts(connection, wanted)
    chosen = [one for one in wanted if one.series.series_id in forecasts]
    observed = _observed(connection, chosen, as_of)
    keys = [one.series.series_key for one in chosen]
    newest = dict(zip(keys, newest_hours(connection, np.array(keys, np.int64)), strict=True))
    use.shapes.of(connection, {one.release for one in forecasts.values()})
    answers = []
    for one in chosen:
        newest_hour = newest[one.series.series_key]
        body = use.staleness.judged(
            forecast_bytes(forecasts[one.series.series_id]), None if newest_hour is None else from_hour(newest_hour)
        )
        answers.append(_answer(use, one, orjson.loads(body), observed[one.series.series_key], levels, limit))
    return answers


def _forecasts(connection: psycopg.Connection[Any], wanted: Sequence[_Wanted]) -> dict[str, StoredForecast]:
    found = newest_stored_forecasts(connection, [one.series.series_id for one in wanted if one.as_of is None])
    for one in wanted:
        if one.as_of is not None and (past := _issued_by(connection, one)) is not None:
            found.append(past)
    return {forecast.series_id: forecast for forecast in found}


def _issued_by(connection: psycopg.Connection[Any], wanted: _Wanted) -> StoredForecast | None:
    assert wanted.as_of is not None
    key, source = wanted.series.series_key, wanted.source.source
    if source.clock == "wall":
        return stored_forecast(connection, key, wanted.as_of)
    origin = last_origin(connection, key, wanted.as_of - source.publication_lag)
    return None if origin is None else stored_forecast(connection, key, origin=origin)


def _observed(
    connection: psycopg.Connection[Any], wanted: Sequence[_Wanted], as_of: datetime | None
) -> Mapping[int, list[float | None]]:
    """Observed values of each series' hours, by series_key."""
    found: dict[int, list[float | None]] = {}
    for hours in {one.hours for one in wanted}:
        keys = [one.series.series_key for one in wanted if one.hours == hours]
        matrix = read_observations(connection, np.array(keys, np.int64), hours.start, hours.stop, as_of)
        for key, row in zip(keys, matrix.values.tolist(), strict=True):
            found[key] = [None if value != value else value for value in row]  # noqa: PLR0124 - NaN
    return found


def _answer(
    use: Backends,
    wanted: _Wanted,
    message: dict[str, Any],
    observed: list[float | None],
    levels: Sequence[float],
    limit: float | None,
) -> dict[str, Any]:
    spread = Spread.of(message, use.shapes)
    fields = hour_values(message, wanted.hours, asked_for(spread, levels, limit))
    origin = to_hour(parse_utc(message["origin"]))
    fields["complete"] = bool(wanted.hours) and all(
        (p50 if hour > origin else value) is not None
        for hour, p50, value in zip(wanted.hours, fields["p50"], observed, strict=True)
    )
    return fields | {
        "day": wanted.day.isoformat(),
        "time_zone": wanted.source.source.local_time_zone,
        "observed": observed,
        "forecast_as_of": None if wanted.as_of is None else format_utc(wanted.as_of),
        "peak": _peak(spread, wanted.hours, fields["p50"], observed, origin),
    }


def _peak(
    spread: Spread, hours: range, p50: Sequence[float | None], observed: Sequence[float | None], origin: Hour
) -> dict[str, Any] | None:
    """The greatest hour: what is forecast, and what was observed where the forecast holds no value."""
    leads = [None if value is None else hour - origin - 1 for hour, value in zip(hours, p50, strict=True)]
    if not hours or any(lead is None and value is None for lead, value in zip(leads, observed, strict=True)):
        return None
    size, chances = spread.peak(leads, observed)
    likeliest = int(np.argmax(chances))
    return {
        "size": {name_of(level): value for level, value in zip(PEAK_LEVELS, size, strict=True)},
        "valid_time": format_utc(from_hour(hours[likeliest])),
        "probability": round(chances[likeliest], 4),
        "approximate": True,
    }


def _table(
    days: Sequence[Mapping[str, Any]],
    extra: Sequence[str],
    form: Literal["json", "csv", "arrow", "parquet"],
    headers: Mapping[str, str],
) -> Response:
    rows = [row for day in days for row in _rows(day, extra)]
    return table_response({**TABLE, **dict.fromkeys(extra, NUMBER)}, rows, form, headers)


def _rows(day: Mapping[str, Any], extra: Sequence[str]) -> list[tuple[Any, ...]]:
    head = (
        day["series_id"], day["day"], day["time_zone"], parse_utc(day["origin"]), parse_utc(day["issued_at"]),
        day["release"], day["rung"], as_text(day["complete"]), day["unit"],
    )  # fmt: skip
    tail = as_text(day["stale"]), day["stale_reason"], as_text(day["expired"]), day["expired_reason"]
    columns = (day[name] for name in ("lead", "valid_time", "p10", "p50", "p90", "observed"))
    return [
        (*head, lead, parse_utc(valid_time), *values, *tail, *extra_cells(day, extra, index))
        for index, (lead, valid_time, *values) in enumerate(zip(*columns, strict=True))
    ]
