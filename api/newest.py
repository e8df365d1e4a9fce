"""Answers the newest forecast of a series from Redis, before the request reaches FastAPI.

`GET /v1/forecasts/{series_id}` without parameters is what most requests are, and its answer lies ready in Redis.
FastAPI's routing, dependencies and threads would cost several times as much as the answer itself. What Redis lacks, and
whatever asks for something else, is passed on to api/resources/forecasts.py, which documents this answer too.
"""

from starlette.types import ASGIApp, Receive, Scope, Send

from api.cache_reader import CacheReader
from api.edge.media import JSON, best_type
from api.edge.route import Route
from api.edge.tags import held_tag
from api.parameters import series_ids_of
from api.resources import forecasts
from api.telemetry import FORECASTS_SERVED
from api.traced import note_served

PREFIX = f"{forecasts.router.prefix}/"
STREAM = "/v1/forecasts/stream"


class NewestForecasts:
    """Answer the newest forecast of a series from Redis; forward every other request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._served = FORECASTS_SERVED.labels("redis")
        self._route = next(
            route
            for route in forecasts.router.routes
            if isinstance(route, Route) and route.endpoint is forecasts.get_forecast
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if not _asks_for_the_newest(scope):
            await self._app(scope, receive, send)
            return
        reader: CacheReader = scope["app"].state.cache_reader
        found = await reader.get(series_ids_of(scope, PREFIX))
        body = next((one for one in found or () if one is not None), None)
        scope[forecasts.CACHED] = body
        if body is None or not _accepts_json(scope):
            await self._app(scope, receive, send)
            return
        scope["route"] = self._route  # what the request is counted under
        self._served.inc()
        note_served(body, "redis")
        await self._send(scope, send, scope["app"].state.backends.staleness.judged(body))

    async def _send(self, scope: Scope, send: Send, body: bytes) -> None:
        headers = forecasts.answer_headers(body, "redis")
        held = held_tag(headers["ETag"], _header(scope, b"if-none-match"))
        if held is not None:
            headers["ETag"], body = held, b""
        raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        if held is None:
            raw += [(b"content-type", JSON.encode()), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200 if held is None else 304, "headers": raw})
        await send({"type": "http.response.body", "body": body})


def _asks_for_the_newest(scope: Scope) -> bool:
    return (
        scope["type"] == "http"
        and scope["method"] == "GET"
        and not scope["query_string"]
        and scope["path"].startswith(PREFIX)
        and scope["path"] != STREAM
    )


def _accepts_json(scope: Scope) -> bool:
    accept = _header(scope, b"accept")
    return accept is None or best_type(accept, forecasts.ONE_SERIES_TYPES) == JSON


def _header(scope: Scope, name: bytes) -> str | None:
    """Return a header of the request; several of one name are joined by commas."""
    found = [value for key, value in scope["headers"] if key == name]
    return b", ".join(found).decode("latin-1") if found else None
