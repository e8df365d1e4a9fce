"""Starts traces where `OTEL_EXPORTER_OTLP_ENDPOINT` is set; else imports nothing of OpenTelemetry."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING

from dayahead.errors import SettingsError
from dayahead.settings import TraceSettings, load_settings
from dayahead.tracing import spans

if TYPE_CHECKING:
    from dayahead.tracing.tracer import OpenTelemetryTracer

FLUSH_S = 2.0
"""Timeout for the spans that are left when a process ends, seconds: well within what every service has for that."""

VARIABLE = "OTEL_EXPORTER_OTLP_ENDPOINT"
NEEDED = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")

_started: "OpenTelemetryTracer | None" = None


@contextmanager
def traced(service: str) -> Iterator[None]:
    """Make and send spans during a block, if they are configured.

    Args:
        service: name of the service.

    Raises:
        SettingsError: they are configured, and OpenTelemetry is not installed.
    """
    start_traces(service)
    try:
        yield
    finally:
        stop_traces()


def start_traces(service: str) -> "OpenTelemetryTracer | None":
    """Make and send spans from now on, if they are configured; for entry points only.

    Args:
        service: name of the service.

    Returns:
        What makes them; None if they are not configured.

    Raises:
        SettingsError: they are configured, and OpenTelemetry is not installed, or a variable of it is wrong.
    """
    global _started  # noqa: PLW0603 - one for a process, as logging has one
    settings = load_settings(TraceSettings)
    if not settings.exporter_otlp_endpoint:
        return None
    if not all(_is_installed(name) for name in NEEDED):
        raise SettingsError(
            f"{VARIABLE} is set, and OpenTelemetry is missing: pip install 'dayahead[traces]', or unset it"
        )
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - if asked for

    from dayahead.tracing.exporting import CountingExporter  # noqa: PLC0415
    from dayahead.tracing.tracer import OpenTelemetryTracer  # noqa: PLC0415

    try:
        exporter = CountingExporter(OTLPSpanExporter())
        _started = OpenTelemetryTracer(service, version("dayahead"), exporter, settings.bsp_max_queue_size)
    except ValueError as error:
        raise SettingsError(f"{VARIABLE} is set, and another variable OTEL_… is wrong: {error}") from error
    spans.use(_started)
    return _started


def stop_traces() -> None:
    """Make no more spans, and send those that wait, within `FLUSH_S`; nothing where no traces were started."""
    global _started
    tracer, _started = _started, None
    spans.use(None)
    if tracer is not None:
        tracer.close(FLUSH_S)


def _is_installed(name: str) -> bool:
    """Whether a module can be imported; its packages are imported, and nothing else."""
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # of a package around it
        return False
