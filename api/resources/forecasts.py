"""`/v1/forecasts`: the bytes that Redis holds, or the same bytes made from TimescaleDB."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any

import numpy as np
import orjson
import psycopg
from fastapi import Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from api.backends import Use
from api.edge.media import JSON
from api.edge.route import resource
from api.edge.tags import entity_tag
from api.parameters import Area, AsOf, Cursor, Moment, SeriesIds, series_key_of
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
from dayahead.hours import format_utc, parse_utc
from dayahead.storage.forecasts import StoredForecast, forecast_bytes, forecast_end
from dayahead.storage.tables.series import series_page

router = resource("/v1/forecasts", "forecasts")

CACHED = "dayahead.cached_forecast"
"""Key of the scope for what Redis holds of the series of a request, where it was asked already; None for nothing."""

ONE_SERIES_TYPES = tuple(MEDIA_TYPES.values())
"""Media types of the forecast of one series, JSON first."""

TABLE: Columns = {
    "series_id": TEXT, "origin": MOMENT, "issued_at": MOMENT, "release": TEXT, "rung": COUNT, "unit": TEXT,
    "lead": COUNT, "valid_time": MOMENT, "p10": NUMBER, "p50": NUMBER, "p90": NUMBER,
    "ends_at": MOMENT, "stale": TEXT, "stale_reason": TEXT,
}  # fmt: skip
"""Columns of forecasts as a table: one row a lead."""

COLUMNS = """
    series.series_id, forecast.origin, forecast.issued_at, forecast.release, forecast.rung, forecast.reasons,
    forecast.p50, forecast.p10, forecast.p90, series.unit
"""

ONE = f"""
    SELECT {COLUMNS} FROM forecast JOIN series USING (series_key)
    WHERE series_key = %(key)s
      AND (%(as_of)s::timestamptz IS NULL OR issued_at <= %(as_of)s)
      AND (%(origin)s::timestamptz IS NULL OR origin = %(origin)s)
    ORDER BY origin DESC LIMIT 1
"""  # noqa: S608 - the columns are ours

NEAREST = """
    (SELECT origin FROM forecast WHERE series_key = %(key)s AND origin < %(origin)s ORDER BY origin DESC LIMIT 1)
    UNION ALL
    (SELECT origin FROM forecast WHERE series_key = %(key)s AND origin > %(origin)s ORDER BY origin LIMIT 1)
"""

NEWEST = f"""
    SELECT {COLUMNS} FROM series
    CROSS JOIN LATERAL (
        SELECT * FROM forecast WHERE forecast.series_key = series.series_key ORDER BY origin DESC LIMIT 1
    ) AS forecast
    WHERE series.series_id = ANY(%(ids)s)
