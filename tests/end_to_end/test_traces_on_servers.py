"""One trace from the poll of a source, through Kafka and a worker, to its commit and to the forecast that is served."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from confluent_kafka import Consumer, TopicPartition

from dayahead.hours import format_utc
from dayahead.reading.source_file import source_of
from dayahead.storage.tables.source import register_source
from deploy.local.ports import free_ports
from tests.conftest import TopicRoom
from tests.dayahead.tracing.receiver import ReceivedSpan, Receiver, receiving
from tests.waiting import wait_until

pytestmark = pytest.mark.servers

COMMAND = [sys.executable, "-c", "from dayahead.cli import main; main()"]
HISTORY_H = 72
METERS = """
name: meters
kind: file
title: A meter that is read once an hour
path: {file}
time_column: hour
time_zone: UTC
key_columns: [site]
value_column: kwh
unit: kWh
minimum: 0
maximum: 1000
poll_interval_s: 3600
history_h: 100
"""
PUSH = source_of(
    {"name": "own-grid", "kind": "push", "title": "Our own grid", "key_columns": ["area", "kind"], "unit": "kWh"}
)
TOKEN = "token-of-the-test"
CALLER, CALLING = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
ASKED = {"traceparent": f"00-{CALLER}-{CALLING}-01"}
STAGES = {"read", "dead_letters", "compute", "database", "encode", "redis", "kafka"}

Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


@pytest.fixture
def port() -> int:
    return free_ports(1)[0]


@pytest.fixture
def start(
    topics: TopicRoom, database_url: str, redis_url: str, receiver: Receiver, port: int, tmp_path: Path
) -> Iterator[Start]:
    """Starts a service that sends its traces to the receiver."""
    topics.create(partitions=2)
    environment = {
        **os.environ,
        "DAYAHEAD_DATABASE_URL": database_url,
        "DAYAHEAD_REDIS_URL": redis_url,
        "DAYAHEAD_KAFKA_BOOTSTRAP": topics.bootstrap,
        "DAYAHEAD_TOPIC_PREFIX": topics.prefix,
        "DAYAHEAD_METRICS_PORT": "0",
        "DAYAHEAD_API_PORT": str(port),
        "DAYAHEAD_API_TOKEN": TOKEN,
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint,
        "OTEL_BSP_SCHEDULE_DELAY": "200",
    }
    running: list[subprocess.Popen[bytes]] = []

    def run(*arguments: str, **variables: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen([*COMMAND, *arguments], env={**environment, **variables}, cwd=tmp_path)
        running.append(process)
        return process

    yield run
    for process in running:
        process.kill()
        process.wait()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A source file of two meters with three days up to two hours ago."""
    last = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)
    hours = [last - timedelta(hours=number) for number in range(HISTORY_H)]
    rows = [f"{site},{hour:%Y-%m-%dT%H:00},{10 + hour.hour}" for hour in hours for site in ("hall", "barn")]
    (tmp_path / "meters.csv").write_text("site,hour,kwh\n" + "\n".join([*rows, f"hall,{last:%Y-%m-%dT%H:00}x,1"]))
    file = tmp_path / "meters.yaml"
    file.write_text(METERS.format(file=tmp_path / "meters.csv"))
    return file


def poll(start: Start, source: Path) -> None:
    assert start("ingest", f"--source={source}", "--once").wait(90) == 0


def ask(port: int, path: str, **options: Any) -> httpx.Response | None:
    try:
        answer = httpx.request(options.pop("method", "GET"), f"http://127.0.0.1:{port}{path}", timeout=10, **options)
    except httpx.TransportError:
        return None
    return answer if answer.status_code == 200 else None


def headers_of(topics: TopicRoom, topic: str) -> list[dict[str, bytes]]:
    """Headers of every message of a topic."""
    consumer = Consumer({"bootstrap.servers": topics.bootstrap, "group.id": "unused"})
    name, found = topics.name(topic), list[dict[str, bytes]]()
    try:
        for partition in consumer.list_topics(name, timeout=20).topics[name].partitions:
            _, end = consumer.get_watermark_offsets(TopicPartition(name, partition), timeout=20)
            consumer.assign([TopicPartition(name, partition, 0)])
            position = 0
            while position < end:
                message = consumer.poll(20)
                assert message is not None
                position = message.offset() + 1
                found.append(dict(message.headers() or []))
    finally:
        consumer.close()
    return found


