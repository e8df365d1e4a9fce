"""`/v1/forecasts`: the bytes from Redis, or the same bytes encoded from TimescaleDB."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Annotated, Any

import orjson
import psycopg
from fastapi import Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from api.backends import Use
from api.edge.media import JSON
from api.edge.route import resource
from api.edge.tags import entity_tag
from api.parameters import Area, AsOf, Cursor, Moment, SeriesIds, check_area, series_key_of
from api.problems import NOT_FOUND, no_forecast
from api.tables import (
    COUNT,
    MEDIA_TYPES,
    MOMENT,
    NUMBER,
    TABLES,
    TEXT,
    ChosenFormat,
    Columns,
    next_link,
    table_response,
)
from api.telemetry import FORECASTS_SERVED
from dayahead.contracts import ForecastMessage
from dayahead.horizon import DAY_LEADS
from dayahead.hours import format_utc, parse_utc
from dayahead.storage.forecasts import forecast_bytes, forecast_end
from dayahead.storage.tables.forecast import nearest_origins, newest_stored_forecasts, stored_forecast
from dayahead.storage.tables.observation import read_newest_hour
from dayahead.storage.tables.series import series_page

router = resource("/v1/forecasts", "forecasts")

CACHED = "dayahead.cached_forecast"
"""Key of the request scope for the answer of Redis, if it was asked already; its value is None if Redis has none."""

ONE_SERIES_TYPES = tuple(MEDIA_TYPES.values())
"""Media types of the forecast of one series, JSON first."""

TABLE: Columns = {
    "series_id": TEXT, "origin": MOMENT, "issued_at": MOMENT, "release": TEXT, "rung": COUNT, "unit": TEXT,
    "lead": COUNT, "valid_time": MOMENT, "p10": NUMBER, "p50": NUMBER, "p90": NUMBER,
    "ends_at": MOMENT, "stale": TEXT, "stale_reason": TEXT,
}  # fmt: skip
"""Columns of forecasts as a table: one row per lead; `rung` is that of the lead's day of the horizon."""


class ForecastAnswer(ForecastMessage):
    """A forecast as in topic `forecasts`, and whether its series is stale now."""

    stale: bool | None = Field(
        description="Whether the series lags behind its source, or its source is silent; null if unknown"
    )
    stale_reason: str = Field(description="Why it is stale, or why that is unknown; empty while it is not stale")


class ForecastPage(BaseModel):
    """Newest forecasts of several series."""

    forecasts: list[ForecastAnswer] = Field(description="In the order of their series_id")
    next_cursor: str | None = Field(description="`cursor` of the next page; null on the last one")


@router.get(
    "",
    summary="Newest forecasts of many series",
    response_model=ForecastPage,
    responses=NOT_FOUND | TABLES,
)
def list_forecasts(
    use: Use,
    request: Request,
    form: ChosenFormat,
    area: Area = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="Series at most")] = 100,
    cursor: Cursor = None,
) -> Response:
    """One page of newest forecasts, without series that have none yet.

    As a table, one row per lead, with the rung of its day of the horizon. The next page is `next_cursor` in JSON, and
    the `Link` header with `rel="next"` in every format.
    """
    with use.database.connection() as connection:
        check_area(connection, area)
        rows = series_page(connection, area, cursor, limit + 1)
        ids = [one.series_id for one in rows[:limit]]
        found = _newest(use, connection, ids)
    next_cursor = ids[-1] if len(rows) > limit else None
    headers = next_link(request, next_cursor)
    bodies = [use.staleness.judged(found[series_id]) for series_id in ids if series_id in found]
    if form != "json":
        return table_response(TABLE, _rows(bodies), form, headers)
    body = b'{"forecasts":[' + b",".join(bodies) + b'],"next_cursor":' + orjson.dumps(next_cursor) + b"}"
    return Response(body, headers=headers, media_type=JSON)


