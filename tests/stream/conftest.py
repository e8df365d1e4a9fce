"""A room for worker tests: topics, a database with a source, and worker processes that end with the test."""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import psycopg
import pytest
import redis
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from dayahead.hours import Clock, wall_clock
from dayahead.storage.forecasts import message_values
from dayahead.storage.tables.forecast import read_forecasts, read_newest_forecasts
from dayahead.storage.tables.score import SUMS, added_up
from dayahead.storage.tables.series import load_series
from dayahead.storage.tables.source import register_source
from stream.assembly import build_worker
from stream.servers.probe import NoProbe, Probe
from stream.servers.server_retry import ServerRetry
from stream.settings import WorkerSettings
from stream.worker import Worker
from tests.conftest import TopicRoom
from tests.dayahead.conftest import small_history, small_release, small_settings  # noqa: F401 - fixtures
from tests.stream.logs import PARTITIONS, SOURCE
from tests.waiting import wait_until

PROCESS = Path(__file__).with_name("worker_process.py")


_SUMS = ", ".join(f"sum({name})::double precision" for name in SUMS)
_OF_SCORES = ", ".join(f"{added_up(name)}::double precision" for name in SUMS)
KEPT_SUMS = f"""
    SELECT area, unit, day, horizon_day, release, sum(forecasts)::bigint, {_SUMS} FROM accuracy_day
    GROUP BY 1, 2, 3, 4, 5 HAVING sum(forecasts) <> 0
"""
SUMS_OF_SCORES = f"""
    SELECT area, unit, (origin AT TIME ZONE 'UTC')::date, horizon_day, coalesce(release, ''), count(*), {_OF_SCORES}
    FROM score_by_horizon_day AS score GROUP BY 1, 2, 3, 4, 5
"""


EMPTIED = (
    "series",
    "observation",
    "observation_revision",
    "feature_snapshot",
    "forecast",
    "forecast_superseded",
    "score",
    "day_score",
    "accuracy_day",
    "limit_rejection",
    "day_ahead",
    "day_ahead_score",
    "worker_offset",
    "weather_arrival",
    "weather_run",
)


