"""Pollers on real Kafka and TimescaleDB, and what they sent."""

import random
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import psycopg
from kafka import KafkaConsumer, TopicPartition

from dayahead.contracts import ObservationBatch
from dayahead.hours import Clock
from dayahead.publisher import Publisher, kafka_producer
from dayahead.reading.reader import Reader
from dayahead.retry import Backoff
from dayahead.series import partition_of
from dayahead.source import Source
from dayahead.storage.database import connect
from dayahead.topics import DEAD_LETTERS, OBSERVATIONS
from ingest.condition import Condition
from ingest.poller import Connect, Poller
from tests.conftest import TopicRoom
from tests.ingest.building import NOW, make_source


def messages(room: TopicRoom, topic: str) -> Iterator[Any]:
    """Every message of a topic from its beginning to its present end."""
    consumer = KafkaConsumer(bootstrap_servers=room.bootstrap, enable_auto_commit=False)
    try:
        partitions = [TopicPartition(room.name(topic), n) for n in consumer.partitions_for_topic(room.name(topic))]
        ends = consumer.end_offsets(partitions)
        consumer.assign(partitions)
        consumer.seek_to_beginning()
        while any(consumer.position(partition) < ends[partition] for partition in partitions):
            for batch in consumer.poll(timeout_ms=500).values():
                yield from batch
    finally:
        consumer.close()


def batches(room: TopicRoom) -> list[ObservationBatch]:
    """The batches of `observations`; each must lie in its partition."""
    found = []
    for message in messages(room, OBSERVATIONS.name):
        batch = ObservationBatch.model_validate_json(message.value)
        assert {partition_of(series_id, 4) for series_id, _, _ in batch.rows} == {message.partition}
        found.append(batch)
    return found


def published(room: TopicRoom) -> list[tuple[str, datetime, float]]:
    """All rows of `observations`, sorted; a row that was sent twice is there twice."""
    return sorted(row for batch in batches(room) for row in batch.rows)


def dead_letters(room: TopicRoom) -> list[tuple[bytes, dict[str, str]]]:
    """Raw bytes and headers of all dead letters."""
    return [
        (message.value, {name: value.decode() for name, value in message.headers})
        for message in messages(room, DEAD_LETTERS.name)
    ]


def connector(url: str) -> Connect:
    """Opens TimescaleDB as the pollers do."""
    return lambda: connect(url, wait_s=0, autocommit=True)


def make_poller(
    room: TopicRoom,
    database_url: str,
    reader: Reader,
    source: Source | None = None,
    connect: Connect | None = None,
    pause: Callable[[float], bool] = lambda _: False,
    condition: Condition | None = None,
    publisher: Publisher | None = None,
    draw: Callable[[], float] = random.random,
    clock: Clock = lambda: NOW,
) -> Poller:
    """A poller of `make_source`."""
    source = source or make_source()
    return Poller(
        source=source,
        reader=reader,
        publisher=publisher or make_publisher(room),
        connect=connect or connector(database_url),
        clock=clock,
        pause=pause,
        condition=condition or Condition(source.name),
        backoff=Backoff(first_s=0.01, longest_s=0.05),
        draw=draw,
    )


def make_publisher(room: TopicRoom) -> Publisher:
    """A publisher to the topics of a test."""
    return Publisher(lambda: kafka_producer(room.bootstrap), room.prefix)


def cursor_of(database_url: str) -> tuple[datetime, datetime, datetime | None] | None:
    """next_time, polled_at and new_hour_at of the only source."""
    with psycopg.connect(database_url, options="-c timezone=UTC") as connection:
        row = connection.execute("SELECT next_time, polled_at, new_hour_at FROM poll_cursor").fetchone()
    return None if row is None else (row[0], row[1], row[2])
