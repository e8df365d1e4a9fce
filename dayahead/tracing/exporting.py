"""Sends spans by OTLP over HTTP from a thread of its own; what cannot be sent is dropped and counted.

No span ever waits: one that finds the queue full is dropped, and so is a batch that the endpoint does not take within
the timeout of the exporter (`OTEL_EXPORTER_OTLP_TIMEOUT`, 10 s by default, with its retries).
"""

import threading
from collections.abc import Sequence

import structlog
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from dayahead.tracing.metrics import EXPORTED, NOT_TAKEN, QUEUE_FULL

log = structlog.get_logger()


class CountingExporter(SpanExporter):
    """Counts what another exporter sends, and what it fails to send.

    Args:
        exporter: sends spans.
    """

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._waiting = 0
        self._lock = threading.Lock()

    @property
    def waiting(self) -> int:
        """Spans that have been queued and not handed to the exporter yet."""
        return self._waiting

    def queue(self, limit: int) -> bool:
        """Count one more waiting span; False where `limit` of them wait already."""
        with self._lock:
            if self._waiting >= limit:
                return False
            self._waiting += 1
            return True

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send spans."""
        result = SpanExportResult.FAILURE
        try:
            result = self._exporter.export(spans)
        except Exception as error:  # noqa: BLE001 - whatever fails, the service goes on without these spans
            log.warning("spans_not_sent", error=f"{type(error).__name__}: {error}")
        with self._lock:
            self._waiting -= len(spans)
        (EXPORTED if result is SpanExportResult.SUCCESS else NOT_TAKEN).inc(len(spans))
        return result

    def shutdown(self) -> None:
        """Interrupt what is being sent, and send nothing more."""
        self._exporter.shutdown()


class DroppingProcessor(BatchSpanProcessor):
    """Queues ended spans; counts those for which the queue has no room.

    Args:
        exporter: sends the queued ones.
        limit: of spans that wait, `OTEL_BSP_MAX_QUEUE_SIZE`.
    """

    def __init__(self, exporter: CountingExporter, limit: int) -> None:
        super().__init__(exporter, max_queue_size=limit)
        self._counting, self._limit = exporter, limit

    def on_end(self, span: ReadableSpan) -> None:
        """Queue a span; never waits."""
        if span.context is None or not span.context.trace_flags.sampled:
            return
        if self._counting.queue(self._limit):
            super().on_end(span)
        else:
            QUEUE_FULL.inc()
