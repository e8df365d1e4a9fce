"""The FastAPI application: resources under /v1, health, metrics, and the page at /."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from importlib.metadata import version

import httpx
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi_offline import FastAPIOffline
from starlette.middleware import Middleware

from api import openapi, page, problems, telemetry
from api.backends import (
    WATCHER_TIMEOUT_S,
    Backends,
    BackendsFactory,
    KafkaAnnouncer,
    Watcher,
)
from api.cache_reader import CacheReader
from api.edge.compression import Compression
from api.edge.head import HeadAsGet
from api.edge.rate_limit import RateLimit
from api.edge.tags import Tagged
from api.feed import ForecastFeed
from api.letters import NewestLetters
from api.newest import NewestForecasts
from api.redis_forecasts import RedisForecasts
from api.resources import (
    accuracy,
    accuracy_hours,
    alertmanager,
    alerts,
    day_ahead,
    days,
    dead_letters,
    drift,
    forecast_stream,
    forecast_why,
    forecasts,
    health,
    models,
    observations,
    quality,
    reference_forecasts,
    reports,
    retune,
    sent_observations,
    series,
    services,
    totals,
    weather,
)
from api.sending import KafkaRows
from api.settings import ApiSettings
from api.staleness import StalenessJudge
from api.traced import Traced
from dayahead.hours import Clock, wall_clock
from dayahead.storage.database import open_pool
from dayahead.topics import OBSERVATIONS
from dayahead.tracing import spans
from dayahead.tracing.starting import stop_traces

RECONNECT_S = 2.0

DESCRIPTION = """
Forecasts of the hours to come for every hourly energy series, how good they were, and how well the data flow.

Every moment is UTC in ISO 8601 (`2023-01-24T22:00:00Z`) and names the **start** of its hour. A `series_id` is the
label values of a series joined by `/` (`DK1/111`). `rung` is how far a forecast is degraded: 0 full model,
1 full model on degraded input, 2 previous release, 3 weekly or daily profile, 4 last value, 5 no forecast yet.
Errors are problem details (RFC 9457).
"""


@contextmanager
def open_backends(settings: ApiSettings, clock: Clock) -> Iterator[Backends]:
    """The real servers; none has to be up yet."""
    with ExitStack() as stack:
        pool = stack.enter_context(
            open_pool(
                settings.database_url,
                settings.api_database_connections,
                settings.api_database_wait_s,
                RECONNECT_S,
                settings.api_statement_timeout_s,
            )
        )
        topic = settings.topic_prefix + OBSERVATIONS.name
        forecasts_cache = stack.enter_context(RedisForecasts(settings.redis_url, pool, topic))
        announcer = KafkaAnnouncer(settings.kafka_bootstrap, settings.topic_prefix)
        stack.callback(announcer.close)
        feed = ForecastFeed(settings.kafka_bootstrap, settings.topic_prefix, settings.api_stream_replay_limit)
        stack.enter_context(feed)
        rows = KafkaRows(settings.kafka_bootstrap, settings.topic_prefix)
        stack.callback(rows.close)
        client = stack.enter_context(httpx.Client(timeout=WATCHER_TIMEOUT_S, trust_env=False))
        yield Backends(
            settings=settings,
            clock=clock,
            database=pool,
            forecasts=forecasts_cache,
            announcer=announcer,
            feed=feed,
            prometheus=Watcher("Prometheus", settings.prometheus_url, "DAYAHEAD_PROMETHEUS_URL", client),
            alertmanager=Watcher("Alertmanager", settings.alertmanager_url, "DAYAHEAD_ALERTMANAGER_URL", client),
            rows=rows,
            staleness=stack.enter_context(StalenessJudge(pool, clock)),
            letters=NewestLetters(settings.kafka_bootstrap, settings.topic_prefix),
        )


def _middleware(settings: ApiSettings) -> list[Middleware]:
    """What each request passes, the outermost first."""
    passed = [Middleware(HeadAsGet), Middleware(telemetry.Measured)]
    if spans.are_made():
        passed.append(Middleware(Traced))
    if settings.api_cors_origins:
        passed.append(
            Middleware(
                CORSMiddleware,
                allow_origins=settings.api_cors_origins,
                allow_methods=["GET", "HEAD", "POST"],
                allow_headers=["Authorization", "Content-Type", "If-None-Match", "Last-Event-ID"],
                expose_headers=["ETag", "Link", "Retry-After", "Dayahead-Served-By"],
            )
        )
    if settings.api_rate_limit:
        passed.append(Middleware(RateLimit, rate=settings.api_rate_limit))
    return [*passed, Middleware(Compression), Middleware(NewestForecasts), Middleware(Tagged)]


def create_app(settings: ApiSettings, clock: Clock = wall_clock, backends: BackendsFactory = open_backends) -> FastAPI:
    """The application.

    Args:
        settings: where the servers are.
        clock: the present moment.
        backends: opens the servers when the application starts; tests give their own.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with backends(settings, clock) as opened:
            app.state.backends, app.state.cache_reader = opened, CacheReader(opened.forecasts.get_in_loop)
            try:
                yield
            finally:
                await opened.forecasts.leave_loop()
        # here: after it uvicorn raises the signal again, which ends the process
        await asyncio.to_thread(stop_traces)

    app = FastAPIOffline(
        docs_url="/docs",
        redoc_url=None,
        swagger_ui_parameters={"validatorUrl": None},  # the validator is a site elsewhere
        title="Dayahead",
        version=version("dayahead"),
        description=DESCRIPTION,
        lifespan=lifespan,
        responses=problems.RESPONSES,
        middleware=_middleware(settings),
    )
    problems.install(app)
    for resource in (
        series,
        totals,
        forecast_stream,  # before the resource whose path would take it for a series
        forecast_why,  # likewise
        forecasts,
        day_ahead,
        days,
        observations,
        sent_observations,
        accuracy,
        accuracy_hours,
        quality,
        reference_forecasts,
        weather,
        drift,
        dead_letters,
        models,
        reports,
        alerts,
        services,
        retune,
        alertmanager,
        health,
    ):
        app.include_router(resource.router)
    telemetry.install(app)
    page.install(app)
    openapi.install(app)
    return app
