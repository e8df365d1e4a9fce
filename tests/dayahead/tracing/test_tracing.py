"""Spans as they arrive at a receiver, and what happens where they cannot."""

import json
import logging
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest
import structlog
from prometheus_client import REGISTRY

from dayahead.errors import SettingsError, Stopped
from dayahead.telemetry import configure_logging
from dayahead.tracing import spans, starting
from dayahead.tracing.spans import Kind, TraceHeaders
from dayahead.tracing.starting import FLUSH_S, traced
from tests.dayahead.tracing.receiver import Receiver, receiving

TRACE, OTHER = "0af7651916cd43dd8448eb211c80319c", "1bf7651916cd43dd8448eb211c80319c"
SAMPLED: TraceHeaders = (("traceparent", f"00-{TRACE}-b7ad6b7169203331-01".encode()),)
UNSAMPLED: TraceHeaders = (("traceparent", f"00-{OTHER}-c7ad6b7169203331-00".encode()),)

BROKEN: list[TraceHeaders] = [
    (),
    (("traceparent", b""),),
    (("traceparent", b"\xff\xfe\x00"),),
    (("traceparent", b"00-0-0-0"),),
    (("traceparent", f"00-{'0' * 32}-b7ad6b7169203331-01".encode()),),
    (("traceparent", f"ff-{TRACE}-b7ad6b7169203331-01".encode()),),
    (("traceparent", b"0" * 8_000),),
    (*SAMPLED, *UNSAMPLED),
    (("tracestate", b"a=b"),),
]


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with receiving() as running:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", running.endpoint)
        yield running


@pytest.fixture
def dropped() -> Callable[[str], float]:
    """Counts the spans that were dropped since the test began, by why."""
    before = {reason: _dropped(reason) for reason in ("queue_full", "not_taken")}
    return lambda reason: _dropped(reason) - before[reason]


def _dropped(reason: str) -> float:
    return REGISTRY.get_sample_value("dayahead_trace_spans_dropped_total", {"reason": reason}) or 0.0


def test_spans_arrive_with_their_parents_attributes_and_faults(receiver: Receiver) -> None:
    def work() -> None:
        with spans.span("outer", {"dayahead.rows": 3}) as outer:
            outer.note({"dayahead.source": "meters"})
            with spans.part("inner"):
                spans.note({"dayahead.issued_at": "now"})
            with pytest.raises(Stopped), spans.span("stopped"):
                raise Stopped("asked to stop")
            raise ValueError("bad")

    with traced("worker"), pytest.raises(ValueError, match="bad"):
        work()
    by_name = {one.name: one for one in receiver.spans}
    assert by_name.keys() == {"outer", "inner", "stopped"}
    outer_span = by_name["outer"]
    assert outer_span.service == "dayahead-worker"
    assert outer_span.attributes == {"dayahead.rows": 3, "dayahead.source": "meters"}
    assert (outer_span.parent, outer_span.failed, outer_span.events) == ("", True, ["exception"])
    assert by_name["inner"].parent == outer_span.id
    assert by_name["inner"].attributes == {"dayahead.issued_at": "now"}
    assert not by_name["stopped"].failed


def test_the_service_is_named_as_the_environment_names_it(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "north")
    with traced("worker"), spans.span("one"):
        pass
    assert receiver.spans[0].service == "north"


def test_a_part_outside_of_spans_is_none(receiver: Receiver) -> None:
    with traced("worker"):
        with spans.part("takeover"):
            spans.note({"dayahead.rows": 1})
        assert spans.headers() == ()
    assert receiver.spans == []


def test_headers_carry_a_span_to_another_process(receiver: Receiver) -> None:
    with traced("ingest"), spans.span("send", kind=Kind.PRODUCER):
        sent = spans.headers()
    with traced("worker"), spans.caused("process", Kind.CONSUMER, [sent, sent]):
        pass
    producer, consumer = receiver.named("send")[0], receiver.named("process")[0]
    assert dict(sent)["traceparent"].decode().startswith(producer.header)
    assert (consumer.trace, consumer.parent, consumer.links) == (producer.trace, producer.id, [producer.id])
    assert (producer.kind, consumer.kind) == ("producer", "consumer")


def test_a_batch_is_in_the_trace_of_its_first_sampled_message_and_linked_to_all(receiver: Receiver) -> None:
    with traced("worker"), spans.caused("process", Kind.CONSUMER, [(), UNSAMPLED, SAMPLED]):
        pass
    (batch,) = receiver.spans
    assert batch.trace == TRACE
    assert batch.links == ["c7ad6b7169203331", "b7ad6b7169203331"]