"""  # noqa: S608

NEWEST_HOUR = "SELECT valid_time FROM observation WHERE series_key = %s ORDER BY valid_time DESC LIMIT 1"


class ForecastAnswer(ForecastMessage):
    """A forecast as topic `forecasts` carries it, and whether its series is stale now."""

    stale: bool | None = Field(
        description="Whether the series lags behind its source, or its source is silent; null where that is not known"
    )
    stale_reason: str = Field(description="Why it is stale, or why that is not known; empty while it is not stale")


class ForecastPage(BaseModel):
    """Newest forecasts of several series."""

    forecasts: list[ForecastAnswer] = Field(description="In the order of their series_id")
    next_cursor: str | None = Field(description="`cursor` of the next page; null on the last one")


@router.get(
    "",
    summary="Newest forecasts of many series",
    response_model=ForecastPage,
    responses=TABLES,
)
def list_forecasts(
    use: Use,
    request: Request,
    form: ChosenFormat,
    area: Area = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="Series at most")] = 100,
    cursor: Cursor = None,
) -> Response:
    """One page of newest forecasts; series that have none yet are left out.

    As a table they have one row a lead. The next page is `next_cursor` in JSON, and the `Link` header with `rel="next"`
    in every format.
    """
    with use.database.connection() as connection:
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
        Moment | None, Query(description="Answer with the forecast of this very origin, UTC; 404 where there is none")
    ] = None,
) -> Response:
    """The newest forecast: what topic `forecasts` carries, and whether the series is stale now.

    `as_of` asks for the newest one issued at or before a moment, `origin` for the one that was made at an origin.
    """
    body, server, newest_hour = None, "redis", None
    if as_of is None and origin is None:
        body = _cached(use, request, series_ids)
    if body is None:
        server = "database"
        with use.database.connection() as connection:
            key, series_id, _ = series_key_of(connection, series_ids)
            rows = _read(connection, ONE, {"key": key, "as_of": as_of, "origin": origin})
            if not rows:
                raise no_forecast(series_id, _why_none(connection, key, as_of, origin))
            newest_hour = connection.execute(NEWEST_HOUR, [key]).fetchone()
        body = forecast_bytes(rows[0])
    body = use.staleness.judged(body, newest_hour[0] if newest_hour else None)
    FORECASTS_SERVED.labels(server).inc()
    if form != "json":
        return table_response(TABLE, _rows([body]), form, {"Dayahead-Served-By": server})
    return Response(body, headers=answer_headers(body, server), media_type=JSON)


def answer_headers(body: bytes, server: str) -> dict[str, str]:
    """Headers of the answer that is one forecast.

    Args:
        body: the forecast.
        server: redis or database, which held it.
    """
    return {"ETag": entity_tag(body), "Cache-Control": "no-cache", "Dayahead-Served-By": server}


def _cached(use: Use, request: Request, series_ids: list[str]) -> bytes | None:
    if CACHED in request.scope:  # api/newest.py has asked Redis already
        found: bytes | None = request.scope[CACHED]
        return found
    return next((one for one in use.forecasts.get(series_ids) or [] if one is not None), None)


def _why_none(
    connection: psycopg.Connection[Any], series_key: int, as_of: datetime | None, origin: datetime | None
) -> str:
    if origin is not None:
        near = connection.execute(NEAREST, {"key": series_key, "origin": origin}).fetchall()
        nearest = f" The nearest origins are {' and '.join(format_utc(hour) for (hour,) in near)}." if near else ""
        known = "" if as_of is None else f" and issued by {format_utc(as_of)}"
        return f"none was made at origin {format_utc(origin)}{known}.{nearest} Leave origin out for the newest one."
    if as_of is not None:
        return f"none was issued at or before {format_utc(as_of)}. Leave as_of out for the newest one."
    return "none has been made yet; the workers make the first one when an hour of the series arrives."


def _newest(use: Use, connection: psycopg.Connection[Any], ids: list[str]) -> dict[str, bytes]:
    cached = use.forecasts.get(ids) if ids else []
    found = {series_id: body for series_id, body in zip(ids, cached or [], strict=False) if body is not None}
    FORECASTS_SERVED.labels("redis").inc(len(found))
    if absent := [series_id for series_id in ids if series_id not in found]:
        rows = _read(connection, NEWEST, {"ids": absent})
        FORECASTS_SERVED.labels("database").inc(len(rows))
        found |= {row.series_id: forecast_bytes(row) for row in rows}
    return found


def _read(
    connection: psycopg.Connection[Any], statement: str, parameters: Mapping[str, object]
) -> list[StoredForecast]:
    with connection.cursor(binary=True) as cursor:
        rows = cursor.execute(statement.encode(), parameters).fetchall()
    return [
        StoredForecast(
            series_id,
            origin,
            issued_at,
            release,
            rung,
            reasons,
            np.asarray(p50, np.float32),
            np.asarray(p10, np.float32),
            np.asarray(p90, np.float32),
            unit,
        )
        for series_id, origin, issued_at, release, rung, reasons, p50, p10, p90, unit in rows
    ]


def _rows(bodies: Iterable[bytes]) -> list[tuple[Any, ...]]:
    """The rows of `TABLE`."""
    rows = []
    for body in bodies:
        forecast = orjson.loads(body)
        origin = parse_utc(forecast["origin"])
        head = (
            forecast["series_id"], origin, parse_utc(forecast["issued_at"]), forecast["release"], forecast["rung"],
            forecast["unit"],
        )  # fmt: skip
        ends_at = forecast_end(origin, forecast["leads"])
        tail = (ends_at, "" if forecast["stale"] is None else str(forecast["stale"]).lower(), forecast["stale_reason"])
        for index, values in enumerate(zip(forecast["p10"], forecast["p50"], forecast["p90"], strict=True)):
            lead = index + 1
            rows.append((*head, lead, origin + timedelta(hours=lead), *values, *tail))
    return rows
