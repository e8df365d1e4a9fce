"""`/v1/observations`: measured hours, as known now or as of a past moment."""

from datetime import datetime, timedelta
from typing import Annotated

import numpy as np
import orjson
import psycopg
from fastapi import Query, Request
from fastapi.responses import Response
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from api.backends import Backends, Use
from api.edge.media import JSON
from api.edge.route import resource
from api.parameters import Area, AsOf, Cursor, Moment, SeriesIds, Utc, check_area, series_key_of
from api.problems import NOT_FOUND, bad_parameter
from api.tables import (
    MOMENT,
    NUMBER,
    TABLES,
    TEXT,
    ChosenFormat,
    CodedText,
    Column,
    Columns,
    column_response,
    next_link,
)
from dayahead.hours import Hour, format_utc, from_hour, to_hour
from dayahead.storage.tables.observation import newest_hours, read_observations
from dayahead.storage.tables.series import series_page

router = resource("/v1/observations", "observations")

WEEK_H = 168
MAX_HOURS = 24 * 366

MAX_VALUES = 1_000_000

TABLE: Columns = {"series_id": TEXT, "valid_time": MOMENT, "value": NUMBER, "unit": TEXT}
"""Columns of observations as a table: one row per hour."""

Start = Annotated[Moment | None, Query(description="First hour, UTC; without it, a week before `end`")]
End = Annotated[Moment | None, Query(description="Hour after the last, UTC; without it, the end of the observations")]


class Observations(BaseModel):
    """Hours of one series; `valid_time` and `value` have the same length."""

    series_id: str
    unit: str = Field(description="Unit of the value of one hour")
    start: Utc = Field(description="First requested hour, UTC")
    end: Utc = Field(description="Hour after the last requested one, UTC")
    as_of: Utc | None = Field(description="The values are as known at this moment; null for now")
    valid_time: list[Utc] = Field(description="Start of each hour, UTC; every hour of the range, also unobserved ones")
    value: list[float | None] = Field(description="Value of each hour; null if unknown")
    missing: int = Field(description="Hours without a value")


class SeriesHours(BaseModel):
    """Values of one series, one for each hour of the page."""

    series_id: str
    unit: str = Field(description="Unit of the value of one hour")
    value: list[float | None] = Field(description="Value of each hour; null if unknown")
    missing: int = Field(description="Hours without a value")


class ObservationPage(BaseModel):
    """The same hours of several series."""

    start: Utc = Field(description="First requested hour, UTC")
    end: Utc = Field(description="Hour after the last requested one, UTC")
    as_of: Utc | None = Field(description="The values are as known at this moment; null for now")
    valid_time: list[Utc] = Field(description="Start of each hour, UTC")
    series: list[SeriesHours] = Field(description="In the order of their series_id")
    next_cursor: str | None = Field(description="`cursor` of the next page; null on the last one")


@router.get("", summary="Observed hours of many series", response_model=ObservationPage, responses=NOT_FOUND | TABLES)
def list_observations(
    use: Use,
    request: Request,
    form: ChosenFormat,
    area: Area = None,
    start: Start = None,
    end: End = None,
    as_of: AsOf = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="Series at most")] = 100,
    cursor: Cursor = None,
) -> ObservationPage | Response:
    """The same hours of one page of series, from `start` (inclusive) to `end` (exclusive); by default the last week.

    As a table, one row per hour, without the hours that have no value. The next page is `next_cursor` in JSON,
    and the `Link` header with `rel="next"` in every format.
    """
    with use.database.connection() as connection:
        check_area(connection, area)
        found = series_page(connection, area, cursor, limit + 1)
        page = found[:limit]
        keys = [key for key, _, _ in page]
        first, last = _range(use, connection, keys, start, end)
        if (last - first) * len(page) > MAX_VALUES:
            raise bad_parameter(
                "limit",
                limit,
                f"one answer holds up to {MAX_VALUES} values, these are {len(page)} series of {last - first} hours: "
                "ask for fewer series or hours at once",
            )
        matrix = read_observations(connection, np.array(keys, np.int64), first, last, as_of)
    next_cursor = page[-1][1] if len(found) > limit else None
    headers = next_link(request, next_cursor)
    series = [(series_id, unit) for _, series_id, unit in page]
    if form != "json":
        return column_response(TABLE, _columns(first, series, matrix.values), form, headers)
    return Response(
        _page_bytes(first, last, as_of, series, matrix.values, next_cursor), headers=headers, media_type=JSON
    )


