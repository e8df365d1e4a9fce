"""Makes spans by OpenTelemetry's SDK, which reads its own variables (`OTEL_…`)."""

import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager

import structlog
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Link, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from dayahead.errors import Stopped
from dayahead.tracing.exporting import CountingExporter, DroppingProcessor
from dayahead.tracing.spans import Attributes, Kind, Span, TraceHeaders

log = structlog.get_logger()

_KINDS = {kind: SpanKind[kind.name] for kind in Kind}
_PROPAGATOR = TraceContextTextMapPropagator()
_NOWHERE = Context()


class OpenTelemetryTracer:
    """Makes spans and hands them to an exporter.

    Args:
        service: name of the service, where the environment does not name it (`OTEL_SERVICE_NAME`).
        version: of the service.
        exporter: sends the spans.
        queue_limit: of spans that wait.

    Attributes:
        provider: of the SDK; not the global one, so that no library makes spans by itself.
    """

    def __init__(self, service: str, version: str, exporter: CountingExporter, queue_limit: int) -> None:
        self._exporter = exporter
        given = OTELResourceDetector().detect().attributes
        named = {"service.name": f"dayahead-{service}", "service.version": version}
        resource = Resource.create({name: text for name, text in named.items() if name not in given})
        # the exit of the process would wait for the endpoint for up to half a minute
        self.provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self.provider.add_span_processor(DroppingProcessor(exporter, queue_limit))
        self._tracer = self.provider.get_tracer("dayahead", version)

    @contextmanager
    def span(
        self, name: str, kind: Kind, attributes: Attributes, causes: Collection[TraceHeaders] | None
    ) -> Iterator[Span]:
        """Make a span for the duration of a block; see `spans.Tracer`."""
        parent, links = (None, []) if causes is None else _joined(causes)
        if kind is not Kind.CONSUMER:
            links = []  # a request has one caller, the parent
        with self._tracer.start_as_current_span(
            name,
            parent,
            _KINDS[kind],
            attributes,
            links,
            record_exception=False,
            set_status_on_exception=False,
        ) as made:
            try:
                yield _Recorded(made)
            except Stopped:
                raise  # no failure
            except Exception as error:
                made.record_exception(error)
                made.set_status(Status(StatusCode.ERROR, f"{type(error).__name__}: {error}"))
                raise

    def is_in_span(self) -> bool:
        """Whether the block is inside of a span that is recorded."""
        return trace.get_current_span().is_recording()

    def note(self, attributes: Attributes) -> None:
        """Add attributes to the present span."""
        trace.get_current_span().set_attributes(attributes)

    def headers(self) -> TraceHeaders:
        """What names the present span."""
        carrier: dict[str, str] = {}
        _PROPAGATOR.inject(carrier)
        return tuple((name, value.encode()) for name, value in carrier.items())

    def ids(self) -> Mapping[str, str]:
        """The ids of the present span."""
        present = trace.get_current_span().get_span_context()
        if not present.is_valid:
            return {}
        return {"trace_id": f"{present.trace_id:032x}", "span_id": f"{present.span_id:016x}"}

    def close(self, within_s: float) -> None:
        """Send what waits, for a limited time; what is left is dropped.

        Args:
            within_s: seconds.
        """
        # on a thread: the SDK waits for the endpoint for up to half a minute
        sending = threading.Thread(target=self.provider.shutdown, name="traces-end", daemon=True)
        sending.start()
        sending.join(within_s)
        if sending.is_alive() and (left := self._exporter.waiting):
            log.warning("spans_not_sent", spans=left, error=f"the endpoint did not take them within {within_s:g} s")


class _Recorded:
    """A span of OpenTelemetry."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def note(self, attributes: Attributes) -> None:
        self._span.set_attributes(attributes)

    def name(self, name: str) -> None:
        self._span.update_name(name)

    def fail(self, why: str) -> None:
        self._span.set_status(Status(StatusCode.ERROR, why))


def _joined(causes: Collection[TraceHeaders]) -> tuple[Context, list[Link]]:
    """The parent of a span that several messages led to, and its links."""
    contexts = [_PROPAGATOR.extract(_carrier(headers), _NOWHERE) for headers in causes]
    valid = [
        (context, found)
        for context in contexts
        if (found := trace.get_current_span(context).get_span_context()).is_valid
    ]
    parent = next((context for context, found in valid if found.trace_flags.sampled), None)
    if parent is None:
        parent = valid[0][0] if valid else _NOWHERE
    return parent, [Link(found) for _, found in valid]


def _carrier(headers: TraceHeaders) -> dict[str, str]:
    """Headers as the propagator reads them; a name that is there twice says nothing."""
    names = [name for name, _ in headers]
    return {name: value.decode("ascii", "replace") for name, value in headers if names.count(name) == 1}
