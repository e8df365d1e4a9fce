"""A receiver of traces: takes OTLP over HTTP on loopback, and keeps what it is sent."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SentSpan
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from tests.waiting import wait_until

Value = str | int | float | bool


@dataclass(frozen=True)
class ReceivedSpan:
    """A span as it came over the wire; ids in hexadecimal, `parent` empty for a root."""

    service: str
    name: str
    trace: str
    id: str
    parent: str
    kind: str
    failed: bool
    attributes: dict[str, Value]
    links: list[str]
    events: list[str]

    @property
    def header(self) -> str:
        """What names it in a message, without the flags."""
        return f"00-{self.trace}-{self.id}-"


@dataclass
class Receiver:
    """What came."""

    endpoint: str
    spans: list[ReceivedSpan] = field(default_factory=list)
    requests: int = 0
    status: int = 200
    """What requests are answered with; spans are kept only with 200."""

    def named(self, name: str, attribute: str = "", value: Value = "") -> list[ReceivedSpan]:
        """The spans of a name, and of a value of an attribute if one is given."""
        return [
            one
            for one in list(self.spans)
            if one.name == name and (not attribute or one.attributes.get(attribute) == value)
        ]

    def wait_for(self, name: str, attribute: str = "", value: Value = "") -> ReceivedSpan:
        """Wait for a span, and return the first one of its name and attribute."""
        wait_until(lambda: bool(self.named(name, attribute, value)), 60, f"a span {name} {attribute} {value}")
        return self.named(name, attribute, value)[0]

    def children(self, of: ReceivedSpan) -> list[ReceivedSpan]:
        """The spans directly inside of a span."""
        return [one for one in list(self.spans) if one.trace == of.trace and one.parent == of.id]

    def wait_for_children(self, of: ReceivedSpan, names: set[str]) -> dict[str, ReceivedSpan]:
        """Wait until a span has children of these names."""
        found: Callable[[], set[str]] = lambda: {one.name for one in self.children(of)}  # noqa: E731
        wait_until(lambda: names <= found(), 60, f"children {names} of {of.name}")
        return {one.name: one for one in self.children(of)}


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver on a free port of loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.requests += 1
            if receiver.status == 200:
                assert self.path == "/v1/traces"
                receiver.spans += _spans(body)
            self.send_response(receiver.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver = Receiver(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _spans(body: bytes) -> list[ReceivedSpan]:
    request = ExportTraceServiceRequest.FromString(body)
    return [
        _received(span, str(_attributes(one.resource.attributes)["service.name"]))
        for one in request.resource_spans
        for scope in one.scope_spans
        for span in scope.spans
    ]


def _received(span: SentSpan, service: str) -> ReceivedSpan:
    return ReceivedSpan(
        service=service,
        name=span.name,
        trace=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        kind=SentSpan.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_").lower(),
        failed=span.status.code == Status.STATUS_CODE_ERROR,
        attributes=_attributes(span.attributes),
        links=[link.span_id.hex() for link in span.links],
        events=[event.name for event in span.events],
    )


def _attributes(pairs: "list[KeyValue]") -> dict[str, Value]:
    return {pair.key: getattr(pair.value, str(pair.value.WhichOneof("value"))) for pair in pairs}
