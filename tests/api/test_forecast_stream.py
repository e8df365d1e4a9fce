import asyncio
import json
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from confluent_kafka.admin import AdminClient

from api.app import create_app
from api.backends import Backends
from api.feed import REPLAYS_AT_ONCE
from api.hearing import HELD_BACK, Heard, Made, ReaderState, Subscription
from api.positions import Positions
from api.resources.forecast_stream import Wanted
from dayahead.series import partition_of
from deploy.local.stack import LocalStack
from stream.servers.kafka_output import KafkaOutput, Outgoing
from stream.servers.server_retry import ServerRetry
from tests.api.conftest import SampleService
from tests.api.fakes import NOW
from tests.api.listening import STALENESS, listening
from tests.api.serving import Site
from tests.away import stopped
from tests.conftest import CHECKOUT, TopicRoom
from tests.kafka_segments import read_batches, segment_of
from tests.waiting import wait_until

PARTITIONS = 4
ORIGIN = "2023-01-24T22:00:00Z"
HERE = Positions("Y7AK3n6v", (0, 0))


@dataclass
class Stage:
    """An API on a separate topic, and the producer of a real worker that writes to it."""

    room: TopicRoom
    site: Site
    backends: Backends
    output: KafkaOutput
    sent: list[str] = field(default_factory=list)

    def make(self, *series_ids: str, size: int = 40) -> list[str]:
        """Send a forecast of each series as the worker does; returns their bodies."""
        bodies = [
            f'{{"series_id":"{one}","origin":"{ORIGIN}","number":{len(self.sent) + n},"pad":"{"x" * size}"}}'
            for n, one in enumerate(series_ids)
        ]
        topic = self.room.name("forecasts")
        self.output.deliver(
            [
                Outgoing(topic, body.encode(), key=one.encode(), partition=partition_of(one, PARTITIONS))
                for one, body in zip(series_ids, bodies, strict=True)
            ]
        )
        self.sent += bodies
        return bodies


@pytest.fixture
def stage(sample_service: SampleService, topics: TopicRoom) -> Iterator[Stage]:
    topics.create(PARTITIONS)
    settings = sample_service.settings(
        kafka_bootstrap=topics.bootstrap, topic_prefix=topics.prefix, api_stream_replay_limit=50
    )
    app = create_app(settings, lambda: NOW)
    site = Site(lambda: app)
    site.start()
    yield Stage(topics, site, app.state.backends, KafkaOutput(topics.bootstrap, ServerRetry()))
    site.stop()


@pytest.mark.servers
def test_what_the_producer_of_a_worker_writes_reaches_who_listens_byte_for_byte_and_only_what_was_asked_for(
    stage: Stage,
) -> None:
    with listening(stage.site.url, "?area=DK2") as client:
        client.ready()
        bodies = stage.make("DK1/111", "DK2/111", "DK2/131")
        assert sorted(client.forecasts(2)) == sorted(bodies[1:])
    wait_until(lambda: stage.backends.feed.clients == 0, 20, "the client that left to be forgotten")


@pytest.mark.servers
def test_thousands_of_forecasts_in_large_batches_all_arrive(stage: Stage) -> None:
    with listening(stage.site.url) as client:
        client.ready()
        bodies = stage.make(*[f"DK1/{number}" for number in range(8000)], size=600)
        assert sorted(client.forecasts(8000)) == sorted(bodies)


@pytest.mark.servers
def test_a_client_resumes_behind_the_last_event_that_it_had(stage: Stage) -> None:
    with listening(stage.site.url) as client:
        client.ready()
        first = stage.make("DK1/111", "DK2/111")
        assert sorted(client.forecasts(2)) == sorted(first)
        last_id = client.last_id
    missed = stage.make("DK1/111", "DK2/111", "DK1/111", "DK1/130", "DK2/131")
    with listening(stage.site.url, last_event_id=last_id) as client:
        assert sorted(client.forecasts(5)) == sorted(missed)
        client.ready()
        live = stage.make("DK1/111")
        assert client.forecasts(1) == live
        ids = [event.last_id for event in client.seen if event.name == "forecast"]
        got = [STALENESS.sub("}", event.data) for event in client.seen if event.name == "forecast"]
    assert len(set(ids)) == 6
    with listening(stage.site.url, last_event_id=ids[2]) as client:  # the id of an event that was itself sent again
        assert sorted(client.forecasts(3)) == sorted(got[3:])


@pytest.mark.servers
def test_a_client_that_received_nothing_can_still_resume(stage: Stage) -> None:
    with listening(stage.site.url, "?area=DK2") as client:
        last_id = client.ready().last_id
    made = stage.make("DK1/111", "DK2/111")
    with listening(stage.site.url, "?area=DK2", last_event_id=last_id) as client:
        assert client.forecasts(1) == made[1:]


