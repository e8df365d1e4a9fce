"""Table `worker_offset`: the next offset of each partition, and the claim of its owner."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import psycopg

from dayahead.errors import FencedError
from dayahead.hours import Hour, from_hour, to_hour
from dayahead.series import partition_of


@dataclass(frozen=True)
class Claim:
    """The claim of one worker on a partition.

    Attributes:
        topic: full name of the topic.
        partition: number of the partition.
        number: counts the takeovers; a worker with a lower number is fenced.
        next_offset: the first message that is not in the tables yet.
        published_offset: forecasts of messages before it are confirmed in Kafka.
        unconfirmed_from: least origin of the forecasts that are not, None where there are none.
        release: with which all series were last refreshed.
        window_copy: name of the recorded copy of the windows in Redis, None where there is none.
        sequence: of the last checkpoint that wrote forecasts; a Redis with a lower one is stale.
    """

    topic: str
    partition: int
    number: int
    next_offset: int
    published_offset: int
    unconfirmed_from: Hour | None
    release: str | None
    window_copy: str | None = None
    sequence: int = 0


def claim_partition(
    connection: psycopg.Connection,
    topic: str,
    partition: int,
    first_offset: int,
    worker: str,
    now: datetime,
    *,
    partitions: int,
) -> Claim:
    """Claim a partition, which fences its former owner. The caller commits.

    Args:
        connection: an open transaction.
        topic: full name of the topic.
        partition: number of the partition.
        first_offset: start of a partition that was never claimed: the first message of the log.
        worker: name of the worker, for display.
        now: the present moment.
        partitions: of the topic.
    """
    row = connection.execute(
        """
        INSERT INTO worker_offset AS w
            (topic, partition, partitions, next_offset, published_offset, claim, worker, updated_at)
        VALUES (%(topic)s, %(partition)s, %(partitions)s, %(first)s, %(first)s, 1, %(worker)s, %(now)s)
        ON CONFLICT (topic, partition) DO UPDATE
            SET claim = w.claim + 1, partitions = excluded.partitions, worker = excluded.worker,
                updated_at = excluded.updated_at
        RETURNING claim, next_offset, published_offset, unconfirmed_from, release, window_copy, forecast_sequence
        """,
        {
            "topic": topic,
            "partition": partition,
            "partitions": partitions,
            "first": first_offset,
            "worker": worker,
            "now": now,
        },
    ).fetchone()
    assert row is not None
    unconfirmed = None if row[3] is None else to_hour(row[3])
    return Claim(topic, partition, row[0], row[1], row[2], unconfirmed, row[4], row[5], row[6])


def still_holds(connection: psycopg.Connection, claim: Claim, next_offset: int) -> bool:
    """Check whether a partition still has this claim and this next offset."""
    row = connection.execute(
        "SELECT claim, next_offset FROM worker_offset WHERE topic = %s AND partition = %s",
        [claim.topic, claim.partition],
    ).fetchone()
    return row is not None and (row[0], row[1]) == (claim.number, next_offset)


@dataclass(frozen=True)
class Move:
    """The change of an offset with a checkpoint.

    Attributes:
        first_offset: the present next offset; if it differs, another worker has taken the partition over.
        next_offset: the next offset afterwards.
        published_offset: forecasts of messages before it are confirmed in Kafka.
        unconfirmed_from: least origin of the forecasts that this checkpoint writes, None where it writes none.
        release: set where the checkpoint completes a refresh of all series with a release, else None.
        sequence: of this checkpoint, None where it writes no forecasts.
    """

    first_offset: int
    next_offset: int
    published_offset: int
    unconfirmed_from: Hour | None
    release: str | None = None
    sequence: int | None = None


def move_offset(cursor: psycopg.Cursor, claim: Claim, move: Move, now: datetime) -> None:
    """Advance the offset of a partition, in the transaction that writes the results of its messages.

    Raises:
        FencedError: another worker has claimed the partition, or its offset differs.
    """
    moved = cursor.execute(
        """
        UPDATE worker_offset
        SET next_offset = %(next)s, published_offset = %(published)s, unconfirmed_from = %(unconfirmed)s,
            release = coalesce(%(release)s, release),
            forecast_sequence = coalesce(%(sequence)s, forecast_sequence), updated_at = %(now)s
        WHERE topic = %(topic)s AND partition = %(partition)s AND next_offset = %(first)s AND claim = %(claim)s
        """,
        {
            "topic": claim.topic,
            "partition": claim.partition,
            "first": move.first_offset,
            "claim": claim.number,
            "next": move.next_offset,
            "published": move.published_offset,
            "unconfirmed": None if move.unconfirmed_from is None else from_hour(move.unconfirmed_from),
            "release": move.release,
            "sequence": move.sequence,
            "now": now,
        },
    ).rowcount
    if moved != 1:
        raise _fenced(claim, move.first_offset)


def hold_claim(cursor: psycopg.Cursor, claim: Claim) -> None:
    """Keep a partition for the length of a transaction: no checkpoint is written and no other worker claims meanwhile.

    Raises:
        FencedError: the partition is another worker's by now.
    """
    held = cursor.execute(
        "SELECT FROM worker_offset WHERE topic = %s AND partition = %s AND claim = %s FOR UPDATE",
        [claim.topic, claim.partition, claim.number],
    ).fetchone()
    if held is None:
        raise _fenced(claim)


def skip_to(connection: psycopg.Connection, claim: Claim, offset: int) -> None:
    """Skip to an offset, since the log no longer holds the messages before it; the caller commits."""
    connection.execute(
        """
        UPDATE worker_offset
        SET next_offset = %s, published_offset = %s, unconfirmed_from = NULL, window_copy = NULL
        WHERE topic = %s AND partition = %s AND claim = %s
        """,
        [offset, offset, claim.topic, claim.partition, claim.number],
    )


def name_window_copy(connection: psycopg.Connection, claim: Claim, next_offset: int, name: str) -> None:
    """Record the name of a copy of the windows at an offset, for the next owner; the caller commits.

    Raises:
        FencedError: another worker has claimed the partition, or its offset differs.
    """
    named = connection.execute(
        """
        UPDATE worker_offset SET window_copy = %s
        WHERE topic = %s AND partition = %s AND claim = %s AND next_offset = %s
        """,
        [name, claim.topic, claim.partition, claim.number, next_offset],
    ).rowcount
    if named != 1:
        raise _fenced(claim, next_offset)


def _fenced(claim: Claim, offset: int | None = None) -> FencedError:
    place = "" if offset is None else f"at offset {offset} "
    return FencedError(
        f"partition {claim.partition} of {claim.topic} is no longer {place}under claim {claim.number}"
        ": another worker has taken it over, so this one exits and is restarted"
    )


def next_offsets(connection: psycopg.Connection, topic: str) -> dict[int, int]:
    """Read the next offset of each partition that was ever claimed, in their order."""
    rows = connection.execute(
        "SELECT partition, next_offset FROM worker_offset WHERE topic = %s ORDER BY partition", [topic]
    )
    return dict(rows.fetchall())


def raise_claims(connection: psycopg.Connection, by: int) -> None:
    """Raise the claims of all partitions and drop their window copies, after the tables were restored."""
    connection.execute("UPDATE worker_offset SET claim = claim + %s, window_copy = NULL", [by])


@dataclass(frozen=True)
class PartitionPosition:
    """Offsets and release of a partition.

    Attributes:
        next_offset: the first message that is not in the tables.
        published_offset: forecasts of messages before it are in Kafka.
        all_published: whether all forecasts are in Kafka.
        release: with which all series of the partition were last refreshed.
        sequence: of the last checkpoint with forecasts; Redis has it where it has all forecasts.
    """

    next_offset: int
    published_offset: int
    all_published: bool
    release: str | None
    sequence: int

    def has_published(self, message_offset: int) -> bool:
        """Check whether Kafka has acknowledged the forecast caused by a message."""
        return self.all_published or message_offset < self.published_offset


def read_positions(connection: psycopg.Connection, topic: str) -> dict[int, PartitionPosition]:
    """Read the position of each partition that was ever claimed."""
    rows = connection.execute(
        """
        SELECT partition, next_offset, published_offset, unconfirmed_from IS NULL, release, forecast_sequence
        FROM worker_offset WHERE topic = %s
        """,
        [topic],
    )
    return {partition: PartitionPosition(*row) for partition, *row in rows.fetchall()}


@dataclass(frozen=True)
class CommittedSequences:
    """Sequences that TimescaleDB has committed, in one snapshot.

    Attributes:
        partitions: of the topic; 0 while no worker has claimed any.
        sequences: forecast_sequence by partition, of those that were ever claimed.
    """

    partitions: int
    sequences: Mapping[int, int]

    def partition_of(self, series_id: str) -> int:
        """Return the partition of a series; `partitions` must not be 0."""
        return partition_of(series_id, self.partitions)


def read_committed(connection: psycopg.Connection, topic: str) -> CommittedSequences:
    """Read the sequence of each partition.

    Args:
        connection: an open connection.
        topic: full name of the topic of observations.
    """
    rows = connection.execute(
        "SELECT partition, forecast_sequence, partitions FROM worker_offset WHERE topic = %s", [topic]
    ).fetchall()
    return CommittedSequences(max((row[2] or 0 for row in rows), default=0), {row[0]: row[1] for row in rows})