@pytest.mark.parametrize("headers", BROKEN, ids=range(len(BROKEN)))
def test_broken_headers_begin_a_new_trace(receiver: Receiver, headers: TraceHeaders) -> None:
    with traced("worker"), spans.span("around"), spans.caused("process", Kind.CONSUMER, [headers]):
        pass
    (process,) = receiver.named("process")
    assert (process.parent, process.links) == ("", [])
    assert process.trace not in {TRACE, OTHER, receiver.named("around")[0].trace}


def test_other_headers_are_not_taken_for_trace_context(receiver: Receiver) -> None:
    with traced("worker"):
        assert spans.trace_headers([("other", b"1"), ("traceparent", None), *SAMPLED]) == SAMPLED
    assert spans.trace_headers(SAMPLED) == (), "traces are off"


def test_the_sampler_of_the_environment_decides(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_always_off")
    with traced("worker"):
        with spans.span("root"):
            (sent,) = spans.headers()
        with spans.caused("of an unsampled one", Kind.CONSUMER, [(sent,)]):
            pass
        with spans.caused("process", Kind.CONSUMER, [SAMPLED]):
            pass
    assert [one.name for one in receiver.spans] == ["process"]


def test_log_lines_name_the_span_that_they_are_written_in(
    receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    before = structlog.get_config(), logging.getLogger().handlers[:], logging.getLogger().level
    configure_logging("worker")
    try:
        with traced("worker"):
            structlog.get_logger().info("outside")
            with spans.span("one"):
                structlog.get_logger().info("inside")
                logging.getLogger("some.library").warning("of a library")
    finally:
        structlog.configure(**before[0])
        logging.getLogger().handlers[:], logging.getLogger().level = before[1], before[2]
    outside, inside, library = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    (span,) = receiver.spans
    assert "trace_id" not in outside
    for line in (inside, library):
        assert (line["trace_id"], line["span_id"]) == (span.trace, span.id)


def test_what_an_endpoint_that_is_down_does_not_take_is_dropped_and_counted(
    monkeypatch: pytest.MonkeyPatch, dropped: Callable[[str], float]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    with traced("worker"):
        for _ in range(5):
            with spans.span("one"):
                pass
    assert dropped("not_taken") == 5


def test_what_an_endpoint_rejects_is_dropped_and_counted(receiver: Receiver, dropped: Callable[[str], float]) -> None:
    receiver.status = 400
    with traced("worker"), spans.span("one"):
        pass
    assert receiver.requests == 1
    assert dropped("not_taken") == 1


def test_a_full_queue_drops_and_counts_and_nothing_waits_for_an_endpoint_that_hangs(
    monkeypatch: pytest.MonkeyPatch, dropped: Callable[[str], float]
) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "512")
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{hanging.getsockname()[1]}")
        began = time.monotonic()
        with traced("worker"):
            for _ in range(700):
                with spans.span("one"):
                    pass
        # the end waits its time and no longer: the exporter alone waits ten seconds, and the SDK thirty
        assert FLUSH_S <= time.monotonic() - began < 10
    assert dropped("queue_full") >= 700 - 2 * 512
    assert dropped("queue_full") > 0


UNWANTED = ("opentelemetry.exporter", "opentelemetry.sdk.trace", "dayahead.tracing.tracer", "requests")
"""What traces import. FastAPI and the client of Redis import other parts of OpenTelemetry where it is installed."""


@pytest.mark.parametrize("module", ["ingest.running", "stream.assembly", "trainer.running", "api.app"])
def test_nothing_of_opentelemetry_is_imported_where_no_endpoint_is_set(module: str) -> None:
    code = (
        f"import sys, {module}; from dayahead.tracing.starting import start_traces; start_traces('x');"
        f"print([name for name in sys.modules if name.startswith({UNWANTED})])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"HOME": "/tmp"},
    )
    assert ran.stdout.strip() == "[]"


def test_without_the_extra_the_error_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
    monkeypatch.setattr(starting, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"pip install 'dayahead\[traces\]'"):
        starting.start_traces("worker")


@pytest.mark.parametrize(
    ("variable", "value"),
    [("OTEL_EXPORTER_OTLP_ENDPOINT", "127.0.0.1:4318"), ("OTEL_BSP_MAX_QUEUE_SIZE", "0")],
)
def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=variable):
        starting.start_traces("worker")