def names(header: dict[str, bytes], span: ReceivedSpan) -> bool:
    return header.get("traceparent", b"").decode().startswith(span.header)


def test_one_trace_leads_from_the_poll_to_the_commit_and_names_the_served_forecast(
    start: Start, source: Path, topics: TopicRoom, receiver: Receiver, port: int
) -> None:
    poll(start, source)
    polled = receiver.wait_for("poll", "dayahead.source", "meters")
    assert (polled.service, polled.parent) == ("dayahead-ingest", "")
    inside = receiver.wait_for_children(polled, {"read source", "send observations"})
    sent = inside["send observations"]
    assert sent.kind == "producer"
    messages = headers_of(topics, "observations")
    assert messages
    assert all(names(one, sent) for one in messages)
    assert [names(one, sent) for one in headers_of(topics, "observations.dead-letter")] == [True]

    worker, api = start("worker"), start("api")
    served = wait_until(lambda: ask(port, "/v1/forecasts/hall", headers=ASKED), 90, "a forecast to be served").json()

    processed = receiver.wait_for("process observations")
    assert (processed.service, processed.kind) == ("dayahead-worker", "consumer")
    assert (processed.trace, processed.parent) == (polled.trace, sent.id), "it follows from the poll"
    assert processed.links == [sent.id]
    batch = receiver.wait_for_children(processed, {"decode", "batch"})["batch"]
    stages = receiver.wait_for_children(batch, STAGES)
    assert not any(one.failed for one in stages.values())

    # which forecast it was is said by the forecast, the span that computed it, and the span of the request
    computed = receiver.wait_for("compute", "dayahead.issued_at", served["issued_at"])
    assert computed.trace == polled.trace
    request = receiver.wait_for("GET /v1/forecasts/{series_id:path}", "dayahead.issued_at", served["issued_at"])
    assert (request.service, request.kind) == ("dayahead-api", "server")
    assert (request.trace, request.parent) == (CALLER, CALLING), "the caller's trace goes on"
    assert request.attributes["http.response.status_code"] == 200
    kafka = receiver.named("kafka")
    forecasts = headers_of(topics, "forecasts")
    assert len(forecasts) == 2
    assert all(any(names(one, span) for span in kafka) for one in forecasts)

    for process in (worker, api):
        process.send_signal(signal.SIGTERM)
    assert worker.wait(30) == 0
    api.wait(30)


def test_rows_that_are_sent_over_http_go_on_in_the_trace_of_their_sender(
    start: Start, database_url: str, receiver: Receiver, port: int
) -> None:
    with psycopg.connect(database_url) as connection:
        register_source(connection, PUSH)
    api, _ = start("api"), start("worker")
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)
    rows = {"source": PUSH.name, "rows": [["north/households", format_utc(hour), 10.5]]}
    headers = {**ASKED, "Authorization": f"Bearer {TOKEN}"}
    wait_until(
        lambda: ask(port, "/v1/observations", method="POST", json=rows, headers=headers), 90, "the API to take rows"
    )
    request = receiver.wait_for("POST /v1/observations", "http.response.status_code", 200)
    assert (request.trace, request.parent) == (CALLER, CALLING)
    sent = receiver.wait_for_children(request, {"send observations"})["send observations"]
    processed = receiver.wait_for("process observations")
    assert (processed.trace, processed.parent) == (CALLER, sent.id)
    receiver.wait_for("database")
    api.send_signal(signal.SIGTERM)
    api.wait(30)


def test_a_worker_whose_endpoint_is_down_forecasts_all_the_same_and_ends_in_time(
    start: Start, source: Path, topics: TopicRoom, database_url: str
) -> None:
    (unused,) = free_ports(1)
    nowhere = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{unused}"}
    assert start("ingest", f"--source={source}", "--once", **nowhere).wait(90) == 0
    worker = start("worker", **nowhere)
    wait_until(lambda: len(headers_of(topics, "forecasts")) == 2, 90, "forecasts")
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(30) == 0
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT count(*) FROM forecast").fetchone() == (2,)


def test_a_training_is_a_span(start: Start, receiver: Receiver) -> None:
    assert start("train").wait(90) != 0, "there is no history"
    trained = receiver.wait_for("train", "dayahead.requested_by", "command")
    assert trained.failed
    assert receiver.wait_for_children(trained, {"read and clean"})["read and clean"].failed
