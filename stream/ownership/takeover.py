"""Takes a partition over: claims it, rebuilds its state, and publishes what its former owner may not have published."""

from dataclasses import replace

import psycopg
import structlog

from dayahead.contracts import Rung
from dayahead.errors import StorageError
from dayahead.hours import Clock
from dayahead.storage.tables.forecast import ForecastRows, read_newest_forecasts, read_unconfirmed
from dayahead.storage.tables.weather_arrival import begin_log_again, take_over_arrivals
from dayahead.storage.tables.worker_offset import Claim, claim_partition, skip_to, still_holds
from stream.commit.committing import Committer
from stream.commit.redis_following import RedisFollower
from stream.ownership.restorer import Restorer
from stream.ownership.windows_from_tables import note_forecasts
from stream.partition import metrics
from stream.partition.held import HeldPartition
from stream.servers.connection import Database
from stream.servers.log_reader import Log

log = structlog.get_logger()


class Takeover:
    """Takes over partitions of `observations`."""

    def __init__(
        self,
        *,
        topic: str,
        worker: str,
        database: Database,
        kafka_log: Log,
        committer: Committer,
        follower: RedisFollower,
        restorer: Restorer,
        clock: Clock,
        partitions: int,
        accept_lost: bool,
    ) -> None:
        self._topic, self._worker = topic, worker
        self._database, self._log, self._committer = database, kafka_log, committer
        self._follower, self._restorer, self._clock = follower, restorer, clock
        self._partitions = partitions
        self._accept_lost = accept_lost

    def is_still(self, held: HeldPartition) -> bool:
        """Check that no other worker claimed a partition that returns to this one."""
        return self._database.retry(lambda connection: still_holds(connection, held.claim, held.next_offset))

    def claim(self, partition: int) -> HeldPartition:
        """Claim a partition, without its state; the claim fences its former owner.

        Raises:
            StorageError: messages that are not in the tables are no longer in the log.
            Stopped: the worker was asked to end while it waited for a server.
        """
        low, high = self._log.bounds(self._topic, partition)
        claim = self._database.retry(lambda connection: self._claim(connection, partition, low))
        next_offset = claim.next_offset
        if not low <= next_offset <= high:
            next_offset = self.lose(claim, next_offset, low, high)
            # the offset no longer matches that of the copy
            claim = replace(claim, window_copy=None)
        return HeldPartition(claim, next_offset, waiting=high - next_offset)

    def restore(self, held: HeldPartition) -> None:
        """Rebuild the state of a claimed partition, and publish what its former owner may not have published.

        Raises:
            FencedError: another worker has taken the partition over meanwhile.
            Stopped: the worker was asked to end while it waited for a server.
        """
        with metrics.stage("takeover"):
            newest = self._read_state(held)
            if _is_mixed(newest, held.claim.release):
                held.release = None
            unconfirmed = self._unconfirmed(held)
            self._follower.introduce(held, has_last=len(unconfirmed) > 0)
            self._committer.publish(held, unconfirmed)
        log.info(
            "partition_taken_over",
            partition=held.claim.partition,
            claim=held.claim.number,
            next_offset=held.next_offset,
            series=len(held.state),
            published_again=len(unconfirmed),
        )

    def rebuild(self, held: HeldPartition) -> None:
        """Rebuild the state of a partition from the tables, after an error left it inconsistent.

        Raises:
            Stopped: the worker was asked to end while it waited for a server.
        """
        self._read_state(held)
        held.is_settled = True

    def _read_state(self, held: HeldPartition) -> ForecastRows:
        state = self._restorer.restore(held)
        newest = self._database.retry(lambda connection: read_newest_forecasts(connection, state.keys))
        note_forecasts(state, newest)
        held.remember(state)
        return newest

    def lose(self, claim: Claim, wanted: int, low: int, high: int) -> int:
        """Skip messages that the log no longer holds where the settings accept the loss; otherwise raise.

        Returns:
            The next offset.

        Raises:
            StorageError: the loss is not accepted; the message names the lost offsets.
        """
        where = f"partition {claim.partition} of {claim.topic}"
        if wanted > high:
            error = f"{where} ends at offset {high} and {wanted} was to come next: the topic was created again"
        else:
            error = f"{where} holds nothing before offset {low}: the messages {wanted} to {low - 1} are lost"
        if not self._accept_lost:
            raise StorageError(
                f"{error}. Read their hours again with `dayahead backfill`, then start once with "
                "DAYAHEAD_WORKER_ACCEPT_LOST_MESSAGES=true"
            )
        log.error("messages_lost", partition=claim.partition, wanted=wanted, first=low, end=high, error=error)
        metrics.LOST_MESSAGES.inc(max(0, low - wanted))

        def skip(connection: psycopg.Connection) -> None:
            with connection.transaction():
                skip_to(connection, claim, low)
                if wanted > high:
                    begin_log_again(connection, claim.topic, claim.partition)

        self._database.retry(skip)
        return low

    def _claim(self, connection: psycopg.Connection, partition: int, low: int) -> Claim:
        with connection.transaction():
            claim = claim_partition(
                connection, self._topic, partition, low, self._worker, self._clock(), partitions=self._partitions
            )
            if claim.number == 1:
                take_over_arrivals(connection, self._topic, partition)
            return claim

    def _unconfirmed(self, held: HeldPartition) -> ForecastRows:
        claim = held.claim
        first = claim.unconfirmed_from
        if first is None:
            return ForecastRows.joined([])
        return self._database.retry(
            lambda connection: read_unconfirmed(connection, held.state.keys, claim.published_offset, first)
        )


def _is_mixed(newest: ForecastRows, release: str | None) -> bool:
    """Check whether the former owner was refreshing the partition with another release: some series have it already."""
    by_champion = newest.rung <= Rung.DEGRADED_INPUT
    return bool((newest.release[by_champion] != release).any())
