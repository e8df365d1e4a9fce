"""Keeping Redis at what TimescaleDB has: after each batch, and all at once where it missed something.

`HeldPartition.mirrored` says what this worker knows of Redis. Three things make it unknown: a write that failed, a
Redis that has another sequence than it should at a write, and the same found by `look`, which asks every second, so
that a Redis restored from an old snapshot is noticed also where no message comes.
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
    """Writes to Redis what was committed. No call waits for a Redis that is away."""

    def __init__(self, database: Database, mirror: RedisMirror) -> None:
        self._database, self._mirror = database, mirror

    def introduce(self, held: HeldPartition, *, has_last: bool) -> None:
        """Let Redis know of a new claim, and learn what it has of the partition.

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
        """Write what the last checkpoint made; everything where Redis lacks what came before.

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
        """Write the newest forecast of every series of a partition, made from the tables, unless Redis is away.

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
        """`fill` for each partition that Redis lacks something of, with a state that is there.

        Raises:
            FencedError: another worker has taken a partition over.
        """
        for held in partitions:
            if held.is_restored and held.mirrored is None:
                self.fill(held)

    def look(self, partitions: Collection[HeldPartition]) -> None:
        """Ask Redis what it has; may run while partitions are worked on."""
        # before Redis is asked: what it should have grows only
        expected = [(held, held.mirrored) for held in partitions]
        positions = self._mirror.look([held.claim for held, _ in expected])
        for (held, mirrored), position in zip(expected, positions or [], strict=bool(positions)):
            if mirrored is not None and _lacks(held, mirrored, position):
                self._note_behind(held, position.sequence, "while watched")
                held.mirrored = None
        metrics.REDIS_BEHIND.set(sum(held.mirrored is None for held, _ in expected))

    def trouble(self, partitions: Collection[HeldPartition]) -> str | None:
        """What is wrong with Redis, in words; None where it has everything."""
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
    """Whether Redis has less than this worker wrote; a newer claim is its successor's, and refuses the next write."""
    if position.claim > held.claim.number:
        return False
    return position.claim < held.claim.number or position.sequence < mirrored