@router.get(
    "/{series_id:path}",
    summary="The forecast of one series",
    response_model=ForecastAnswer,
    responses=NOT_FOUND | TABLES,
)
def get_forecast(
    use: Use,
    request: Request,
    series_ids: SeriesIds,
    form: ChosenFormat,
    as_of: AsOf = None,
    origin: Annotated[
        Moment | None, Query(description="Return the forecast of exactly this origin, UTC; 404 if there is none")
    ] = None,
) -> Response:
    """The newest forecast as in topic `forecasts`, and whether the series is stale now.

    `as_of` selects the newest one issued at or before a moment, `origin` the one of an origin.
    """
    body, server, newest_hour = None, "redis", None
    if as_of is None and origin is None:
        body = _cached(use, request, series_ids)
    if body is None:
        server = "database"
        with use.database.connection() as connection:
            key, series_id, _ = series_key_of(connection, series_ids)
            stored = stored_forecast(connection, key, as_of, origin)
            if stored is None:
                raise no_forecast(series_id, _why_none(connection, key, as_of, origin))
            newest_hour = read_newest_hour(connection, key)
        body = forecast_bytes(stored)
    body = use.staleness.judged(body, newest_hour)
    FORECASTS_SERVED.labels(server).inc()
    if form != "json":
        return table_response(TABLE, _rows([body]), form, {"Dayahead-Served-By": server})
    return Response(body, headers=answer_headers(body, server), media_type=JSON)


def answer_headers(body: bytes, server: str) -> dict[str, str]:
    """Headers of an answer with one forecast.

    Args:
        body: the forecast.
        server: where it was read: redis or database.
    """
    return {"ETag": entity_tag(body), "Cache-Control": "no-cache", "Dayahead-Served-By": server}


def _cached(use: Use, request: Request, series_ids: list[str]) -> bytes | None:
    if CACHED in request.scope:  # api/newest.py has read Redis already
        found: bytes | None = request.scope[CACHED]
        return found
    return next((one for one in use.forecasts.get(series_ids) or [] if one is not None), None)


def _why_none(
    connection: psycopg.Connection[Any], series_key: int, as_of: datetime | None, origin: datetime | None
) -> str:
    if origin is not None:
        near = nearest_origins(connection, series_key, origin)
        nearest = f" The nearest origins are {' and '.join(format_utc(hour) for hour in near)}." if near else ""
        known = "" if as_of is None else f" and issued by {format_utc(as_of)}"
        return f"none was made at origin {format_utc(origin)}{known}.{nearest} Omit origin for the newest one."
    if as_of is not None:
        return f"none was issued at or before {format_utc(as_of)}. Omit as_of for the newest one."
    return "none has been made yet; the workers make the first one when an hour of the series arrives."


def _newest(use: Use, connection: psycopg.Connection[Any], ids: list[str]) -> dict[str, bytes]:
    cached = use.forecasts.get(ids) if ids else []
    found = {series_id: body for series_id, body in zip(ids, cached or [], strict=False) if body is not None}
    FORECASTS_SERVED.labels("redis").inc(len(found))
    if absent := [series_id for series_id in ids if series_id not in found]:
        rows = newest_stored_forecasts(connection, absent)
        FORECASTS_SERVED.labels("database").inc(len(rows))
        found |= {row.series_id: forecast_bytes(row) for row in rows}
    return found


def _rows(bodies: Iterable[bytes]) -> list[tuple[Any, ...]]:
    """The rows of `TABLE`."""
    rows = []
    for body in bodies:
        forecast = orjson.loads(body)
        origin = parse_utc(forecast["origin"])
        head = (forecast["series_id"], origin, parse_utc(forecast["issued_at"]), forecast["release"])
        unit = forecast["unit"]
        ends_at = forecast_end(origin, forecast["leads"])
        tail = (ends_at, "" if forecast["stale"] is None else str(forecast["stale"]).lower(), forecast["stale_reason"])
        for index, values in enumerate(zip(forecast["p10"], forecast["p50"], forecast["p90"], strict=True)):
            lead, rung = index + 1, forecast["day_rungs"][index // DAY_LEADS]
            rows.append((*head, rung, unit, lead, origin + timedelta(hours=lead), *values, *tail))
    return rows
