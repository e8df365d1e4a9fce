"""`/v1/forecasts/{series_id}/why`: what made each hour of a forecast, and what changed since an earlier one."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import numpy as np
import psycopg
from fastapi import Query
from pydantic import BaseModel, Field

from api.backends import Backends, Use
from api.edge.route import resource
from api.parameters import AsOf, Moment, SeriesIds, Utc, series_key_of
from api.problems import NOT_FOUND, ProblemDocument, bad_parameter, no_forecast
from dayahead.contracts import Rung
from dayahead.hours import format_utc
from dayahead.storage.forecast_inputs import read_inputs
from dayahead.storage.tables.forecast import StoredForecast, stored_forecast
from dayahead.storage.tables.series import load_series
from dayahead.topics import OBSERVATIONS

if TYPE_CHECKING:
    from dayahead.models.serving.why import Why

router = resource("/v1/forecasts", "forecasts")

DECIMALS = 4

NOT_REPRODUCED = (
    "the inputs and the release in TimescaleDB do not give this forecast bit for bit: rows were revised or removed "
    "since, or its champion had failed; it cannot be taken apart"
)


class WhyParts(BaseModel):
    """Values by hour; the sum of all lists is p50."""

    level: list[float] = Field(description="The same hour of the day and of the week before; all of it without a model")
    calendar: list[float] = Field(description="Weekday, holidays, season and hour")
    recent_load: list[float] = Field(description="The hours of the last week, and the same hour in earlier weeks")
    weather: list[float] = Field(description="Temperature: of the linear member and of the trees")
    recent_errors: list[float] = Field(description="What the trees make of the recent errors of the linear member")
    trees: list[float] = Field(description="The rest of the correction by trees")
    limits: list[float] = Field(description="What limits took away or added, and rounding")


class WhyChange(BaseModel):
    """What changed since an earlier forecast, for the hours that both hold; differences, newer less older."""

    origin: Utc = Field(description="Origin of the earlier forecast, UTC")
    issued_at: Utc = Field(description="When the earlier forecast was computed, UTC")
    release: str | None = Field(description="Model release of the earlier forecast")
    valid_time: list[Utc] = Field(description="Start of each hour that both hold, UTC")
    p50: list[float] = Field(description="Difference of the medians, in the unit of the series")
    parts: WhyParts | None = Field(description="Difference of each part; null where either cannot be taken apart")
    reason: str = Field(description="Why `parts` is null; empty otherwise")


class ForecastWhy(BaseModel):
    """The parts of a forecast, in the unit of its series."""

    series_id: str
    unit: str = Field(description="Unit of the value of one hour")
    origin: Utc = Field(description="Origin of the forecast, UTC")
    issued_at: Utc = Field(description="When it was computed, UTC")
    release: str | None = Field(description="Model release; null where no model made it")
    rung: Rung = Field(description="How far it is degraded")
    valid_time: list[Utc] = Field(description="Start of each hour, UTC")
    p50: list[float] = Field(description="Median of each hour, as it was served")
    member: list[str] = Field(
        description="Who forecast each hour: `weather` (the member with weather), `load` (from load alone), "
        "`no_model`; empty where `parts` is null"
    )
    parts: WhyParts | None = Field(description="Null where the forecast cannot be reproduced bit for bit")
    reason: str = Field(description="Why `parts` is null; empty otherwise")
    change: WhyChange | None = Field(description="What changed since the forecast of `since`; null without it")


@router.get(
    "/{series_id:path}/why",
    summary="What made each hour of a forecast",
    responses=NOT_FOUND
    | {501: {"model": ProblemDocument, "description": "This API has no library that evaluates models"}},
)
def get_why(
    use: Use,
    series_ids: SeriesIds,
    as_of: AsOf = None,
    origin: Annotated[Moment | None, Query(description="Explain the forecast of exactly this origin, UTC")] = None,
    since: Annotated[
        Moment | None,
        Query(
            description="Also what changed since an earlier forecast: the one of this origin, else the newest one "
            "issued at or before this moment, UTC"
        ),
    ] = None,
) -> ForecastWhy:
    """The level, the calendar, the recent load, the weather, recent errors and the trees, as shares of each hour.

    The forecast is computed again from the values, the weather and the release that it was made from. Where that does
    not give the served p50 bit for bit, `parts` is null and `reason` says so.
    """
    with use.database.connection() as connection:
        key, series_id, _ = series_key_of(connection, series_ids)
        stored = stored_forecast(connection, key, as_of, origin)
        if stored is None or not len(stored.p50):
            raise no_forecast(series_id, "there is none to explain. Omit as_of and origin for the newest one.")
        why = _why(use, connection, key, stored)
        change = None if since is None else _change(use, connection, key, stored, why, since)
    return ForecastWhy(
        series_id=series_id,
        unit=stored.unit,
        origin=stored.origin,
        issued_at=stored.issued_at,
        release=stored.release,
        rung=Rung(stored.rung),
        valid_time=_hours(stored.origin, len(stored.p50)),
        p50=[float(value) for value in stored.p50],
        member=[] if why is None else [str(one) for one in why.member],
        parts=None if why is None else _parts(why),
        reason=NOT_REPRODUCED if why is None else "",
        change=change,
    )


def _why(use: Backends, connection: psycopg.Connection, series_key: int, stored: StoredForecast) -> "Why | None":
    [series] = load_series(connection, series_ids=[stored.series_id])
    topic = use.settings.topic_prefix + OBSERVATIONS.name
    inputs = read_inputs(connection, series_key, series.partition, topic, stored)
    return use.explainer.explain(connection, inputs)


def _change(
    use: Backends,
    connection: psycopg.Connection,
    series_key: int,
    newer: StoredForecast,
    why: "Why | None",
    since: datetime,
) -> WhyChange:
    older = stored_forecast(connection, series_key, None, since) or stored_forecast(connection, series_key, since, None)
    if older is None or not len(older.p50):
        raise bad_parameter("since", format_utc(since), "no forecast of this origin, and none that was issued by then")
    skipped = round((newer.origin - older.origin) / timedelta(hours=1))
    hours = min(len(newer.p50), len(older.p50) - skipped)
    if skipped < 0 or hours <= 0:
        raise bad_parameter(
            "since",
            format_utc(since),
            f"the forecast of origin {format_utc(older.origin)} has no hour in common with that of "
            f"{format_utc(newer.origin)}: name an earlier moment, but not by more than the horizon",
        )
    before = _why(use, connection, series_key, older)
    difference = newer.p50[:hours].astype(np.float64) - older.p50[skipped : skipped + hours].astype(np.float64)
    return WhyChange(
        origin=older.origin,
        issued_at=older.issued_at,
        release=older.release,
        valid_time=_hours(newer.origin, hours),
        p50=[round(value, DECIMALS) for value in difference.tolist()],
        parts=None if why is None or before is None else _parts(_changed(why, before)),
        reason=NOT_REPRODUCED if why is None or before is None else "",
    )


def _changed(newer: "Why", older: "Why") -> "Why":
    from dayahead.models.serving.why import changed  # noqa: PLC0415 - imported by then, with the explanation

    return changed(newer, older)


def _parts(why: "Why") -> WhyParts:
    """The parts as a reader names them."""
    from dayahead.models.serving.why import WhyPart  # noqa: PLC0415 - imported by then, with the explanation

    def added(*parts: WhyPart) -> list[float]:
        total = np.sum([why.parts[part] for part in parts], axis=0)
        return [round(value, DECIMALS) for value in total.tolist()]

    return WhyParts(
        level=added(WhyPart.LEVEL),
        calendar=added(WhyPart.CALENDAR, WhyPart.TREES_CALENDAR),
        recent_load=added(WhyPart.RECENT_LOAD),
        weather=added(WhyPart.WEATHER, WhyPart.TREES_WEATHER),
        recent_errors=added(WhyPart.TREES_ERRORS),
        trees=added(WhyPart.TREES_OTHER),
        limits=added(WhyPart.LIMITS),
    )


def _hours(origin: datetime, leads: int) -> list[datetime]:
    return [origin + timedelta(hours=lead) for lead in range(1, leads + 1)]