@router.get(
    "/{series_id:path}",
    summary="Observed hours of one series",
    response_model=Observations,
    responses=NOT_FOUND | TABLES,
)
def get_observations(
    use: Use,
    series_ids: SeriesIds,
    form: ChosenFormat,
    start: Start = None,
    end: End = None,
    as_of: AsOf = None,
) -> Observations | Response:
    """Hourly values from `start` (inclusive) to `end` (exclusive); by default the last week of the series.

    As a table, one row per hour, without the hours that have no value.
    """
    with use.database.connection() as connection:
        key, series_id, unit = series_key_of(connection, series_ids)
        first, last = _range(use, connection, [key], start, end)
        matrix = read_observations(connection, np.array([key]), first, last, as_of)
    if form != "json":
        return column_response(TABLE, _columns(first, [(series_id, unit)], matrix.values), form)
    values = _values(matrix.values[0])
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


def _range(
    use: Backends, connection: psycopg.Connection, series_keys: list[int], start: datetime | None, end: datetime | None
) -> tuple[Hour, Hour]:
    """First hour and the hour after the last.

    Raises:
        Problem: the range is longer than one answer holds, or ends before it starts.
    """
    last = to_hour(end - timedelta(microseconds=1)) + 1 if end else _end_of(connection, series_keys)
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
    return first, last


def _values(row: NDArray[np.float64]) -> list[float | None]:
    return [None if value != value else value for value in row.tolist()]  # noqa: PLR0124 - NaN


def _columns(first: Hour, series: list[tuple[str, str]], values: NDArray[np.float64]) -> list[Column]:
    """The columns of `TABLE`.

    Args:
        first: hour of column 0.
        series: id and unit of each row.
        values: [series, hours]; NaN if unknown.
    """
    rows, hours = np.nonzero(~np.isnan(values))
    codes = rows.astype(np.int32)
    moments = (first + hours).astype("datetime64[h]").astype("datetime64[s]")
    ids, units = [series_id for series_id, _ in series], [unit for _, unit in series]
    return [CodedText(ids, codes), moments, values[rows, hours], CodedText(units, codes)]


def _page_bytes(
    first: Hour,
    last: Hour,
    as_of: datetime | None,
    series: list[tuple[str, str]],
    values: NDArray[np.float64],
    next_cursor: str | None,
) -> bytes:
    """An `ObservationPage`, without an object for each value; NaN becomes null."""
    return orjson.dumps(
        {
            "start": format_utc(from_hour(first)),
            "end": format_utc(from_hour(last)),
            "as_of": None if as_of is None else format_utc(as_of),
            "valid_time": [format_utc(from_hour(hour)) for hour in range(first, last)],
            "series": [
                {"series_id": series_id, "unit": unit, "value": row, "missing": int(np.isnan(row).sum())}
                for (series_id, unit), row in zip(series, np.ascontiguousarray(values), strict=True)
            ],
            "next_cursor": next_cursor,
        },
        option=orjson.OPT_SERIALIZE_NUMPY,
    )


def _end_of(connection: psycopg.Connection, series_keys: list[int]) -> Hour | None:
    """The hour after the newest one of any of the series, or None if nothing is observed."""
    newest = [hour for hour in newest_hours(connection, np.array(series_keys, np.int64)) if hour is not None]
    return max(newest) + 1 if newest else None
