"""What headers name, well or badly, changes the spans of a worker and nothing else."""

import signal
from collections.abc import Sequence

import pytest
from confluent_kafka import Producer

from tests.dayahead.tracing.receiver import receiving
from tests.stream.conftest import WorkerRoom
from tests.stream.logs import eventful_log
from tests.stream.unbroken import unbroken
from tests.waiting import wait_until

pytestmark = pytest.mark.servers

TRACE, SENDER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GOOD = [("traceparent", f"00-{TRACE}-{SENDER}-01".encode())]
HEADERS: Sequence[list[tuple[str, bytes | None]] | None] = [
    [*GOOD],
    None,
    [("traceparent", None)],
    [("traceparent", b"\xff\xfe\x00")],
    [("traceparent", b"")],
    [("traceparent", b"00-" + b"9" * 5_000)],
    [*GOOD, *GOOD],
    [*GOOD, ("tracestate", b"\xc3\x28,=,,=")],
    [(f"other{number}", b"x" * 100) for number in range(120)],
]


def test_tables_and_forecasts_are_those_of_the_same_log_without_headers(
    room: WorkerRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs = {partition: eventful_log(partition) for partition in (0, 1)}
    expected = unbroken(room, logs)
    producer = Producer({"bootstrap.servers": room.topics.bootstrap, "acks": "all"})
    for partition, log in logs.items():
        for number, message in enumerate(log):
            headers = HEADERS[number % len(HEADERS)]
            producer.produce(room.topics.name("observations"), message, partition=partition, headers=headers)
    assert producer.flush(30) == 0
    with receiving() as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint)
        worker = room.start()
        for partition, log in logs.items():
            room.wait_for(partition, len(log))
        wait_until(lambda: room.kept_messages() == room.all_forecasts(), 30, "Kafka to have every forecast")
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(30) == 0
        processed = receiver.named("process observations")
    assert room.tables() == expected
    assert room.redis() == room.newest_forecasts() == room.newest_messages()
    assert {one.trace for one in processed} >= {TRACE}
    assert SENDER in {link for one in processed for link in one.links}
    letters = [headers for _, _, headers in room.read("observations.dead-letter", 1)]
    assert letters
    assert all("traceparent" in headers for headers in letters)
