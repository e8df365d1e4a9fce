"""A worker process on throwaway servers, with series and history that are there before anything is measured."""

import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import orjson
import psycopg
import redis
from confluent_kafka import Consumer, Producer, TopicPartition
from numpy.typing import NDArray
from psycopg.types.json import Jsonb
from pydantic import SecretStr

from dayahead.contracts import MAX_ROWS_PER_MESSAGE
from dayahead.features.calendar import Calendar
from dayahead.hours import Hour, format_utc, from_hour, wall_clock
from dayahead.models.fit import fit_release
from dayahead.models.history import History
from dayahead.models.release import Release
from dayahead.models.settings import ModelSettings
from dayahead.series import partition_of
from dayahead.settings import MigrationSettings
from dayahead.source import Source, SourceKind
from dayahead.storage.binary_copy import HEADER, TRAILER, doubles, encode, hours, integers
from dayahead.storage.migrate import migrate_database, migrate_topics
from dayahead.storage.releases import ReleaseRecord, promote, save_release
from dayahead.storage.sources import register_source
from deploy.local.ports import ServerPorts
from deploy.local.stack import LocalStack
from deploy.local.throwaway import throwaway_stack

START: Hour = 465_000
"""First hour of history, a Wednesday at 0:00 UTC."""

PARTITIONS = 8
SOURCE = Source(
    name="benchmark",
    kind=SourceKind.ENERGI_DATA_SERVICE,
    title="Benchmark",
    url="http://127.0.0.1:1/",
    dataset="Benchmark",
    time_column="HourUTC",
    key_columns=["Area", "Kind"],
    value_column="kWh",
    unit="kWh",
    local_time_zone="Europe/Copenhagen",
    country="DK",
)
AT_ONCE = 500
ANSWER_S = 600.0
LOOK_S = 0.01
STAGE = re.compile(r'^dayahead_(?:stage|forecasting)_seconds_sum\{(?:stage|part)="(\w+)"\} (\S+)$', re.MULTILINE)