@dataclass
class WorkerRoom:
    """Everything that a worker of one test needs."""

    topics: TopicRoom
    database_url: str
    redis_url: str
    partitions: int = PARTITIONS
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    workers: list[Worker] = field(default_factory=list)

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

    def delete_before(self, partition: int, offset: int) -> None:
        """Let the log lose its first messages, as retention does."""
        admin = AdminClient({"bootstrap.servers": self.topics.bootstrap})
        wanted = TopicPartition(self.topics.name("observations"), partition, offset)
        for future in admin.delete_records([wanted]).values():
            future.result(20)

    def end_of(self, topic: str, partition: int) -> int:
        """The offset after the last message."""
        consumer = Consumer({"bootstrap.servers": self.topics.bootstrap, "group.id": "unused"})
        try:
            return int(
                consumer.get_watermark_offsets(TopicPartition(self.topics.name(topic), partition), timeout=20)[1]
            )
        finally:
            consumer.close()

    def read(self, topic: str, partitions: int | None = None) -> list[tuple[bytes | None, bytes, dict[str, str]]]:
        """Key, value and headers of all messages of a topic."""
        consumer = Consumer({"bootstrap.servers": self.topics.bootstrap, "group.id": "unused"})
        name = self.topics.name(topic)
        found = []
        try:
            for partition in range(self.partitions if partitions is None else partitions):
                _, high = consumer.get_watermark_offsets(TopicPartition(name, partition), timeout=20)
                consumer.assign([TopicPartition(name, partition, 0)])
                position = 0
                while position < high:
                    message = consumer.poll(10)
                    assert message is not None, f"{name}/{partition} gave nothing after offset {position}"
                    position = message.offset() + 1
                    headers = {key: (value or b"").decode(errors="replace") for key, value in message.headers() or []}
                    found.append((message.key(), message.value(), headers))
        finally:
            consumer.close()
        return found

    def query(self, statement: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Rows of a statement."""
        with psycopg.connect(self.database_url, options="-c timezone=UTC") as connection:
            return connection.execute(statement.encode(), parameters).fetchall()

    def offsets(self) -> dict[int, int]:
        """Next offset of each partition as the tables say."""
        return dict(self.query("SELECT partition, next_offset FROM worker_offset"))

    def owners(self) -> Counter[str]:
        """The workers that hold partitions as the tables say, and how many each."""
        return Counter(str(worker) for (worker,) in self.query("SELECT worker FROM worker_offset"))

    def wait_for(self, partition: int, offset: int, deadline_s: float = 60) -> None:
        """Wait until a partition stands at an offset in the tables."""
        wait_until(
            lambda: self.offsets().get(partition, -1) >= offset,
            deadline_s,
            f"partition {partition} to reach offset {offset}",
        )

    def start_over(self) -> None:
        """Empty tables, an empty Redis, and topics of another name."""
        with psycopg.connect(self.database_url) as connection:
            for table in EMPTIED:
                connection.execute(f"DELETE FROM {table}".encode())
        self.forget_redis()
        self.topics = TopicRoom(self.topics.bootstrap, f"{self.topics.prefix}again.")
        self.topics.create(self.partitions)

    def forget_redis(self) -> None:
        """Empty Redis."""
        with redis.Redis.from_url(self.redis_url) as client:
            client.flushdb()

    def worker(self, probe: Probe | None = None, clock: Clock = wall_clock, **settings: Any) -> Worker:
        """A worker without Faust, in this process, for messages that are given to it by hand."""
        given = WorkerSettings(
            database_url=self.database_url,
            redis_url=self.redis_url,
            kafka_bootstrap=self.topics.bootstrap,
            topic_prefix=self.topics.prefix,
            **settings,
        )
        worker, _ = build_worker(given, clock, ServerRetry(), probe or NoProbe())
        self.workers.append(worker)
        return worker

    def newest_forecasts(self) -> dict[str, bytes]:
        """The bytes of the newest forecast of every series, made from the tables."""
        with psycopg.connect(self.database_url, options="-c timezone=UTC") as connection:
            series = {one.series_key: one for one in load_series(connection)}
            rows = read_newest_forecasts(connection, np.array(list(series)))
        values = message_values(series, rows)
        return {series[int(key)].series_id: value for key, value in zip(rows.series_key, values, strict=True)}

    def all_forecasts(self) -> dict[tuple[str, str], bytes]:
        """The bytes of every forecast by series_id and origin, made from the tables."""
        with psycopg.connect(self.database_url, options="-c timezone=UTC") as connection:
            series = {one.series_key: one for one in load_series(connection)}
            found = connection.execute("SELECT series_key, extract(epoch FROM origin)::bigint / 3600 FROM forecast")
            keys, origins = np.array(found.fetchall(), np.int64).reshape(-1, 2).T
            values = message_values(series, read_forecasts(connection, keys, origins))
        return dict(map(_by_origin, values))

    def kept_messages(self) -> dict[tuple[str, str], bytes]:
        """What a consumer of `forecasts` keeps that wants the newest message of every series and origin."""
        return dict(_by_origin(value) for _, value, _ in self.read("forecasts"))

    def newest_messages(self) -> dict[str, bytes]:
        """What a consumer of `forecasts` keeps that wants the newest origin of every series."""
        kept: dict[str, tuple[str, bytes]] = {}
        for key, value, _ in self.read("forecasts"):
            assert key is not None
            origin = orjson.loads(value)["origin"]
            if key.decode() not in kept or kept[key.decode()][0] <= origin:
                kept[key.decode()] = (origin, value)
        return {series_id: value for series_id, (_, value) in kept.items()}

    def redis(self) -> dict[str, bytes]:
        """All forecasts in Redis, by series_id."""
        with redis.Redis.from_url(self.redis_url) as client:
            keys = list(client.scan_iter("dayahead:v3:forecast:*"))
            return {key.decode().removeprefix("dayahead:v3:forecast:"): client.get(key) for key in keys}

    def tables(self) -> dict[str, list[tuple[Any, ...]]]:
        """What the worker wrote, but for when it wrote it."""
        self.check_accuracy_days()
        return {
            "observation": self.query(
                "SELECT series_id, valid_time, value, available_at, confirmed_at FROM observation"
                " JOIN series USING (series_key) ORDER BY 1, 2"
            ),
            "observation_revision": self.query(
                "SELECT series_id, valid_time, available_at, value FROM observation_revision"
                " JOIN series USING (series_key) ORDER BY 1, 2, 3, 4"
            ),
            "limit_rejection": self.query(
                "SELECT series_id, valid_time, value, available_at FROM limit_rejection"
                " JOIN series USING (series_key) ORDER BY 1, 2"
            ),
            "feature_snapshot": self.query(
                "SELECT series_id, origin, encode(array_send(features), 'hex') FROM feature_snapshot"
                " JOIN series USING (series_key) ORDER BY 1, 2"
            ),
            "forecast": self.query(
                "SELECT series_id, origin, release, rung, reasons, floor_days, message_offset,"
                " encode(array_send(p50), 'hex'), encode(array_send(p10), 'hex'), encode(array_send(p90), 'hex')"
                " FROM forecast JOIN series USING (series_key) ORDER BY 1, 2"
            ),
            "score": self.query(
                "SELECT series_id, origin, score.release, rung, hours, absolute_error, absolute_actual,"
                " percentage_error, percentage_hours, signed_error, naive_error, daily_naive_error, naive_hours,"
                " naive_actual, model_error_where_naive, covered, pinball, encode(array_send(lead_error), 'hex')"
                " FROM score JOIN series USING (series_key) ORDER BY 1, 2"
            ),
            "day_score": self.query(
                "SELECT series_id, origin, horizon_day, day_score.release, rung, hours, absolute_error,"
                " absolute_actual, percentage_error, percentage_hours, signed_error, naive_error, daily_naive_error,"
                " naive_hours, naive_actual, model_error_where_naive, covered, pinball"
                " FROM day_score JOIN series USING (series_key) ORDER BY 1, 2, 3"
            ),
            "weather_run": self.query(
                "SELECT run_id, source, location, variable, kind, start, available_at, first_hour, ends_at,"
                " encode(array_send(values), 'hex') FROM weather_run ORDER BY 1"
            ),
            "weather_arrival": self.query("SELECT partition, run_id, log_offset FROM weather_arrival ORDER BY 1, 2"),
        }

    def check_accuracy_days(self) -> None:
        """Compare the sums that are kept as scores come with the sums of all scores."""
        kept, made = ({row[:5]: row[5:] for row in self.query(one)} for one in (KEPT_SUMS, SUMS_OF_SCORES))
        assert kept.keys() == made.keys()
        for key, sums in kept.items():
            assert sums == pytest.approx(made[key], rel=1e-9, abs=1e-6), key

    def close(self) -> None:
        """End the workers that still run."""
        for worker in self.workers:
            worker.close()
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.wait()


def _by_origin(value: bytes) -> tuple[tuple[str, str], bytes]:
    message = orjson.loads(value)
    return (message["series_id"], message["origin"]), value


def make_room(topics: TopicRoom, database_url: str, redis_url: str, partitions: int = PARTITIONS) -> WorkerRoom:
    """A room whose topics and source are there."""
    topics.create(partitions)
    with psycopg.connect(database_url) as connection:
        register_source(connection, SOURCE)
    return WorkerRoom(topics, database_url, redis_url, partitions)


@pytest.fixture
def room(topics: TopicRoom, database_url: str, redis_url: str) -> Iterator[WorkerRoom]:
    """A room of one test's own."""
    one = make_room(topics, database_url, redis_url)
    yield one
    one.close()
