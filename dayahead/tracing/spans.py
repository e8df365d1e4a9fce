"""Spans of what a service does; nothing where traces are not configured.

The rest of the code makes spans by the functions of this module, which imports nothing of OpenTelemetry: until
`start_traces` (starting.py) has set a tracer, each of them returns at once.
"""

from collections.abc import Collection, Iterable, Mapping
from contextlib import AbstractContextManager
from enum import Enum
from types import TracebackType
from typing import Protocol

from structlog.typing import EventDict

Attributes = Mapping[str, str | int | float | bool]
"""By name; those of OpenTelemetry's semantic conventions where it has one, else beginning with `dayahead.`."""

TraceHeaders = tuple[tuple[str, bytes], ...]
"""Headers of a message or a request that name a span, W3C Trace Context: `traceparent`, maybe `tracestate`."""

NAMES = frozenset({"traceparent", "tracestate"})


class Kind(Enum):
    """Which side of a call a span is on."""

    INTERNAL = "internal"
    SERVER = "server"
    CLIENT = "client"
    PRODUCER = "producer"
    CONSUMER = "consumer"


class Span(Protocol):
    """A span that is being recorded."""

    def note(self, attributes: Attributes) -> None:
        """Add attributes."""

    def name(self, name: str) -> None:
        """Replace the name."""

    def fail(self, why: str) -> None:
        """Mark the span as failed; an exception that leaves its block does this too."""


class Tracer(Protocol):
    """Makes spans."""

    def span(
        self, name: str, kind: Kind, attributes: Attributes, causes: Collection[TraceHeaders] | None
    ) -> AbstractContextManager[Span]:
        """Make a span for the duration of a block.

        Args:
            name: of the span.
            kind: of the span.
            attributes: of the span.
            causes: what names the spans that led to this one, None for the span around it.
        """

    def is_in_span(self) -> bool:
        """Whether the block is inside of a span that is recorded."""

    def note(self, attributes: Attributes) -> None:
        """Add attributes to the present span."""

    def headers(self) -> TraceHeaders:
        """What names the present span; empty outside of spans."""

    def ids(self) -> Mapping[str, str]:
        """`trace_id` and `span_id` of the present span in hexadecimal; empty outside of spans."""


class _NoSpan:
    """Stands for a span where there is none."""

    def __enter__(self) -> Span:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def note(self, attributes: Attributes) -> None:
        pass

    def name(self, name: str) -> None:
        pass

    def fail(self, why: str) -> None:
        pass


_NONE: Attributes = {}
_NO_SPAN = _NoSpan()
_tracer: Tracer | None = None


def use(tracer: Tracer | None) -> None:
    """Set the tracer of the process; None for none."""
    global _tracer  # noqa: PLW0603 - one for a process, as logging has one
    _tracer = tracer


def are_made() -> bool:
    """Whether traces are configured."""
    return _tracer is not None


def span(name: str, attributes: Attributes = _NONE, kind: Kind = Kind.INTERNAL) -> AbstractContextManager[Span]:
    """Make a span for the duration of a block, inside of the span around it.

    Args:
        name: of the span; few different ones, so no number and no series.
        attributes: of the span.
        kind: of the span.
    """
    return _NO_SPAN if _tracer is None else _tracer.span(name, kind, attributes, None)


def part(name: str) -> AbstractContextManager[Span]:
    """Make a span of a part of the work of the span around it; nothing outside of spans."""
    return span(name) if is_in_span() else _NO_SPAN


def caused(
    name: str, kind: Kind, causes: Iterable[TraceHeaders], attributes: Attributes = _NONE
) -> AbstractContextManager[Span]:
    """Make a span of what messages or a request led to.

    It is in the trace of the first of the causes that is sampled, else of the first; a consumer is linked to all.

    Args:
        name: of the span.
        kind: of the span.
        causes: headers of each message, or of the request; what is not Trace Context is ignored.
        attributes: of the span.
    """
    if _tracer is None:
        return _NO_SPAN
    return _tracer.span(name, kind, attributes, list(dict.fromkeys(filter(None, causes))))


def is_in_span() -> bool:
    """Whether the block is inside of a span that is recorded: else what `note` would add need not be computed."""
    return _tracer is not None and _tracer.is_in_span()


def note(attributes: Attributes) -> None:
    """Add attributes to the present span; nothing outside of spans."""
    if _tracer is not None:
        _tracer.note(attributes)


def trace_headers(headers: Iterable[tuple[str, bytes | None]]) -> TraceHeaders:
    """Choose the headers of Trace Context among those of a message or a request; none where traces are off."""
    if _tracer is None:
        return ()
    return tuple((name, value) for name, value in headers if name in NAMES and value)


def headers() -> TraceHeaders:
    """Headers for messages that the present span sends; empty outside of spans."""
    return () if _tracer is None else _tracer.headers()


def add_ids(_: object, __: str, event: EventDict) -> EventDict:
    """Process an event of structlog: add the ids of the present span."""
    if _tracer is not None:
        event.update(_tracer.ids())
    return event
