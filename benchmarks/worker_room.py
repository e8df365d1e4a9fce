"""A worker process on throwaway servers, with series and history that are there before anything is measured."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psycopg
import redis
from confluent_kafka import Consumer, Producer, TopicPartition
from psycopg.types.json import Jsonb
from pydantic import SecretStr

from benchmarks.made_up_load import PARTITIONS, START, Load, source_of
from benchmarks.made_up_weather import places_of_areas
from benchmarks.running_worker import SERVICE, RunningWorker, cpu_seconds, descendants, until
from dayahead.contracts import Reason
from dayahead.horizon import DAY_LEADS
from dayahead.hours import Hour, format_utc, from_hour, wall_clock
from dayahead.models.serving.release import Release
from dayahead.settings import MigrationSettings
from dayahead.storage.binary_copy import HEADER, TRAILER, Block, doubles, encode, hours, integers
from dayahead.storage.migrate import migrate_database, migrate_topics
from dayahead.storage.tables.model_release import ReleaseRecord, save_release
from dayahead.storage.tables.promotion import promote
from dayahead.storage.tables.source import register_source
from deploy.local.ports import ServerPorts
from deploy.local.stack import LocalStack
from deploy.local.throwaway import throwaway_stack

AT_ONCE = 500
HOURS_AT_ONCE = 12
HISTORY = "observation (series_key, valid_time, value, available_at, recorded_at)"
SERVERS = ("postgres", "redis-server", "java")


class WorkerRoom:
    """Servers, tables and topics of one benchmark, and the worker processes in it."""

    def __init__(self, stack: LocalStack, count: int, leads: int = DAY_LEADS, places: int = 0) -> None:
        self.stack = stack
        self.partitions = PARTITIONS
        self.load = Load(count)
        self._source = source_of(leads, places_of_areas(places) if places else None)
        self.database_url = stack.postgres.app_url()
        self.owner_url = stack.postgres.owner_url()
        self._superuser_url = stack.postgres.superuser_url()
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
        load, source = self.load, self._source
        with psycopg.connect(self.owner_url) as connection:
            key = register_source(connection, source).source_key
            with connection.cursor().copy(
                "COPY series (series_id, source_key, labels, area, unit, partition, first_seen) FROM STDIN"
            ) as copy:
                for series_id, partition in zip(load.ids, load.partition.tolist(), strict=True):
                    area, kind = series_id.split("/")
                    labels = Jsonb({"Area": area, "Kind": kind})
                    copy.write_row([series_id, key, labels, area, source.unit, partition, from_hour(START)])
            keys: dict[str, int] = dict(connection.execute("SELECT series_id, series_key FROM series").fetchall())
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
            save_release(connection, record, release.to_bytes(), release.shape_by_day)
            promote(connection, release.release_id, "benchmark", "to be measured", now)

    def load_history(self, first: Hour, end: Hour) -> None:
        """Copy hours into the table, in the order in which a stream leaves them; this is not measured.

        The indexes are made afterwards.
        """
        with psycopg.connect(self.owner_url, autocommit=True) as connection:
            key = connection.execute(
                "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'observation_pkey'"
                " AND conrelid = 'observation'::regclass"
            ).fetchone()
            assert key is not None
            connection.execute("ALTER TABLE observation DROP CONSTRAINT observation_pkey")
            connection.execute("DROP INDEX observation_valid_time")
            with connection.cursor().copy(f"COPY {HISTORY} FROM STDIN (FORMAT BINARY)") as copy:
                copy.write(HEADER)
                for start in range(first, end, HOURS_AT_ONCE):
                    copy.write(encode(self._rows(start, min(start + HOURS_AT_ONCE, end))))
                copy.write(TRAILER)
            connection.execute("SET maintenance_work_mem = '1GB'")
            connection.execute(f"ALTER TABLE observation ADD {key[0]}".encode())
            connection.execute("CREATE INDEX observation_valid_time ON observation (valid_time DESC)")
            connection.execute("VACUUM ANALYZE observation")
        with psycopg.connect(self._superuser_url, autocommit=True) as connection:
            connection.execute("CHECKPOINT")

    def _rows(self, first: Hour, end: Hour) -> Block:
        values = self.load.values(first, end)
        keys = np.tile(self.keys, end - first)
        hour = np.repeat(np.arange(first, end), self.load.count)
        known = hours(hour + 1)
        return [integers(keys), hours(hour), doubles(values.T.ravel()), known, known]

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
        process = subprocess.Popen([str(SERVICE), "worker"], env=environment, cwd=self.stack.folder)
        self._processes.append(process)
        return RunningWorker(process, port)

    def send(self, packed: Sequence[tuple[int, bytes]]) -> None:
        """Put messages into `observations`; returns when the broker has them."""
        for partition, value in packed:
            self._producer.produce("observations", value=value, partition=partition)
        assert self._producer.flush(60) == 0

    def sent_out(self, topic: str = "forecasts") -> int:
        """Messages that a topic was ever given."""
        return sum(self._end(topic, one) for one in _ALL)

    def wait_for_all(self, ends: Sequence[int], worker: "RunningWorker") -> None:
        """Wait until each partition of `forecasts` ends where it should: one after the other, to ask little."""
        for partition, end in enumerate(ends):
            what = f"offset {end} of partition {partition} of forecasts"
            until(lambda one=partition, end=end: self._end("forecasts", one) >= end, what, worker)  # type: ignore[misc]

    def ends_after_all(self) -> list[int]:
        """Where each partition of `forecasts` ends after one more forecast of each series."""
        more = np.bincount(self.load.partition, minlength=PARTITIONS).tolist()
        return [self._end("forecasts", one) + more[one] for one in _ALL]

    def _end(self, topic: str, partition: int) -> int:
        return int(self._consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=20)[1])

    def taken_in(self) -> int:
        """Messages of `observations` whose outcome is in the tables."""
        with psycopg.connect(self.database_url) as connection:
            row = connection.execute("SELECT coalesce(sum(next_offset), 0)::bigint FROM worker_offset").fetchone()
        return int(row[0]) if row else 0

    def servers_cpu_s(self) -> dict[str, float]:
        """Seconds of processor time of the stack's servers so far, by program."""
        spent = dict.fromkeys(SERVERS, 0.0)
        for pid in descendants(os.getpid()):
            try:
                name = Path(f"/proc/{pid}/comm").read_text().strip()
                if name in spent:
                    spent[name] += cpu_seconds(pid)
            except (FileNotFoundError, ProcessLookupError):
                continue  # it has just ended
        return spent

    def claimed(self) -> set[int]:
        """Partitions that a worker ever took over."""
        with psycopg.connect(self.database_url) as connection:
            return {row[0] for row in connection.execute("SELECT partition FROM worker_offset").fetchall()}

    def in_redis(self, origin: Hour) -> int:
        """How many of the series have a forecast of an origin in Redis."""
        wanted, found = f'"origin":"{format_utc(from_hour(origin))}"'.encode(), 0
        with redis.Redis.from_url(self.redis_url) as client:
            for start in range(0, self.load.count, AT_ONCE):
                names = [f"dayahead:v3:forecast:{one}" for one in self.load.ids[start : start + AT_ONCE]]
                found += sum(wanted in (value or b"") for value in client.mget(names))
        return found

    def in_tables(self, origin: Hour) -> int:
        """How many of the series have a forecast of an origin in TimescaleDB."""
        with psycopg.connect(self.database_url) as connection:
            row = connection.execute("SELECT count(*) FROM forecast WHERE origin = %s", [from_hour(origin)]).fetchone()
        return int(row[0]) if row else 0

    def with_weather(self, origin: Hour) -> int:
        """How many forecasts of an origin in TimescaleDB used the weather."""
        with psycopg.connect(self.database_url) as connection:
            row = connection.execute(
                "SELECT count(*) FROM forecast WHERE origin = %s AND reasons & %s = 0",
                [from_hour(origin), int(Reason.NO_WEATHER | Reason.WEATHER_STALE)],
            ).fetchone()
        return int(row[0]) if row else 0

    def database_gb(self) -> float:
        """Size of the database on disk, in GB."""
        with psycopg.connect(self.owner_url) as connection:
            row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
        return int(row[0]) / 1e9 if row else 0.0

    def redis_gb(self) -> float:
        """Memory that Redis uses, in GB."""
        with redis.Redis.from_url(self.redis_url) as client:
            return int(client.info("memory")["used_memory"]) / 1e9

    def close(self) -> None:
        """End the workers."""
        for process in self._processes:
            if process.poll() is None:
                process.kill()
            process.wait()
        self._consumer.close()


_ALL = range(PARTITIONS)


@contextmanager
def worker_room(count: int, leads: int = DAY_LEADS, places: int = 0) -> Iterator[WorkerRoom]:
    """A room on separate servers, removed when the block ends."""
    with throwaway_stack() as stack:
        room = WorkerRoom(stack, count, leads, places)
        try:
            yield room
        finally:
            room.close()
