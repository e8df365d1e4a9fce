"""Reads the newest forecasts from Redis, as far as TimescaleDB confirms that they are not stale.

Redis may have missed writes, or come back from an old snapshot. With each answer it gives the sequence up to which it
has a partition's forecasts; a thread asks TimescaleDB every second which one was committed. A forecast of a partition
where Redis has less is not served: the caller reads it from TimescaleDB.
"""

import math
import threading
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import psycopg
import redis
import redis.asyncio
import structlog
from prometheus_client import Gauge
from pydantic import SecretStr
from redis.asyncio.retry import Retry as LoopRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from api.backends import Database
from dayahead.repeating import Repeating, RepeatingThread
from dayahead.storage.forecast_cache import forecast_key, sequence_key
from dayahead.storage.tables.worker_offset import CommittedSequences, read_committed

log = structlog.get_logger()

COMMITTED_EVERY_S = 1.0
CONNECT_S = 0.5
ANSWER_S = 1.0
TRIED_AGAIN_AFTER_S = 1.0
"""Seconds before the next call to a Redis that timed out: an outage costs one timeout, not one a request."""

BEHIND = Gauge(
    "dayahead_api_redis_behind_partitions",
    "Partitions whose forecasts come from TimescaleDB, since Redis does not have all of them",
)


@dataclass(frozen=True, slots=True)
class _Question:
    """What Redis is asked.

    Attributes:
        committed: what TimescaleDB had committed.
        places: the partition of each series.
        partitions: each of them once.
        keys: those of the forecasts, then those of the sequences of the partitions.
    """

    committed: CommittedSequences
    places: list[int]
    partitions: list[int]
    keys: list[str]


class RedisForecasts(Repeating):
    """The newest forecasts, for threads and for one event loop. A context: what was committed is known inside it.

    Args:
        url: of Redis.
        database: TimescaleDB.
        topic: full name of the topic of observations.
    """

    def __init__(self, url: SecretStr, database: Database, topic: str) -> None:
        options: dict[str, Any] = {
            "socket_connect_timeout": CONNECT_S,
            "socket_timeout": ANSWER_S,
            "health_check_interval": 30,
        }
        address = url.get_secret_value()
        # A connection of the pool is dead after a restart of Redis: connect again once. A wait is not repeated.
        lost = (redis.ConnectionError,)
        self._client = redis.Redis.from_url(address, retry=Retry(NoBackoff(), 1, lost), **options)
        # Connects when the event loop asks first; the same rules for what is served as for the threads.
        self._in_loop = redis.asyncio.Redis.from_url(address, retry=LoopRetry(NoBackoff(), 1, lost), **options)
        self._database, self._topic = database, topic
        self._committed: CommittedSequences | None = None
        self._seen: dict[int, int] = {}
        self._away_until = -math.inf
        self._is_away = False
        self._behind: list[int] = []
        self._suspects: set[int] = set()
        self._lock = threading.Lock()
        watch = RepeatingThread("committed_sequences", self.look, COMMITTED_EVERY_S, expected=(psycopg.Error,))
        super().__init__(watch)

    def __enter__(self) -> Self:
        self._thread.round()
        return super().__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        self._client.close()

    def get(self, series_ids: list[str]) -> list[bytes | None] | None:
        """Get the forecast of each series, None where it is missing or may be stale.

        Returns:
            None for all where Redis is away, or TimescaleDB has never said what was committed.
        """
        question = self._question(series_ids)
        return None if question is None else self._served(question, self._ask(question.keys))

    async def get_in_loop(self, series_ids: list[str]) -> list[bytes | None] | None:
        """Do the same in the event loop, without a thread."""
        question = self._question(series_ids)
        return None if question is None else self._served(question, await self._ask_in_loop(question.keys))

    async def leave_loop(self) -> None:
        """Close the connections that belong to the event loop."""
        await self._in_loop.aclose()

    def _question(self, series_ids: list[str]) -> "_Question | None":
        committed = self._committed
        if committed is None or not committed.partitions or time.monotonic() < self._away_until:
            return None
        places = [committed.partition_of(series_id) for series_id in series_ids]
        partitions = list(dict.fromkeys(places))
        keys = [forecast_key(series_id) for series_id in series_ids]
        keys += [sequence_key(self._topic, partition) for partition in partitions]
        return _Question(committed, places, partitions, keys)

    def _served(self, question: "_Question", found: list[bytes | None] | None) -> list[bytes | None] | None:
        """Select the forecasts of an answer of Redis that are not stale."""
        if found is None:
            return None
        numbers = found[len(question.places) :]
        newest = {
            partition
            for partition, number in zip(question.partitions, map(_number, numbers), strict=True)
            if self._has_all(question.committed, partition, number)
        }
        return [body if place in newest else None for body, place in zip(found, question.places, strict=False)]

    def _has_all(self, committed: CommittedSequences, partition: int, number: int) -> bool:
        """Check whether Redis has the committed sequence, and the sequence that this process saw before."""
        needed = max(committed.sequences.get(partition, math.inf), self._seen.get(partition, 0))
        if number < needed:
            return False
        self._seen[partition] = number
        return True

    def _ask(self, keys: list[str]) -> list[bytes | None] | None:
        try:
            found: Any = self._client.mget(keys)
        except redis.RedisError as error:
            self._note(error)
            return None
        self._note(None)
        return list(found)

    async def _ask_in_loop(self, keys: list[str]) -> list[bytes | None] | None:
        try:
            found: Any = await self._in_loop.mget(keys)
        except redis.RedisError as error:
            self._note(error)
            return None
        self._note(None)
        return list(found)

    def _note(self, error: redis.RedisError | None) -> None:
        if error is None and not self._is_away:
            return
        with self._lock:
            before, self._is_away = self._is_away, error is not None
        if error is not None:
            self._away_until = time.monotonic() + TRIED_AGAIN_AFTER_S
        if error is not None and not before:
            log.warning("redis_unavailable", error=str(error), next="forecasts come from TimescaleDB")
        elif error is None and before:
            log.info("redis_recovered")

    def look(self) -> None:
        """Read the committed sequences from TimescaleDB, and find partitions on which Redis was behind twice in a row.

        Raises:
            psycopg.Error: TimescaleDB could not be read; the previous sequences stay in use.
        """
        with self._database.connection() as connection:
            committed = read_committed(connection, self._topic)
        former, self._committed = self._committed, committed
        for partition, sequence in committed.sequences.items():
            # the tables were restored from a backup: what was seen belongs to another past
            if former is not None and sequence < former.sequences.get(partition, 0):
                self._seen.pop(partition, None)
        found = self._ask([sequence_key(self._topic, partition) for partition in committed.sequences] or ["-"])
        lacking = {
            partition
            for (partition, sequence), value in zip(committed.sequences.items(), found or [], strict=False)
            if _number(value) < sequence
        }
        self._behind, self._suspects = sorted(lacking & self._suspects), lacking
        BEHIND.set(len(self._behind))

    def trouble(self) -> str | None:
        """The problem with Redis as a sentence; None where it has all forecasts."""
        try:
            self._client.ping()
        except redis.RedisError:
            return "Redis is away: forecasts come from TimescaleDB"
        if behind := self._behind:
            return (
                f"Redis does not have all forecasts of partitions {', '.join(map(str, behind))} yet: theirs come from "
                "TimescaleDB"
            )
        return None


def _number(value: bytes | None) -> int:
    return int(value) if value is not None and value.isdigit() else -1
