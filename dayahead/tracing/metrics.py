"""Metrics of the export of spans; they are there only where traces are configured."""

from prometheus_client import Counter

EXPORTED = Counter("dayahead_trace_spans_exported_total", "Spans that the endpoint of traces has taken")
DROPPED = Counter(
    "dayahead_trace_spans_dropped_total",
    "Spans that were dropped: the queue was full, or the endpoint of traces did not take them",
    ["reason"],
)
QUEUE_FULL, NOT_TAKEN = (DROPPED.labels(reason) for reason in ("queue_full", "not_taken"))