@pytest.mark.servers
@pytest.mark.parametrize(
    ("last_event_id", "reason"),
    [
        ("DK1/111", "is not the id of an event of this stream"),
        ("AAAAAAAA.0-0-0-0", "was created again"),
        (None, "more than DAYAHEAD_API_STREAM_REPLAY_LIMIT (50)"),
    ],
)
def test_a_client_that_cannot_resume_gets_a_reset_event(stage: Stage, last_event_id: str | None, reason: str) -> None:
    with listening(stage.site.url) as client:
        old = client.ready().last_id
    stage.make(*["DK1/111"] * 51)
    with listening(stage.site.url, last_event_id=last_event_id or old) as client:
        event = client.until("reset")
        assert reason in event.document["reason"]
        assert "/v1/forecasts" in event.document["reason"]
        client.ready()
        assert stage.make("DK1/111") == client.forecasts(1)


@pytest.mark.servers
@pytest.mark.parametrize(
    ("query", "kind", "close"),
    [
        ("?area=DK3", "unknown-area", "DK1"),
        ("?series_id=DK1/111&series_id=DK1/112x", "unknown-series", "DK1/112"),
    ],
)
def test_an_area_or_a_series_that_does_not_exist_is_refused(stage: Stage, query: str, kind: str, close: str) -> None:
    answer = httpx.get(f"{stage.site.url}/v1/forecasts/stream{query}", timeout=20)
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["type"] == f"urn:dayahead:problem:{kind}"
    assert close in answer.json()["close_matches"]


@contextmanager
def reading_nothing(url: str, last_event_id: str) -> Iterator[None]:
    """A client that is sent a replay and does not read on after the first of it."""
    address = urlsplit(url)
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(20)
        client.connect((address.hostname, address.port))
        client.sendall(
            b"GET /v1/forecasts/stream HTTP/1.1\r\nHost: dayahead\r\nLast-Event-ID: %b\r\n\r\n" % last_event_id.encode()
        )
        head = b""
        while b"event: forecast" not in head:
            received = client.recv(512)
            assert received, f"the stream ended after {head!r}"
            head += received
        yield


@pytest.mark.servers
def test_clients_that_do_not_read_on_keep_no_replay_from_others(stage: Stage) -> None:
    with listening(stage.site.url) as client:
        last_id = client.ready().last_id
    made = stage.make(*["DK1/111"] * 40, size=400_000)  # more than what stands between a server and its client
    with ExitStack() as slow:
        for _ in range(REPLAYS_AT_ONCE):
            slow.enter_context(reading_nothing(stage.site.url, last_id))
        with listening(stage.site.url, last_event_id=last_id) as client:
            assert client.forecasts(len(made)) == made


def crc32c(data: bytes) -> int:
    """The checksum of a batch (Castagnoli)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def append_damaged_batch(segment: Path) -> None:
    """Append the last batch of a partition to its log once more, with compressed bytes that no codec can read."""
    last = read_batches(segment)[-1]
    head = 61 + 12  # of the batch, and of its compressed records
    covered = last.raw[21:head] + b"\xff" * (len(last.raw) - head)
    with segment.open("ab") as log:
        log.write(struct.pack(">q", last.base + last.records) + last.raw[8:17])
        log.write(struct.pack(">I", crc32c(covered)) + covered)


@pytest.mark.servers
def test_an_unavailable_kafka_and_an_undecodable_batch_have_different_reasons(stage: Stage, stack: LocalStack) -> None:
    def ready() -> str:
        answer = httpx.get(f"{stage.site.url}/health/ready", timeout=20)
        assert answer.status_code == 200  # everything but the stream is answered
        return str(answer.json()["reason"])

    def metrics() -> list[str]:
        return httpx.get(f"{stage.site.url}/metrics", timeout=20).text.splitlines()

    partition = partition_of("DK1/111", PARTITIONS)
    with listening(stage.site.url) as client:
        client.ready()
        assert stage.make(*["DK1/111"] * 20, size=400) == client.forecasts(20)
        assert 'dayahead_api_stream_reader{state="reading"} 1.0' in metrics()

        with stopped(stack, [stack.kafka.name]):
            detail = client.until("status", "kafka-away").document["detail"]
            assert f"Kafka at {stack.kafka.bootstrap} is away" in detail
            assert ready() == detail
            assert 'dayahead_api_stream_reader{state="kafka-away"} 1.0' in metrics()
            append_damaged_batch(segment_of(stack.folder, stage.room.name("forecasts"), partition))

        detail = client.until("status", "cannot-decode").document["detail"]
        assert f"partition {partition} of topic {stage.room.name('forecasts')} cannot be decoded" in detail
        assert "away" not in detail
        reset = client.until("reset").document["reason"]
        assert f"messages 20 to 39 of partition {partition}" in reset
        assert ready() == detail
        exposed = metrics()
        assert 'dayahead_api_stream_reader{state="cannot-decode"} 1.0' in exposed
        assert "dayahead_api_stream_undecodable_batches 1.0" in exposed
        last_id = client.last_id

        made = stage.make("DK1/111")
        assert client.until("status").document["state"] == "reading"
        assert client.forecasts(1) == made
        assert ready() == "TimescaleDB, Redis and Kafka answer"
    with listening(stage.site.url, last_event_id=last_id) as client:  # what cannot be decoded is not sent again either
        assert "cannot be decoded" in client.until("reset").document["reason"]


@pytest.mark.servers
def test_a_topic_that_is_made_later_or_created_again_is_found(sample_service: SampleService, topics: TopicRoom) -> None:
    settings = sample_service.settings(kafka_bootstrap=topics.bootstrap, topic_prefix=topics.prefix)
    app = create_app(settings, lambda: NOW)
    site = Site(lambda: app)
    site.start()
    stage = Stage(topics, site, app.state.backends, KafkaOutput(topics.bootstrap, ServerRetry()))
    try:
        with listening(site.url) as client:
            assert "run `dayahead migrate`" in client.until("status", "no-topic").document["detail"]
            topics.create(PARTITIONS)
            client.ready()
            assert stage.make("DK1/111") == client.forecasts(1)
            admin = AdminClient({"bootstrap.servers": topics.bootstrap})
            for future in admin.delete_topics([topics.name("forecasts")]).values():
                future.result(20)
            client.until("status", "no-topic")
            topics.create(PARTITIONS)
            assert "created again" in client.until("reset").document["reason"]
            client.ready()
            assert stage.make("DK1/111") == client.forecasts(1)
    finally:
        site.stop()


COUNTING = """
import gc, json, os
from contextlib import suppress
from api.feed import ForecastFeed
from tests.waiting import wait_until

