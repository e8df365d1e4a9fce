"""Keeps Redis in step with TimescaleDB: writes after each batch, and fills it completely where it is behind.

`HeldPartition.mirrored` is the last sequence that Redis is known to have. Three things make it unknown: a failed write,
an unexpected sequence at a write, and an unexpected sequence found by `look`, which polls every second, so that a Redis
restored from an old snapshot is detected also while no messages arrive.
"""

from collections.abc import Collection, Sequence

import structlog

from dayahead.storage.forecasts import message_values
from dayahead.storage.tables.forecast import read_newest_forecasts
from stream.commit.redis_mirror import CachePosition, RedisMirror, Written
from stream.partition import metrics
from stream.partition.held import HeldPartition
from stream.servers.connection import Database

log = structlog.get_logger()


class RedisFollower:
    """Writes committed forecasts to Redis. No call waits for an unreachable Redis."""

    def __init__(self, database: Database, mirror: RedisMirror) -> None:
        self._database, self._mirror = database, mirror

    def introduce(self, held: HeldPartition, *, has_last: bool) -> None:
        """Register a new claim in Redis, and read which sequence Redis has of the partition.

        Args:
            held: the partition, just taken over.
            has_last: whether the forecasts of the last checkpoint are about to be published again.

        Raises:
            FencedError: another worker has taken the partition over.
        """
        sequence = self._mirror.introduce(held.claim)
        is_near = sequence == held.sequence or (has_last and sequence == held.sequence - 1)
        held.mirrored = sequence if is_near else None
        if sequence is not None and not is_near:
            self._note_behind(held, sequence, "at takeover")
            self.fill(held)

    def follow(self, held: HeldPartition, forecasts: Sequence[tuple[str, bytes]]) -> None:
        """Write the forecasts of the last checkpoint, or all newest forecasts where Redis is behind.

        Args:
            held: the partition, at the sequence of the checkpoint.
            forecasts: pairs of series_id and the bytes of its newest forecast.

        Raises:
            FencedError: another worker has taken the partition over.
        """
        if held.mirrored is not None:
            written = self._mirror.write(held.claim, held.mirrored, held.sequence, forecasts)
            held.mirrored = held.sequence if written is Written.DONE else None
            if written is Written.BEHIND:
                self._note_behind(held, None, "at a write")
        if held.mirrored is None:
            self.fill(held)

    def fill(self, held: HeldPartition) -> None:
        """Write the newest forecast of every series of a partition from the tables, unless Redis is unreachable.

        Raises:
            FencedError: another worker has taken the partition over.
        """
        if self._mirror.is_away:
            return
        sequence, series = held.sequence, held.state.by_key
        rows = self._database.retry(lambda connection: read_newest_forecasts(connection, held.state.keys))
        ids = [series[key].series_id for key in rows.series_key.tolist()]
        pairs = list(zip(ids, message_values(series, rows), strict=True))
        with metrics.stage("redis"):
            written = self._mirror.write(held.claim, None, sequence, pairs)
        if written is Written.DONE:
            held.mirrored = sequence
            metrics.REDIS_FILLED.inc()
            log.info("redis_filled", partition=held.claim.partition, series=len(pairs), sequence=sequence)

    def fill_missing(self, partitions: Collection[HeldPartition]) -> None:
        """Call `fill` for each restored partition that Redis is behind on.

        Raises:
            FencedError: another worker has taken a partition over.
        """
        for held in partitions:
            if held.is_restored and held.mirrored is None:
                self.fill(held)

    def look(self, partitions: Collection[HeldPartition]) -> None:
        """Poll Redis for its sequences; safe to run while partitions are processed."""
        # before the read: the expected sequences only grow
        expected = [(held, held.mirrored) for held in partitions]
        positions = self._mirror.look([held.claim for held, _ in expected])
        for (held, mirrored), position in zip(expected, positions or [], strict=bool(positions)):
            if mirrored is not None and _lacks(held, mirrored, position):
                self._note_behind(held, position.sequence, "while watched")
                held.mirrored = None
        metrics.REDIS_BEHIND.set(sum(held.mirrored is None for held, _ in expected))

    def trouble(self, partitions: Collection[HeldPartition]) -> str | None:
        """Describe the problem with Redis as a sentence; None where it has every forecast."""
        if self._mirror.is_away:
            return (
                f"Redis is away ({self._mirror.trouble}): forecasts go to TimescaleDB and Kafka, the API answers from "
                "TimescaleDB, and Redis is filled when it is back"
            )
        if behind := sorted(held.claim.partition for held in partitions if held.mirrored is None):
            return f"Redis is being filled with what it missed of partitions {', '.join(map(str, behind))}"
        return None

    @staticmethod
    def _note_behind(held: HeldPartition, sequence: int | None, where: str) -> None:
        metrics.REDIS_LOST.inc()
        log.warning(
            "redis_lacks_forecasts",
            partition=held.claim.partition,
            found=where,
            sequence_in_redis=sequence,
            sequence=held.sequence,
        )


def _lacks(held: HeldPartition, mirrored: int, position: CachePosition) -> bool:
    """Check whether Redis lost something that this worker wrote; a newer claim fences the next write instead."""
    if position.claim > held.claim.number:
        return False
    return position.claim < held.claim.number or position.sequence < mirrored
