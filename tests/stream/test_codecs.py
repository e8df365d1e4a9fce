"""Every reader of ours reads every codec, in batches of several MB."""

import asyncio
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from confluent_kafka import Producer
from kafka import KafkaProducer

from api.feed import ForecastFeed
from api.hearing import Made
from api.positions import Positions
from dayahead.dead_letter_box import DeadLetterBox
from dayahead.hours import format_utc, from_hour
from dayahead.kafka_clients import CODECS
from deploy.local.stack import LocalStack
from stream.audit.log_reading import LaterMessages, SentForecasts
from stream.servers.log_reader import Log
from stream.servers.server_retry import ServerRetry
from tests.conftest import TopicRoom
from tests.kafka_segments import read_batches, segment_of
from tests.stream.conftest import WorkerRoom
from tests.stream.logs import START, batch, series_of
from tests.waiting import wait_until
from trainer.messages import RequestReader

pytestmark = pytest.mark.servers

LARGE = 3_000_000
"""Bytes of a batch before it is compressed: kafka-python takes at most 1 MB out of one of zstd."""

Keyed = Sequence[tuple[str | None, bytes]]


class Sender:
    """Sends messages as one batch, and looks in the broker's files whether it was one."""

    def __init__(self, stack: LocalStack, room: TopicRoom) -> None:
        self._stack, self._room = stack, room

    def send(self, topic: str, partition: int, codec: str, messages: Keyed) -> None:
        name = self._room.name(topic)
        producer = Producer(
            {
                "bootstrap.servers": self._room.bootstrap,
                "compression.type": codec,
                "linger.ms": 60_000,
                "batch.size": 7_000_000,
                "batch.num.messages": 100_000,
                "message.max.bytes": 8_000_000,
            }
        )
        # who leads the partition is known before the first message: then `flush` alone says when a batch is sent
        assert producer.list_topics(name, timeout=30).topics[name].error is None
        for key, value in messages:
            producer.produce(name, key=key, value=value, partition=partition)
        assert producer.flush(30) == 0
        newest = read_batches(segment_of(self._stack.folder, name, partition))[-1]
        assert (newest.codec, newest.records) == (codec, len(messages))
        assert sum(len(value) for _, value in messages) >= LARGE


@pytest.fixture
def sender(stack: LocalStack, topics: TopicRoom) -> Sender:
    return Sender(stack, topics)


def forecasts(codec: str, count: int = 3000) -> list[tuple[str, bytes]]:
    """Bodies that are large enough together; each codec has separate series."""
    origin = format_utc(from_hour(START))
    return [
        (f"DK1/{codec}{n}", json.dumps({"series_id": f"DK1/{codec}{n}", "origin": origin, "pad": "x" * 1000}).encode())
        for n in range(count)
    ]


def start_of(feed: ForecastFeed) -> Positions:
    assert feed.position is not None
    return Positions(feed.position.topic, (0,) * len(feed.position.offsets))


def test_the_stream_of_forecasts_and_its_replay_read_every_codec(sender: Sender, topics: TopicRoom) -> None:
    topics.create(1)
    feed = ForecastFeed(topics.bootstrap, topics.prefix, 1_000_000)
    sent = {codec: forecasts(codec) for codec in CODECS}

    async def listen() -> dict[str, bytes]:
        heard: dict[str, bytes] = {}
        with feed.listen(lambda series_id: True) as subscription:
            for codec in CODECS:
                await asyncio.to_thread(sender.send, "forecasts", 0, codec, sent[codec])
                while not all(series_id in heard for series_id, _ in sent[codec]):
                    item = await asyncio.wait_for(subscription.queue.get(), 20)
                    if isinstance(item, Made):
                        heard[item.series_id] = item.body
        return heard

    expected = dict(pair for pairs in sent.values() for pair in pairs)
    with feed:
        wait_until(lambda: feed.position is not None, 30, "the end of the topic")
        # on a thread without an event loop: Playwright leaves one running in this one
        with ThreadPoolExecutor(1) as alone:
            assert alone.submit(asyncio.run, listen()).result() == expected
        assert feed.undecodable == 0
        again: dict[str, bytes] = {}
        end = feed.position
        assert end is not None
        with feed.replay(start_of(feed), end) as replay:
            while made := replay.next():
                again |= {one.series_id: one.body for one in made}
        assert again == expected
    auditor = SentForecasts(topics.bootstrap, topics.name("forecasts"))
    ids = [series_id for series_id, _ in sent["zstd"]] + ["DK1/lz40"]
    newest = auditor.newest(0, 0, ids)
    assert newest is not None
    assert {series_id: body for (series_id, _), body in newest.items()} == {one: expected[one] for one in ids}


def test_the_log_readers_and_the_dead_letter_box_read_every_codec(sender: Sender, topics: TopicRoom) -> None:
    topics.create(1)
    log = Log(topics.bootstrap, ServerRetry())
    later = LaterMessages(topics.bootstrap)
    name = topics.name("observations")
    for codec in CODECS:
        _, start = log.bounds(name, 0)
        values = [
            batch([(f"DK1/{codec}", START + hour, 1.0) for hour in range(500)], START, refresh=False)
            for _ in range(180)
        ]
        sender.send("observations", 0, codec, [(None, value) for value in values])
        found = log.stretch(name, 0, start, start + len(values))
        assert found is not None
        assert [message.value for message in found] == values
        assert later.changed_quietly(name, 0, start, start + len(values), f"DK1/{codec}") is True
        letters = [(None, f"{codec} {n} {'y' * 1000}".encode()) for n in range(3000)]
        sender.send("observations.dead-letter", 0, codec, letters)
        assert [one.value for one in DeadLetterBox(topics.bootstrap, topics.prefix).scan(len(letters))] == [
            value for _, value in letters
        ]
    log.close()


def test_the_trainer_reads_every_codec(sender: Sender, topics: TopicRoom) -> None:
    topics.create(1)
    reader = RequestReader(topics.bootstrap, topics.prefix)
    try:
        for codec in CODECS:
            asked = {"requested_at": "2023-01-24T22:00:00Z", "requested_by": codec, "reason": "z" * 100_000}
            sender.send("retune-requests", 0, codec, [(None, json.dumps(asked).encode())] * 31)
            for _ in range(31):
                received = wait_until(lambda: reader.next(1.0), 30, f"a request compressed with {codec}")
                assert received is not None
                assert received.request is not None, received.fault
                assert received.request.requested_by == codec
                reader.done(received)
    finally:
        reader.close()


def test_a_worker_reads_every_codec_also_as_the_java_and_python_clients_frame_it(
    sender: Sender, room: WorkerRoom
) -> None:
    process = room.start()
    end = 0
    for codec, series_id in zip(CODECS, series_of(0, len(CODECS)), strict=True):
        value = batch([(series_id, START - hour, 50.0) for hour in range(1, 501)], START, refresh=False)
        sender.send("observations", 0, codec, [(None, value)] * 180)
        end += 180
    # snappy as Java's clients frame it, which librdkafka's producer does not
    python = KafkaProducer(bootstrap_servers=room.topics.bootstrap, compression_type="snappy")
    value = batch([(series_of(0, 1)[0], START, 1.0)], START, refresh=False)
    assert python.send(room.topics.name("observations"), value, partition=0).get(20).offset == end
    python.close()
    room.wait_for(0, end + 1)
    assert process.poll() is None
    counted = room.query("SELECT count(*) FROM observation")
    assert counted == [(len(CODECS) * 500 + 1,)]
