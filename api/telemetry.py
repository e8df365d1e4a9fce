"""Metrics of the API: requests and their duration by route, forecasts by the server that they came from."""

import time
from functools import lru_cache

from fastapi import FastAPI, Request
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.feed import ForecastFeed
from api.hearing import ReaderState
from api.resources.health import check_servers
from dayahead.telemetry import UP

REQUESTS = Counter("dayahead_api_requests", "Requests answered", ["method", "route", "status"])
LATENCY = Histogram(
    "dayahead_api_request_seconds",
    "Time from a request to the end of its answer",
    ["route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
FORECASTS_SERVED = Counter(
    "dayahead_api_forecasts_served", "Forecasts answered, by the server that held them", ["server"]
)
STREAM_CLIENTS = Gauge("dayahead_api_stream_clients", "Clients of the stream of forecasts")
STREAM_READER = Gauge(
    "dayahead_api_stream_reader",
    "1 for the state that the reader of topic forecasts is in, 0 for the others",
    ["state"],
)
STREAM_UNDECODABLE = Gauge(
    "dayahead_api_stream_undecodable_batches", "Batches of topic forecasts that could not be decoded, since the start"
)

NO_ROUTE = "none"


class Measured:
    """Counts and times each request under its route's template, never its path: one label a series."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 500

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watch)
        finally:
            route = getattr(scope.get("route"), "path", NO_ROUTE)
            requests, latency = _series_of(scope["method"], route, status)
            requests.inc()
            latency.observe(time.perf_counter() - started)


@lru_cache(maxsize=1000)
def _series_of(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    """The series of a request; looking them up by their labels costs more than counting."""
    return REQUESTS.labels(method, route, str(status)), LATENCY.labels(route)


def install(app: FastAPI) -> None:
    """Answer /metrics."""

    @app.get("/metrics", include_in_schema=False)
    def metrics(request: Request) -> Response:
        checks = check_servers(request.app.state.backends)
        _observe_stream(request.app.state.backends.feed)
        UP.labels("api").set(all(check.ok for check in checks if check.needed))
        return Response(generate_latest(REGISTRY), media_type=CONTENT_TYPE_LATEST)


def _observe_stream(feed: ForecastFeed) -> None:
    STREAM_CLIENTS.set(feed.clients)
    STREAM_UNDECODABLE.set(feed.undecodable)
    for state in ReaderState:
        STREAM_READER.labels(state.value).set(feed.status.state is state)
