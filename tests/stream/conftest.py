"""A room for worker tests: topics, a database with a source, and worker processes that end with the test."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import orjson
import psycopg
import pytest
import redis
from confluent_kafka import Consumer, Producer, TopicPartition

from dayahead.hours import Hour, format_utc, from_hour
from dayahead.series import partition_of
from dayahead.source import Source, SourceKind
from dayahead.storage.sources import register_source
from tests.conftest import TopicRoom
from tests.waiting import wait_until

PROCESS = Path(__file__).with_name("worker_process.py")
PARTITIONS = 2
SOURCE = Source(
    name="test",
    kind=SourceKind.ENERGI_DATA_SERVICE,
    title="Test",
    url="http://127.0.0.1:1/",
    dataset="Test",
    time_column="HourUTC",
    key_columns=["Area", "Kind"],
    value_column="kWh",
    unit="kWh",
    local_time_zone="Europe/Copenhagen",
    country="DK",
)
START: Hour = 465_000
"""2023-01-18T00:00Z, the first hour of test data."""


def series_of(partition: int, count: int) -> list[str]:
    """Ids of series that belong to a partition."""
    candidates = (f"{area}/{number}" for number in range(1000) for area in ("DK1", "DK2"))
    return [one for one in candidates if partition_of(one, PARTITIONS) == partition][:count]


def batch(rows: Sequence[tuple[str, Hour, object]], available: Hour, *, refresh: bool = True) -> bytes:
    """A message of `observations`."""
    return orjson.dumps(
        {
            "source": SOURCE.name,
            "available_at": format_utc(from_hour(available)),
            "refresh": refresh,
            "rows": [[series_id, format_utc(from_hour(hour)), value] for series_id, hour, value in rows],
        }
    )


@dataclass
class WorkerRoom:
    """Everything that a worker of one test needs."""

    topics: TopicRoom
    database_url: str
    redis_url: str
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def environment(self, **settings: object) -> dict[str, str]:
        """The environment of a worker process."""
        return {
            **os.environ,
            "DAYAHEAD_DATABASE_URL": self.database_url,
            "DAYAHEAD_REDIS_URL": self.redis_url,
            "DAYAHEAD_KAFKA_BOOTSTRAP": self.topics.bootstrap,
            "DAYAHEAD_TOPIC_PREFIX": self.topics.prefix,
            "DAYAHEAD_METRICS_PORT": "0",
            "DAYAHEAD_WORKER_SESSION_TIMEOUT_S": "6",
            **{f"DAYAHEAD_{name.upper()}": str(value) for name, value in settings.items()},
        }

    def start(self, crash: str | None = None, **settings: object) -> subprocess.Popen[bytes]:
        """Start a worker; `crash` is STEP:N."""
        command = [sys.executable, str(PROCESS), *([crash] if crash else [])]
        process = subprocess.Popen(command, env=self.environment(**settings), cwd=PROCESS.parents[2])
        self.processes.append(process)
        return process

    def send(self, partition: int, messages: Sequence[bytes | None]) -> None:
        """Put messages into the log, in their order."""
        producer = Producer({"bootstrap.servers": self.topics.bootstrap, "acks": "all"})
        for message in messages:
            producer.produce(self.topics.name("observations"), value=message, partition=partition)
        assert producer.flush(30) == 0

    def end_of(self, topic: str, partition: int) -> int:
        """The offset after the last message."""
        consumer = Consumer({"bootstrap.servers": self.topics.bootstrap, "group.id": "unused"})
        try:
            return int(
                consumer.get_watermark_offsets(TopicPartition(self.topics.name(topic), partition), timeout=20)[1]
            )
        finally:
            consumer.close()

    def read(self, topic: str, partitions: int = PARTITIONS) -> list[tuple[bytes | None, bytes, dict[str, str]]]:
        """Key, value and headers of all messages of a topic."""
        consumer = Consumer({"bootstrap.servers": self.topics.bootstrap, "group.id": "unused"})
        name = self.topics.name(topic)
        found = []
        try:
            for partition in range(partitions):
                _, high = consumer.get_watermark_offsets(TopicPartition(name, partition), timeout=20)
                consumer.assign([TopicPartition(name, partition, 0)])
                position = 0
                while position < high:
                    message = consumer.poll(10)
                    assert message is not None, f"{name}/{partition} gave nothing after offset {position}"
                    position = message.offset() + 1
                    headers = {key: value.decode() for key, value in message.headers() or []}
                    found.append((message.key(), message.value(), headers))
        finally:
            consumer.close()
        return found

    def query(self, statement: str, parameters: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Rows of a statement."""
        with psycopg.connect(self.database_url, options="-c timezone=UTC") as connection:
            return connection.execute(statement.encode(), parameters).fetchall()

    def offsets(self) -> dict[int, int]:
        """Next offset of each partition as the tables say."""
        return dict(self.query("SELECT partition, next_offset FROM worker_offset"))  # type: ignore[arg-type]

    def wait_for(self, partition: int, offset: int, deadline_s: float = 60) -> None:
        """Wait until a partition stands at an offset in the tables."""
        wait_until(
            lambda: self.offsets().get(partition, -1) >= offset,
            deadline_s,
            f"partition {partition} to reach offset {offset}",
        )

    def wait_until_published(self, partition: int, offset: int) -> None:
        """Wait until a partition stands at an offset and all before it has been sent out."""
        self.wait_for(partition, offset)

    def redis(self) -> dict[str, bytes]:
        """All forecasts in Redis, by series_id."""
        with redis.Redis.from_url(self.redis_url) as client:
            keys = list(client.scan_iter("dayahead:v1:forecast:*"))
            return {key.decode().removeprefix("dayahead:v1:forecast:"): client.get(key) for key in keys}

    def tables(self) -> dict[str, list[tuple[object, ...]]]:
        """What the worker wrote, but for when it wrote it."""
        return {
            "observation": self.query(
                "SELECT series_id, valid_time, value, available_at, confirmed_at FROM observation JOIN series USING (series_key)"
                " ORDER BY 1, 2"
            ),
            "observation_revision": self.query(
                "SELECT series_id, valid_time, available_at, value FROM observation_revision"
                " JOIN series USING (series_key) ORDER BY 1, 2, 3, 4"
            ),
            "feature_snapshot": self.query(
                "SELECT series_id, origin, encode(array_send(features), 'hex') FROM feature_snapshot"
                " JOIN series USING (series_key) ORDER BY 1, 2"
            ),
            "forecast": self.query(
                "SELECT series_id, origin, release, rung, reasons, message_offset, encode(array_send(p50), 'hex'),"
                " encode(array_send(p10), 'hex'), encode(array_send(p90), 'hex')"
                " FROM forecast JOIN series USING (series_key) ORDER BY 1, 2"
            ),
            "score": self.query(
                "SELECT series_id, origin, score.release, rung, hours, absolute_error, absolute_actual,"
                " percentage_error, percentage_hours, signed_error, naive_error, naive_hours, naive_actual,"
                " model_error_where_naive, covered, pinball, encode(array_send(lead_error), 'hex')"
                " FROM score JOIN series USING (series_key) ORDER BY 1, 2"
            ),
        }

    def close(self) -> None:
        """End the workers that still run."""
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.wait()


def make_room(topics: TopicRoom, database_url: str, redis_url: str) -> WorkerRoom:
    """A room whose topics and source are there."""
    topics.create(PARTITIONS)
    with psycopg.connect(database_url) as connection:
        register_source(connection, SOURCE)
    return WorkerRoom(topics, database_url, redis_url)


@pytest.fixture
def room(topics: TopicRoom, database_url: str, redis_url: str) -> Iterator[WorkerRoom]:
    """A room of one test's own."""
    one = make_room(topics, database_url, redis_url)
    yield one
    one.close()
