"""`/v1/totals`: the totals of a source, and why hours have none."""

from datetime import timedelta
from typing import Annotated

import psycopg
from fastapi import Path, Query
from pydantic import BaseModel, Field

from api.backends import Use
from api.edge.route import resource
from api.parameters import Text, Utc
from api.problems import NOT_FOUND, Problem
from dayahead.hours import from_hour
from dayahead.series import series_id_of
from dayahead.storage.tables.source import RegisteredSource, load_sources
from dayahead.storage.tables.total_hour import (
    TotalHour,
    TotalState,
    read_incomplete_hours,
    read_steps,
    read_totals,
)
from dayahead.storage.totals import newest_hour_of
from dayahead.totals import missing_reason, totals_name

router = resource("/v1/totals", "series")

NAMED_TOTALS = 20
"""Totals that an error names."""


class TotalItem(BaseModel):
    """A total: a series of its own, with forecasts like any other."""

    series_id: str = Field(description="Its series_id, for every other endpoint")
    newest_hour: Utc | None = Field(description="Newest hour with a total, UTC; null if there is none")
    hours_behind: float | None = Field(description="Hours that it lags behind the newest hour of the source")
    summed_series: int | None = Field(description="Series that this hour sums")
    incomplete_hours: int = Field(description="Hours of the newest week of the source that series lack")


class IncompleteHour(BaseModel):
    """An hour that series lack."""

    series_id: str = Field(description="The total")
    valid_time: Utc = Field(description="Start of the hour, UTC")
    summed_series: int = Field(description="Series with a value for the hour")
    missing_series: int = Field(description="Series that lack it")
    examples: list[str] = Field(description="The first few of them")
    published: bool = Field(description="Whether the hour has a total all the same, made while they were silent")
    reason: str = Field(description="Why, in a sentence")


class TotalStepItem(BaseModel):
    """An hour that sums another number of series than the one before: a step in the total may come from that."""

    series_id: str = Field(description="The total")
    valid_time: Utc = Field(description="Start of the hour, UTC")
    summed_series: int = Field(description="Series that the hour sums")
    summed_before: int = Field(description="Series that the hour with a total before it sums")


class TotalsReport(BaseModel):
    """The totals of a source."""

    source: str = Field(description="The source whose series are summed")
    active: bool = Field(description="Whether its hours are summed: `totals: true` in its file, and not removed")
    totals_source: str = Field(description="The source of the totals")
    newest_hour: Utc | None = Field(description="Newest hour of the source, UTC")
    totals: list[TotalItem] = Field(description="By area and of the whole source")
    incomplete: list[IncompleteHour] = Field(description="The newest hours that series lack, newest first")
    steps: list[TotalStepItem] = Field(description="Changes of the number of summed series in the newest week")


@router.get("/{source}", summary="Totals of a source", responses=NOT_FOUND)
def get_totals(
    use: Use,
    source: Annotated[Text, Path(description="Name of a source")],
    total: Annotated[
        Text | None,
        Query(description="Only this total: `total`, or `area-` and the area, which is the last label of its series"),
    ] = None,
    limit: Annotated[int, Query(ge=0, le=1000, description="Maximum number of hours per list")] = 100,
) -> TotalsReport:
    """Totals with their newest hour, which hours have none and why, and where the number of summed series changes.

    An hour has a total once no series lacks it. A series that is silent for longer than `stale_after_h` of its source
    holds no total up: the hours are summed without it, and `steps` shows where.
    """
    with use.database.connection() as connection:
        registered = _registered(connection, source)
        key = registered.source_key
        newest = newest_hour_of(connection, key)
        states = [] if newest is None else read_totals(connection, key, newest)
        if total is not None:
            states = [_the_only(states, total, source)]
        incomplete = read_incomplete_hours(connection, key, limit, total)
        steps = [] if newest is None else read_steps(connection, key, newest, limit, total)
    name = totals_name(source)
    newest_at = None if newest is None else from_hour(newest)

    def item(state: TotalState) -> TotalItem:
        behind = newest_at - state.newest_hour if newest_at and state.newest_hour else None
        return TotalItem(
            series_id=series_id_of([name, state.total]),
            newest_hour=state.newest_hour,
            hours_behind=None if behind is None else behind / timedelta(hours=1),
            summed_series=state.summed,
            incomplete_hours=state.incomplete_hours,
        )

    return TotalsReport(
        source=source,
        active=registered.source.totals and registered.removed_at is None,
        totals_source=name,
        newest_hour=newest_at,
        totals=[item(one) for one in states],
        incomplete=[_incomplete(name, one) for one in incomplete],
        steps=[
            TotalStepItem(
                series_id=series_id_of([name, one.total]),
                valid_time=one.valid_time,
                summed_series=one.summed,
                summed_before=one.summed_before,
            )
            for one in steps
        ],
    )


def _incomplete(name: str, hour: TotalHour) -> IncompleteHour:
    return IncompleteHour(
        series_id=series_id_of([name, hour.total]),
        valid_time=hour.valid_time,
        summed_series=hour.summed,
        missing_series=hour.missing,
        examples=list(hour.missing_series),
        published=hour.published,
        reason=missing_reason(hour.missing, hour.missing_series, published=hour.published),
    )


def _the_only(states: list[TotalState], total: str, source: str) -> TotalState:
    found = next((one for one in states if one.total == total), None)
    if found is None:
        having = ", ".join(one.total for one in states[:NAMED_TOTALS]) or "none"
        raise Problem(404, "unknown-total", "No such total", f"Source {source!r} has no total {total!r}, but {having}.")
    return found


def _registered(connection: psycopg.Connection, name: str) -> RegisteredSource:
    sources = load_sources(connection)
    if name not in sources:
        having = ", ".join(sorted(one.source.name for one in sources.values() if one.source.totals)) or "none"
        raise Problem(
            404, "unknown-source", "No such source", f"No source {name!r} is registered. Sources with totals: {having}."
        )
    return sources[name]