@dataclass
class Load:
    """Made-up consumption: a day, a week, noise and a level of its own for each series.

    Attributes:
        count: series.
    """

    count: int
    seed: int = 7
    ids: list[str] = field(init=False)
    partition: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        self.ids = [f"A{number % 10}/{number}" for number in range(self.count)]
        self.partition = np.array([partition_of(one, PARTITIONS) for one in self.ids], np.int64)
        rng = np.random.default_rng(self.seed)
        self._level = np.exp(rng.normal(5, 1.5, self.count))
        self._swing = rng.uniform(0.1, 0.5, self.count)
        self._phase = rng.uniform(0, 6, self.count)

    def values(self, first: Hour, end: Hour, series: slice = slice(None)) -> NDArray[np.float64]:
        """Values from `first` to `end` (exclusive) of some series; the same hour is always the same."""
        hour = np.arange(first, end)
        level, swing, phase = (part[series, None] for part in (self._level, self._swing, self._phase))
        daily = np.sin((hour + phase) * 2 * np.pi / 24) + 0.3 * np.sin((hour - phase) * 4 * np.pi / 24)
        weekend = np.where((hour // 24) % 7 >= 5, 0.8, 1.0)
        rng = np.random.default_rng([self.seed, first, series.start or 0])
        noise = rng.normal(0, 0.05, (len(level), len(hour)))
        return np.asarray(np.round(level * weekend * (1 + swing * daily) * (1 + noise), 3))


def messages(
    load: Load, first: Hour, end: Hour, *, refresh: bool, available: Hour | None = None
) -> Iterator[tuple[int, bytes]]:
    """The hours as a poller packs them: a partition's rows together, a series' hours in one message."""
    at = format_utc(from_hour(end if available is None else available))
    for start in range(first, end, MAX_ROWS_PER_MESSAGE):
        texts = [format_utc(from_hour(hour)) for hour in range(start, min(end, start + MAX_ROWS_PER_MESSAGE))]
        values = load.values(start, start + len(texts)).tolist()
        fits = MAX_ROWS_PER_MESSAGE // len(texts)
        for partition in range(PARTITIONS):
            mine = np.flatnonzero(load.partition == partition).tolist()
            for place in range(0, len(mine), fits):
                rows = [
                    [load.ids[series], text, value]
                    for series in mine[place : place + fits]
                    for text, value in zip(texts, values[series], strict=True)
                ]
                message = {"source": SOURCE.name, "available_at": at, "refresh": refresh, "rows": rows}
                yield partition, orjson.dumps(message)


def shipped_release() -> Release:
    """The champion's recipe, fitted on 100 series of the made-up load."""
    load = Load(100, seed=11)
    history = History(
        tuple(load.ids),
        START,
        load.values(START, START + 28 * 24),
        (Calendar(SOURCE.local_time_zone, SOURCE.country, SOURCE.subdivision),),
    )
    return fit_release(history, ModelSettings(), seed=1)


class WorkerRoom:
    """Servers, tables and topics of one benchmark, and the worker processes in it."""

    def __init__(self, stack: LocalStack, count: int) -> None:
        self.stack = stack
        self.partitions = PARTITIONS
        self.load = Load(count)
        self.database_url = stack.postgres.app_url()
        self.owner_url = stack.postgres.owner_url()
        self.redis_url = stack.redis.url(0)
        self.bootstrap = stack.kafka.bootstrap
        self._processes: list[subprocess.Popen[bytes]] = []
        migrate_database(self.owner_url, stack.passwords.database_app.get_secret_value())
        migrate_topics(
            MigrationSettings(
                kafka_bootstrap=self.bootstrap, partitions=PARTITIONS, owner_database_url=SecretStr(self.owner_url)
            )
        )
        self._consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": "benchmark"})
        self._producer = Producer({"bootstrap.servers": self.bootstrap, "acks": "all", "compression.type": "lz4"})
        self._register()

    def _register(self) -> None:
        load, source = self.load, SOURCE
        with psycopg.connect(self.owner_url) as connection:
            key = register_source(connection, source).source_key
            with connection.cursor().copy(
                "COPY series (series_id, source_key, labels, area, unit, partition, first_seen) FROM STDIN"
            ) as copy:
                for series_id, partition in zip(load.ids, load.partition.tolist(), strict=True):
                    area, kind = series_id.split("/")
                    labels = Jsonb({"Area": area, "Kind": kind})
                    copy.write_row([series_id, key, labels, area, source.unit, partition, from_hour(START)])
            keys = dict(connection.execute("SELECT series_id, series_key FROM series").fetchall())
        self.keys = np.array([keys[one] for one in load.ids], np.int64)

    def promote(self, release: Release) -> None:
        """Make a release the champion."""
        now = wall_clock()
        record = ReleaseRecord(
            release.release_id,
            now,
            from_hour(release.trained_from),
            from_hour(release.trained_until),
            release.data_fingerprint,
            release.settings.model_dump(mode="json"),
            release.metrics,
            0,
        )
        with psycopg.connect(self.database_url) as connection:
            save_release(connection, record, release.to_bytes())
            promote(connection, release.release_id, "benchmark", "to be measured", now)

    def load_history(self, first: Hour, end: Hour) -> None:
        """Copy hours straight into the table, its indexes made afterwards: nobody measures this."""
        with psycopg.connect(self.owner_url) as connection:
            connection.execute("ALTER TABLE observation DROP CONSTRAINT observation_pkey")
            connection.execute("DROP INDEX observation_valid_time")
            table = "observation (series_key, valid_time, value, available_at, recorded_at)"
            with connection.cursor().copy(f"COPY {table} FROM STDIN (FORMAT BINARY)") as copy:
                copy.write(HEADER)
                for start in range(0, self.load.count, AT_ONCE):
                    copy.write(encode(self._rows(first, end, slice(start, start + AT_ONCE))))
                copy.write(TRAILER)
            connection.execute("SET maintenance_work_mem = '512MB'")
            connection.execute("ALTER TABLE observation ADD PRIMARY KEY (series_key, valid_time)")
            connection.execute("CREATE INDEX observation_valid_time ON observation (valid_time DESC)")
        with psycopg.connect(self.owner_url, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE observation")
            connection.execute("CHECKPOINT")

    def _rows(self, first: Hour, end: Hour, series: slice) -> list[object]:
        values = self.load.values(first, end, series)
        keys = np.repeat(self.keys[series], end - first)
        hour = np.tile(np.arange(first, end), len(values))
        known = hours(hour + 1)
        return [integers(keys), hours(hour), doubles(values.ravel()), known, known]  # type: ignore[return-value]

    def start_worker(self, **settings: object) -> "RunningWorker":
        """Start `dayahead worker`."""
        port = ServerPorts.free().postgres
        environment = {
            **os.environ,
            "DAYAHEAD_DATABASE_URL": self.database_url,
            "DAYAHEAD_REDIS_URL": self.redis_url,
            "DAYAHEAD_KAFKA_BOOTSTRAP": self.bootstrap,
            "DAYAHEAD_METRICS_PORT": str(port),
            "DAYAHEAD_LOG_LEVEL": "warning",
            **{f"DAYAHEAD_{name.upper()}": str(value) for name, value in settings.items()},
        }
        command = [str(Path(sys.executable).with_name("dayahead")), "worker"]
        process = subprocess.Popen(command, env=environment, cwd=self.stack.folder)
        self._processes.append(process)
        return RunningWorker(process, port)

    def send(self, packed: Sequence[tuple[int, bytes]]) -> None:
        """Put messages into `observations`; returns when the broker has them."""
        for partition, value in packed:
            self._producer.produce("observations", value=value, partition=partition)
        assert self._producer.flush(60) == 0

    def sent_out(self, topic: str = "forecasts") -> int:
        """Messages that a topic was ever given."""
        ends = (self._consumer.get_watermark_offsets(TopicPartition(topic, one), timeout=20)[1] for one in _ALL)
        return sum(ends)

    def taken_in(self) -> int:
        """Messages of `observations` whose outcome is in the tables."""
        with psycopg.connect(self.database_url) as connection:
            row = connection.execute("SELECT coalesce(sum(next_offset), 0)::bigint FROM worker_offset").fetchone()
        return int(row[0]) if row else 0

    def claimed(self) -> set[int]:
        """Partitions that a worker ever took over."""
        with psycopg.connect(self.database_url) as connection:
            return {row[0] for row in connection.execute("SELECT partition FROM worker_offset").fetchall()}

    def in_redis(self, origin: Hour) -> int:
        """How many of the series have a forecast of an origin in Redis."""
        wanted, found = f'"origin":"{format_utc(from_hour(origin))}"'.encode(), 0
        with redis.Redis.from_url(self.redis_url) as client:
            for start in range(0, self.load.count, AT_ONCE):
                names = [f"dayahead:v1:forecast:{one}" for one in self.load.ids[start : start + AT_ONCE]]
                found += sum(wanted in (value or b"") for value in client.mget(names))
        return found

    def in_tables(self, origin: Hour) -> int:
        """How many of the series have a forecast of an origin in TimescaleDB."""
        with psycopg.connect(self.database_url) as connection:
            row = connection.execute("SELECT count(*) FROM forecast WHERE origin = %s", [from_hour(origin)]).fetchone()
        return int(row[0]) if row else 0

    def close(self) -> None:
        """End the workers."""
        for process in self._processes:
            if process.poll() is None:
                process.kill()
            process.wait()
        self._consumer.close()


_ALL = range(PARTITIONS)


class RunningWorker:
    """A worker process, as its own page and the kernel tell of it."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process = process
        self._port = port

    def stages(self) -> dict[str, float]:
        """Seconds that it has spent in each stage so far."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/metrics", timeout=30) as answer:
            return {name: float(seconds) for name, seconds in STAGE.findall(answer.read().decode())}

    def cpu_s(self) -> float:
        """Seconds of processor time so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_gb(self) -> float:
        """The most memory that it ever had, in GB."""
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{self.process.pid}/status").read_text())
        assert found is not None
        return int(found[1]) / 1e6


def until(condition: Callable[[], bool], what: str, worker: RunningWorker | None = None) -> None:
    """Wait until a condition holds.

    Raises:
        TimeoutError: it does not within ten minutes, or the worker that is to bring it about has ended.
    """
    end = time.monotonic() + ANSWER_S
    while not condition():
        if worker and worker.process.poll() is not None:
            raise TimeoutError(f"the worker ended with {worker.process.returncode} before {what}")
        if time.monotonic() > end:
            raise TimeoutError(f"waited {ANSWER_S:.0f} s in vain for {what}")
        time.sleep(LOOK_S)


@contextmanager
def worker_room(count: int) -> Iterator[WorkerRoom]:
    """A room on servers of its own, gone when the block ends."""
    with throwaway_stack() as stack:
        room = WorkerRoom(stack, count)
        try:
            yield room
        finally:
            room.close()
