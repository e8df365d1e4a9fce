"""`/v1/series`: the series and their state."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Annotated

import psycopg
from fastapi import Query
from fastapi.responses import Response
from pydantic import BaseModel, Field

from api.backends import Use
from api.changes import REPLACED, VERSION, Since, Stretch, changes_of, page_response
from api.edge.route import resource
from api.parameters import Area, Cursor, SeriesIds, Text, Utc, check_area, series_key_of
from api.problems import NOT_FOUND
from dayahead.contracts import Reason, Rung
from dayahead.hours import from_hour, to_hour
from dayahead.storage.losses import read_losses
from dayahead.storage.place_weather import known_place_of
from dayahead.storage.status import SeriesStatus, SourceStatus, State, read_series, read_sources
from dayahead.storage.tables.day_ahead import kept_days
from dayahead.storage.tables.forecast import has_forecast, oldest_forecast
from dayahead.storage.tables.limit_loss import StoredLoss
from dayahead.storage.tables.observation import missing_hours, read_first_hour
from dayahead.storage.tables.observation_revision import count_revised_hours
from dayahead.storage.tables.reference_series import references_of_series
from dayahead.storage.tables.series import areas
from dayahead.storage.tables.training_quarantine import load_quarantine

router = resource("/v1/series", "series")

QUALITY_HOURS = 168


class ReasonText(BaseModel):
    """Why a forecast is above rung 0."""

    code: str = Field(description="Reason code, as in the forecast")
    meaning: str = Field(description="Meaning of the code")


class SeriesItem(BaseModel):
    """A series and its state."""

    series_id: str = Field(description="Label values joined by /")
    source: str = Field(description="Name of the source that publishes it")
    totals_of: str | None = Field(description="Source whose values it sums, if it is a total; null for other series")
    area: str = Field(description="Value of the first label")
    labels: dict[str, str] = Field(description="Label names and values, in the order of the series_id")
    unit: str = Field(description="Unit of the value of one hour")
    state: State = Field(
        description="fresh: not stale and on rung 0 or 1; degraded: rung 2 to 4; no-forecast: none yet; "
        "stale: lags behind its source; expired: more of its newest forecast is over than lies ahead"
    )
    newest_hour: Utc | None = Field(description="Start of the newest observed hour, UTC")
    hours_behind: float | None = Field(description="Hours that it lags behind the newest hour of its source")
    stale: bool = Field(description="Whether it lags more than its source file allows")
    stale_reason: str = Field(description="Why it is stale; empty while it is not")
    expired: bool = Field(description="Whether more of its newest forecast is over than lies ahead")
    expired_reason: str = Field(description="Why it is expired; empty while it is not")
    origin: Utc | None = Field(description="Origin of its newest forecast, UTC")
    issued_at: Utc | None = Field(description="When its newest forecast was computed, UTC")
    release: str | None = Field(description="Model release of its newest forecast")
    rung: Rung | None = Field(description="Rung of its newest forecast")
    rung_meaning: str = Field(description="The rung in words")
    reasons: list[ReasonText] = Field(description="Why the rung is above 0")


class SeriesList(BaseModel):
    """A page of series."""

    series: list[SeriesItem] = Field(description="All of the page, with `since` those in `replaced`")
    areas: list[str] | None = Field(description="All areas; null with `since`")
    next_cursor: str | None = Field(description="`cursor` of the next page; null on the last one")
    version: str = Field(description=VERSION)
    replaced: list[Stretch] = Field(description=REPLACED)


class SourceItem(BaseModel):
    """The source of a series."""

    name: str
    title: str = Field(description="Dataset and publisher")
    attribution: str = Field(description="Credit required by the licence")
    totals_of: str | None = Field(description="Source whose values it sums, if its series are totals; else null")
    local_time_zone: str = Field(description="Time zone of its consumers")
    label_names: list[str] = Field(description="Names of the labels of a series_id, in order")
    clock: str = Field(description="`wall`: now is the time of the wall clock; `replay`: that of a replay")
    current_hour: Utc = Field(description="Start of the current hour by its clock, UTC")
    newest_hour: Utc | None = Field(description="Newest hour of any of its series, UTC")
    new_hour_at: Utc | None = Field(description="When a new hour was last published, UTC; null before the first")
    removed_at: Utc | None = Field(description="When it was removed, UTC; null while it is active")
    stale: bool = Field(description="Whether no new hour was published for longer than its source file allows")
    stale_reason: str = Field(description="Why it is stale; empty while it is not")
    failing: bool = Field(description="Whether its polls have failed for longer than two poll intervals and a minute")
    failing_since: Utc | None = Field(description="Start of the current failure, UTC; null while polls succeed")
    failing_reason: str = Field(description="How long polls have been failing and why; empty while they succeed")


class QuarantineItem(BaseModel):
    """Observed hours excluded from the newest training."""

    start: Utc = Field(description="First hour, UTC")
    end: Utc = Field(description="Hour after the last, UTC")
    hours: int = Field(description="Number of excluded values")
    rule: str = Field(description="Rule that matched")
    reason: str = Field(description="Why, in a sentence")


class LimitLossItem(BaseModel):
    """Recent values of a series rejected by the limits of the source."""

    lost_hours: int = Field(description="Number of values outside minimum and maximum of the source")
    given_hours: int = Field(description="Number of all values in the same time, at most a week")
    lost_percent: float = Field(description="Share of rejected values; above 1 the limits are likely wrong")
    extreme: float = Field(description="The rejected value farthest from 0, in the unit of the series")


class DataQuality(BaseModel):
    """Completeness of the last week."""

    first_hour: Utc | None = Field(description="First observed hour of the series, UTC; null if there is none")
    hours: int = Field(description="Checked hours: the week up to the newest hour of the source, from first_hour on")
    missing_hours: list[Utc] = Field(description="Hours from first_hour on without a value, UTC")
    revised_hours: int = Field(description="Hours whose value the publisher changed")
    quarantined: list[QuarantineItem] = Field(description="Ranges excluded from the newest training")
    beyond_limits: LimitLossItem | None = Field(description="Values recently rejected by the limits; null if none")


class GateDays(BaseModel):
    """The days of a series that were kept at a gate."""

    gate: str = Field(description="Local time of day of the gate on the day before, HH:MM")
    first: date = Field(description="First day that was kept at it")
    last: date = Field(description="Newest day that was kept at it")


class SeriesDetail(SeriesItem):
    """A series with its source and the quality of its data."""

    origin_day_before: Utc | None = Field(
        description="Origin 24 h before that of its newest forecast, UTC; null if there is no forecast of it"
    )
    forecasts_since: Utc | None = Field(
        description="Moment from which its forecasts are kept, UTC: `as_of` in `/v1/days` finds one from then on; null "
        "if there is none"
    )
    gates: list[GateDays] = Field(description="Days of `/v1/day-ahead`, by gate; empty if none was kept")
    references: list[str] = Field(
        description="Names of the references that forecast it, such as the grid operator's: see "
        "`/v1/reference-forecasts`; empty if there are none"
    )
    weather: str | None = Field(
        description="Name of the weather source that it follows: see `/v1/weather`; null if its source names none, "
        "or one that was never polled: its forecasts are made from load alone"
    )
    source_detail: SourceItem
    quality: DataQuality


@router.get("", summary="List series", response_model=SeriesList, responses=NOT_FOUND)
def list_series(
    use: Use,
    area: Area = None,
    state: Annotated[State | None, Query(description="Only series in this state")] = None,
    search: Annotated[Text | None, Query(max_length=200, description="Only ids that contain this text")] = None,
    limit: Annotated[int, Query(ge=1, le=5000, description="Series at most")] = 1000,
    cursor: Cursor = None,
    since: Since = None,
) -> Response:
    """Series in the order of their ids, with their newest hour, rung, and whether they are stale and why.

    With `since`, only what has changed. `hours_behind` of a series changes with each newest hour of its source.
    """
    with use.database.connection() as connection:
        check_area(connection, area)
        sources = read_sources(connection, use.now())
        found = read_series(connection, sources, limit + 1, area=area, state=state, search=search, after=cursor)
        every_area = areas(connection) if since is None else None
    page = found[:limit]
    next_cursor = page[-1].series_id if len(found) > limit else None
    items = [(one.series_id, series_item(one).model_dump_json().encode()) for one in page]
    changes = changes_of(items, since, cursor, next_cursor)
    return page_response("series", changes, {"areas": every_area, "next_cursor": next_cursor})


@router.get("/{series_id:path}", summary="One series", responses=NOT_FOUND)
def get_series(use: Use, series_ids: SeriesIds) -> SeriesDetail:
    """A series with its source, and the missing, revised and quarantined hours of its last week."""
    with use.database.connection() as connection:
        key, _, _ = series_key_of(connection, series_ids)
        sources = read_sources(connection, use.now(), removed=True)
        [status] = read_series(connection, sources, series_keys=[key])
        [source] = [source for source in sources if source.source.name == status.source]
        quality = _quality(connection, key, source.newest_hour)
        day_before = None if status.origin is None else status.origin - timedelta(days=1)
        if day_before is not None and not has_forecast(connection, key, day_before):
            day_before = None
        since = _forecasts_since(connection, key, source)
        gates = [GateDays(gate=one.gate, first=one.first, last=one.last) for one in kept_days(connection, key)]
        references = references_of_series(connection, key)
        place = known_place_of(connection, source.source, status.series_id)
    return SeriesDetail(
        **dict(series_item(status)),
        weather=place[0] if place else None,
        origin_day_before=day_before,
        forecasts_since=since,
        gates=gates,
        references=references,
        source_detail=source_item(source),
        quality=quality,
    )


def _forecasts_since(connection: psycopg.Connection, series_key: int, source: SourceStatus) -> datetime | None:
    """When the oldest forecast was issued; in a replay, whose clock follows the data, when its newest hour was due."""
    oldest = oldest_forecast(connection, series_key)
    if oldest is None:
        return None
    origin, issued_at = oldest
    return issued_at if source.source.clock == "wall" else origin + source.source.publication_lag


def series_item(status: SeriesStatus) -> SeriesItem:
    """The API representation of a series."""
    codes = Reason.codes(status.reasons or 0)
    rung = Rung.NONE if status.rung is None else Rung(status.rung)
    return SeriesItem(
        series_id=status.series_id,
        source=status.source,
        totals_of=status.totals_of,
        area=status.area,
        labels=dict(status.labels),
        unit=status.unit,
        state=status.state,
        newest_hour=status.newest_hour,
        hours_behind=status.hours_behind,
        stale=status.state is State.STALE,
        stale_reason=status.stale_reason,
        expired=status.expired,
        expired_reason=status.expired_reason,
        origin=status.origin,
        issued_at=status.issued_at,
        release=status.release,
        rung=None if status.rung is None else rung,
        rung_meaning=rung.meaning,
        reasons=[ReasonText(code=code, meaning=Reason.meaning(code)) for code in codes],
    )


def source_item(status: SourceStatus) -> SourceItem:
    """The API representation of a source."""
    source = status.source
    return SourceItem(
        name=source.name,
        title=source.title,
        attribution=source.attribution,
        totals_of=source.totals_of,
        local_time_zone=source.local_time_zone,
        label_names=source.label_names,
        clock=status.source.clock,
        current_hour=from_hour(to_hour(status.now)),
        newest_hour=status.newest_hour,
        new_hour_at=status.new_hour_at,
        removed_at=status.removed_at,
        stale=bool(status.stale_reason),
        stale_reason=status.stale_reason,
        failing=status.failing,
        failing_since=status.failing_since,
        failing_reason=status.failing_reason,
    )


def _quality(connection: psycopg.Connection, series_key: int, end: datetime | None) -> DataQuality:
    """Quality of the week that ends with hour `end`."""
    lost = _lost(read_losses(connection, [series_key]))
    first = read_first_hour(connection, series_key)
    if end is None or first is None:
        return DataQuality(
            first_hour=None, hours=0, missing_hours=[], revised_hours=0, quarantined=[], beyond_limits=lost
        )
    week_start = end - timedelta(hours=QUALITY_HOURS)
    return DataQuality(
        first_hour=first,
        hours=min(QUALITY_HOURS, to_hour(end) - to_hour(first) + 1),
        missing_hours=missing_hours(connection, series_key, first, end),
        revised_hours=count_revised_hours(connection, series_key, end),
        quarantined=[
            QuarantineItem(start=from_hour(r.start), end=from_hour(r.end), hours=r.hours, rule=r.rule, reason=r.reason)
            for r in load_quarantine(connection)
            if r.series_key == series_key and from_hour(r.end) > week_start
        ],
        beyond_limits=lost,
    )


def _lost(losses: Sequence[StoredLoss]) -> LimitLossItem | None:
    if not losses:
        return None
    loss = losses[0]
    return LimitLossItem(
        lost_hours=loss.outside_hours,
        given_hours=loss.given_hours,
        lost_percent=100 * loss.outside_hours / loss.given_hours,
        extreme=loss.extreme,
    )
