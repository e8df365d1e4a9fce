"""Commits results: first the transaction, then Redis, where it is reachable, then Kafka."""

import psycopg

from dayahead.hours import Clock
from dayahead.storage.checkpoint import Checkpoint
from dayahead.storage.tables.forecast import ForecastRows
from dayahead.storage.tables.worker_offset import Move, move_offset, still_holds
from stream.commit.publish import Publisher
from stream.partition import metrics
from stream.partition.held import HeldPartition
from stream.servers.connection import Database
from stream.servers.probe import Probe, Step


class Committer:
    """Writes checkpoints of held partitions and publishes their forecasts."""

    def __init__(self, database: Database, publisher: Publisher, clock: Clock, probe: Probe) -> None:
        self._database = database
        self._publisher = publisher
        self._clock = clock
        self._probe = probe

    def commit(self, held: HeldPartition, checkpoint: Checkpoint) -> None:
        """Write a checkpoint, then publish its forecasts; this advances the partition to the checkpoint's offset.

        Raises:
            FencedError: another worker has taken the partition over; nothing was written.
            Stopped: the worker was asked to stop while it waited for a server.
        """
        with metrics.stage("database"):
            self._write(held, checkpoint)
        held.next_offset, held.publication_recorded = checkpoint.move.next_offset, False
        if checkpoint.move.sequence is not None:
            held.sequence = checkpoint.move.sequence
        self._probe.reached(Step.COMMITTED)
        self.publish(held, checkpoint.forecasts)
        for rung, count in zip(*_counted(checkpoint.forecasts), strict=True):
            metrics.FORECASTS.labels(str(rung)).inc(count)

    def publish(self, held: HeldPartition, forecasts: ForecastRows) -> None:
        """Send committed forecasts to Redis and Kafka."""
        if len(forecasts):
            self._publisher.publish(held, forecasts, self._probe)

    def record_published(self, held: HeldPartition) -> None:
        """Record in the tables that Kafka has all forecasts, so that the next owner does not publish them again.

        The next checkpoint does this too; this call is for an idle partition.

        Raises:
            FencedError: another worker has taken the partition over.
        """
        if held.publication_recorded:
            return
        move = Move(held.next_offset, held.next_offset, held.next_offset, None)

        def note(connection: psycopg.Connection) -> None:
            with connection.transaction(), connection.cursor() as cursor:
                move_offset(cursor, held.claim, move, self._clock())

        self._database.retry(note)
        held.publication_recorded = True

    def _write(self, held: HeldPartition, checkpoint: Checkpoint) -> None:
        tried = False

        def attempt(connection: psycopg.Connection) -> None:
            nonlocal tried
            move = checkpoint.move
            # The connection may have broken after the server committed: then the offset has already moved.
            if tried and move.next_offset > move.first_offset and still_holds(connection, held.claim, move.next_offset):
                return
            tried = True
            self._database.writer().write(held.claim, checkpoint, self._clock())

        self._database.retry(attempt)


def _counted(forecasts: ForecastRows) -> tuple[list[int], list[int]]:
    rungs = forecasts.rung.tolist()
    present = sorted(set(rungs))
    return present, [rungs.count(rung) for rung in present]
