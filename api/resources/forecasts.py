"""`/v1/forecasts`: the bytes from Redis, or the same bytes encoded from TimescaleDB."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

import orjson
import psycopg
from fastapi import Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, BeforeValidator, Field, WithJsonSchema

from api.backends import Backends, Use
from api.edge.media import JSON
from api.edge.route import resource
from api.edge.tags import entity_tag
from api.hour_values import HourValues, as_text, extra_cells, extra_columns, hour_values
from api.outlook import ChosenLevels, Limit, Message, Outlook, Spread, asked_for, day_rungs_of
from api.parameters import (
    EXAMPLE,
    MOMENT_PATTERN,
    Area,
    AsOf,
    Cursor,
    Moment,
    SeriesIds,
    check_area,
    moment_of,
    series_key_of,
)
from api.problems import NOT_FOUND, bad_parameter, no_forecast
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
from api.traced import note_served
from dayahead.contracts import ForecastMessage
from dayahead.horizon import DAY_LEADS, MAX_LEADS
from dayahead.hours import format_utc, parse_utc, to_hour
from dayahead.storage.forecasts import forecast_bytes, forecast_end
from dayahead.storage.status import read_sources
from dayahead.storage.tables.forecast import nearest_origins, newest_stored_forecasts, stored_forecast
from dayahead.storage.tables.observation import read_newest_hour
from dayahead.storage.tables.series import series_page, source_keys_by_key

router = resource("/v1/forecasts", "forecasts")

CACHED = "dayahead.cached_forecast"
"""Key of the request scope for the answer of Redis, if it was asked already; its value is None if Redis has none."""

ONE_SERIES_TYPES = tuple(MEDIA_TYPES.values())
"""Media types of the forecast of one series, JSON first."""

TABLE: Columns = {
    "series_id": TEXT, "origin": MOMENT, "issued_at": MOMENT, "release": TEXT, "rung": COUNT, "unit": TEXT,
    "lead": COUNT, "valid_time": MOMENT, "p10": NUMBER, "p50": NUMBER, "p90": NUMBER,
    "ends_at": MOMENT, "stale": TEXT, "stale_reason": TEXT, "expired": TEXT, "expired_reason": TEXT,
}  # fmt: skip
"""Columns of forecasts as a table: one row per lead; `rung` is that of the lead's day of the horizon."""


MAX_VALUES = 1_000_000
"""Quantiles that one answer works out."""


def _now_or_moment(value: object) -> object:
    return value if value == "now" else moment_of(value)


From = Annotated[
    Literal["now"] | datetime | None,
    BeforeValidator(lambda value: None if value is None else _now_or_moment(value)),
    WithJsonSchema(
        {
            "anyOf": [{"const": "now"}, {"type": "string", "format": "date-time", "pattern": MOMENT_PATTERN}],
            "examples": ["now", EXAMPLE],
        },
        mode="validation",
    ),
    Query(
        alias="from",
        description="Return `hours` hours, the first of which contains this moment, UTC; `now` is that of the source",
    ),
]


class ForecastAnswer(ForecastMessage, Outlook):
    """A forecast as in topic `forecasts`, whether its series is stale, and whether it is expired now."""

    stale: bool | None = Field(
        description="Whether the series lags behind its source, or its source is silent; null if unknown"
    )
    stale_reason: str = Field(description="Why it is stale, or why that is unknown; empty while it is not stale")
    expired: bool | None = Field(description="Whether more of the forecast is over than lies ahead; null if unknown")
    expired_reason: str = Field(description="Why it is expired, or why that is unknown; empty while it is not")


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
    levels: ChosenLevels = (),
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
        bodies = [use.staleness.judged(found[series_id]) for series_id in ids if series_id in found]
        if levels:
            messages = [orjson.loads(body) for body in bodies]
            if (values := len(levels) * sum(message["leads"] for message in messages)) > MAX_VALUES:
                reason = f"one answer works out up to {MAX_VALUES} quantiles, these are {values}: ask for fewer"
                raise bad_parameter("limit", limit, reason)
            use.shapes.of(connection, {message["release"] for message in messages})
            bodies = [_with(body, _asked(use, orjson.loads(body), levels)) for body in bodies]
    next_cursor = ids[-1] if len(rows) > limit else None
    headers = next_link(request, next_cursor)
    if form != "json":
        extra = extra_columns(levels)
        return table_response({**TABLE, **dict.fromkeys(extra, NUMBER)}, _rows(bodies, extra), form, headers)
    body = b'{"forecasts":[' + b",".join(bodies) + b'],"next_cursor":' + orjson.dumps(next_cursor) + b"}"
    return Response(body, headers=headers, media_type=JSON)