def held():
    return len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))

gc.disable()  # nothing but the code under test closes anything
before = held()
with ForecastFeed("127.0.0.1:1", "", 0, answer_s=0.05, retry_s=0.001) as feed:
    wait_until(lambda: feed.attempts > 100, 60, "a hundred attempts to connect", pause_s=0.01)
    state, during = feed.status.state.value, held()
# leaving waits a second for the thread that closes the clients: on a busy machine it may take longer, a leak never ends
with suppress(AssertionError):
    wait_until(lambda: held() == before, 10, "the clients to be closed", pause_s=0.01)
print("", json.dumps([state, before, during, held()]), sep="\\n")
"""


def test_failed_connections_to_kafka_leave_no_descriptor_and_no_thread_behind() -> None:
    # in its own process: what other tests open and close cannot be distinguished from a leak
    done = subprocess.run([sys.executable, "-c", COUNTING], capture_output=True, text=True, check=True, cwd=CHECKOUT)
    state, before, during, after = json.loads(done.stdout.splitlines()[-1])
    assert state == ReaderState.AWAY.value
    assert after == before, "descriptors and threads are left"
    # a consumer and an admin client have 10 descriptors and 9 threads; one left by each attempt would be 100
    assert during[0] - before[0] < 30
    assert during[1] - before[1] < 30


@pytest.mark.parametrize(
    ("area", "series_ids", "heard"),
    [
        (None, (), ["DK1/111", "DK1", "DK10/1", "A%2FB/1"]),
        ("DK1", (), ["DK1/111", "DK1"]),  # a series with one label is its area
        ("A%2FB", (), ["A%2FB/1"]),
        ("DK1", ("DK1", "DK10/1"), ["DK1"]),
    ],
)
def test_a_client_hears_of_its_area_and_its_series(area: str, series_ids: list[str], heard: list[str]) -> None:
    wanted = Wanted(area, frozenset(series_ids))
    assert [one for one in ("DK1/111", "DK1", "DK10/1", "A%2FB/1") if wanted.has(one)] == heard


def test_a_client_that_reads_too_slowly_gets_lagged_once_and_nothing_more() -> None:
    async def overflow() -> list[Heard]:
        subscription = Subscription(asyncio.get_running_loop(), lambda series_id: True)
        for _ in range(HELD_BACK + 5):
            subscription.put([Made("DK1/111", b"{}", HERE)], HERE)
        return [subscription.queue.get_nowait() for _ in range(subscription.queue.qsize())]

    with ThreadPoolExecutor(1) as thread:  # this one may have the event loop of a browser
        heard = thread.submit(asyncio.run, overflow()).result()
    assert len(heard) == HELD_BACK + 1
    assert heard[-1] is None
    assert None not in heard[:-1]


@pytest.mark.parametrize(
    "text", ["", "DK1/111", "Y7AK3n6v", "Y7AK3n6v.", "Y7AK3n6v.1-x", "Y7AK3n6v.1--2", "short.1", "é" * 8 + ".²"]
)
def test_an_id_of_another_stream_is_recognised(text: str) -> None:
    assert Positions.parse(text) is None
    assert Positions.parse(HERE.after(1, 41).text) == Positions("Y7AK3n6v", (0, 42))
