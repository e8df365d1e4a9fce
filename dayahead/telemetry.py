"""Observability of a service: JSON logs, and /metrics, /health/live, /health/ready over HTTP."""

import logging
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from socketserver import ThreadingMixIn
from types import TracebackType
from typing import Self
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import StartResponse, WSGIEnvironment

import orjson
import structlog
from prometheus_client import REGISTRY, CollectorRegistry, Gauge, make_wsgi_app

from dayahead.errors import SettingsError
from dayahead.log_lines import NamesService, PrintedLines, handler, leave_out_repeated, log_uncaught, render, under
from dayahead.tracing.spans import add_ids

UP = Gauge(
    "dayahead_ready", "1 while the service is ready, 0 while it is not; the reason is in /health/ready", ["service"]
)


def configure_logging(service: str, level: str = "info") -> None:
    """Log JSON lines to standard error: an event name plus fields. For entry points only.

    Args:
        service: name of the service, in every line.
        level: debug, info, warning or error.
    """
    number = logging.getLevelNamesMapping()[level.upper()]
    stream = under(sys.stderr)
    root = logging.getLogger()
    root.handlers[:] = [handler(service, stream)]
    root.setLevel(max(number, logging.WARNING))
    logging.captureWarnings(True)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            NamesService(service),
            add_ids,
            structlog.processors.add_log_level,
            leave_out_repeated,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(serializer=render),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        # a line is one write, as those of `logging` are: threads of both write to this stream
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        cache_logger_on_first_use=True,
    )


def speak_json(service: str) -> None:
    """Make every line of this process JSON, from the first on: for the process of a service."""
    configure_logging(service)
    sys.stdout, sys.stderr = PrintedLines(under(sys.stdout)), PrintedLines(under(sys.stderr))
    log_uncaught()


@dataclass(frozen=True)
class Health:
    """Result of a health check.

    Attributes:
        ok: whether it is.
        reason: a sentence, also when all is well.
    """

    ok: bool
    reason: str


HealthCheck = Callable[[], Health]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _QuietHandler(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Do not log requests: a scrape every few seconds is no event."""


class TelemetryServer:
    """Answers /metrics, /health/live and /health/ready on separate threads, so also while the service computes.

    The checks are called for each request and must be quick and thread-safe.
    """

    def __init__(
        self,
        service: str,
        host: str,
        port: int,
        live: HealthCheck,
        ready: HealthCheck,
        registry: CollectorRegistry = REGISTRY,
    ) -> None:
        self._metrics = make_wsgi_app(registry)
        self._live, self._ready = live, ready
        UP.labels(service).set_function(lambda: float(ready().ok))
        try:
            self._server = make_server(host, port, self._answer, server_class=_Server, handler_class=_QuietHandler)
        except OSError as error:
            raise SettingsError(
                f"{host}:{port} cannot be used for /metrics: {error.strerror}. "
                "Set DAYAHEAD_METRICS_PORT to a free port."
            ) from error
        self._thread = threading.Thread(target=self._server.serve_forever, name="telemetry", daemon=True)

    @property
    def port(self) -> int:
        """The port in use, also where the settings left the choice to the system."""
        return int(self._server.server_port)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == "/metrics":
            metrics: Iterable[bytes] = self._metrics(environ, start_response)
            return metrics
        checks = {"/health/live": self._live, "/health/ready": self._ready}
        if path not in checks:
            start_response("404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
            return [b"This port answers /metrics, /health/live and /health/ready.\n"]
        health = checks[path]()
        start_response("200 OK" if health.ok else "503 Service Unavailable", [("Content-Type", "application/json")])
        return [orjson.dumps({"ok": health.ok, "reason": health.reason})]