@router.get(
    "/{series_id:path}",
    summary="The forecast of one series",
    response_model=ForecastAnswer | HourValues,
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
    start: From = None,
    hours: Annotated[
        int | None,
        Query(ge=1, le=MAX_LEADS, description="Answer with so many hours, 24 without it, from `from` on or from now"),
    ] = None,
    levels: ChosenLevels = (),
    limit: Limit = None,
) -> Response:
    """The newest forecast as in topic `forecasts`, whether the series is stale, and whether the forecast is expired.

    `as_of` selects the newest one issued at or before a moment, `origin` the one of an origin. With `from` or `hours`
    the answer has exactly these hours of it, null where it does not hold one. `quantiles` and `limit` are computed when
    it is read.
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
    note_served(body, server)
    if levels or limit is not None:
        _read_shapes(use, {orjson.loads(body)["release"]})
        body = _with(body, _asked(use, orjson.loads(body), levels, limit))
    wanted = None if start is None and hours is None else _hours(use, body, start or "now", hours or DAY_LEADS)
    if form != "json":
        extra = extra_columns(levels, limit)
        columns = {**TABLE, **dict.fromkeys(extra, NUMBER)}
        return table_response(columns, _rows([body], extra, wanted), form, {"Dayahead-Served-By": server})
    if wanted is not None:
        message = orjson.loads(body)
        body = orjson.dumps(hour_values(message, wanted, message))
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


def _read_shapes(use: Backends, releases: set[str | None]) -> None:
    if use.shapes.missing(releases):
        with use.database.connection() as connection:
            use.shapes.of(connection, releases)


def _asked(use: Backends, message: Message, levels: Sequence[float], limit: float | None = None) -> dict[str, Any]:
    return asked_for(Spread.of(message, use.shapes), levels, limit)


def _with(body: bytes, fields: Mapping[str, Any]) -> bytes:
    """An answer with more fields at its end."""
    return body[:-1] + b"," + orjson.dumps(fields)[1:]


def _hours(use: Backends, body: bytes, start: datetime | Literal["now"], count: int) -> range:
    """The hours that are asked for; `now` is that of the source of the series."""
    if not isinstance(start, datetime):
        series_id = orjson.loads(body)["series_id"]
        start = use.staleness.now_of(series_id) or _now_of(use, series_id)
    first = to_hour(start)
    return range(first, first + count)


def _now_of(use: Backends, series_id: str) -> datetime:
    """The present moment of the source of a series, from TimescaleDB."""
    with use.database.connection() as connection:
        key, _, _ = series_key_of(connection, [series_id])
        source_key = source_keys_by_key(connection, [key])[key]
        return next(
            one.now for one in read_sources(connection, use.now(), removed=True) if one.source_key == source_key
        )


def _rows(bodies: Iterable[bytes], extra: Sequence[str] = (), wanted: range | None = None) -> list[tuple[Any, ...]]:
    """The rows of `TABLE`.

    Args:
        bodies: the forecasts.
        extra: names of more columns.
        wanted: only these hours.
    """
    rows = []
    for body in bodies:
        forecast = orjson.loads(body)
        origin = parse_utc(forecast["origin"])
        head = (forecast["series_id"], origin, parse_utc(forecast["issued_at"]), forecast["release"])
        unit = forecast["unit"]
        ends_at = forecast_end(origin, forecast["leads"])
        tail = (
            ends_at, as_text(forecast["stale"]), forecast["stale_reason"],
            as_text(forecast["expired"]), forecast["expired_reason"],
        )  # fmt: skip
        for index, values in enumerate(zip(forecast["p10"], forecast["p50"], forecast["p90"], strict=True)):
            lead, rung = index + 1, day_rungs_of(forecast)[index // DAY_LEADS]
            if wanted is not None and to_hour(origin) + lead not in wanted:
                continue
            cells = extra_cells(forecast, extra, index)
            rows.append((*head, rung, unit, lead, origin + timedelta(hours=lead), *values, *tail, *cells))
    return rows
