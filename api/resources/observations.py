"""`/v1/observations`: measured hours, as known now or as of a past moment."""

from datetime import timedelta
from typing import Annotated

import numpy as np
import psycopg
from fastapi import Query
from pydantic import BaseModel, Field

from api.backends import Use
from api.edge.route import resource
from api.parameters import AsOf, Moment, SeriesIds, Utc, series_key_of
from api.problems import NOT_FOUND, bad_parameter
from dayahead.hours import Hour, format_utc, from_hour, to_hour
from dayahead.storage.observations import read_observations

router = resource("/v1/observations", "observations")

WEEK_H = 168
MAX_HOURS = 24 * 366

NEWEST = "SELECT max(valid_time) FROM observation WHERE series_key = %s"


class Observations(BaseModel):
    """Hours of one series; `valid_time` and `value` run side by side."""

    series_id: str
    unit: str = Field(description="Unit of the value of one hour")
    start: Utc = Field(description="First hour asked for, UTC")
    end: Utc = Field(description="Hour after the last one asked for, UTC")
    as_of: Utc | None = Field(description="Moment whose knowledge this is; null for now")
    valid_time: list[Utc] = Field(description="Start of each hour, UTC; every hour of the range, also unobserved ones")
    value: list[float | None] = Field(description="Value of each hour; null where none is known")
    missing: int = Field(description="Hours without a value")


@router.get("/{series_id:path}", summary="Observed hours of one series", responses=NOT_FOUND)
def get_observations(
    use: Use,
    series_ids: SeriesIds,
    start: Annotated[Moment | None, Query(description="First hour, UTC; without it, a week before `end`")] = None,
    end: Annotated[
        Moment | None, Query(description="Hour after the last, UTC; without it, the end of what is observed")
    ] = None,
    as_of: AsOf = None,
) -> Observations:
    """Hourly values from `start` (inclusive) to `end` (exclusive); by default the last week of the series."""
    with use.database.connection() as connection:
        key, series_id, unit = series_key_of(connection, series_ids)
        last = to_hour(end - timedelta(microseconds=1)) + 1 if end else _end_of(connection, key)
        first = to_hour(start) if start else (last or 0) - WEEK_H
        if last is None:
            last = first = to_hour(start or use.now())
        if last < first:
            raise bad_parameter(
                "start", format_utc(from_hour(first)), f"it must not be after end, {format_utc(from_hour(last))}"
            )
        if last - first > MAX_HOURS:
            raise bad_parameter(
                "start",
                format_utc(from_hour(first)),
                f"one answer holds up to {MAX_HOURS} hours, this range has {last - first}: ask for it in parts",
            )
        matrix = read_observations(connection, np.array([key]), first, last, as_of)
    values = [None if np.isnan(value) else float(value) for value in matrix.values[0]]
    return Observations(
        series_id=series_id,
        unit=unit,
        start=from_hour(first),
        end=from_hour(last),
        as_of=as_of,
        valid_time=[from_hour(hour) for hour in range(first, last)],
        value=values,
        missing=values.count(None),
    )


def _end_of(connection: psycopg.Connection, series_key: int) -> Hour | None:
    """The hour after the newest one, or None where nothing is observed."""
    row = connection.execute(NEWEST, [series_key]).fetchone()
    return None if row is None or row[0] is None else to_hour(row[0]) + 1
