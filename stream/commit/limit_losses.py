"""Counts and logs the series of a worker that lose values to the limits of their source."""

from collections.abc import Collection, Mapping

from dayahead.limit_metrics import LossWarnings
from dayahead.reading.limits import LimitLoss
from dayahead.storage.tables.limit_rejection import read_rejected_losses
from dayahead.storage.tables.source import RegisteredSource
from stream.partition.held import HeldPartition
from stream.servers.connection import Database


class LossKeeper:
    """Shows the losses of the held partitions whenever one of them has advanced."""

    def __init__(self, database: Database) -> None:
        """Make a keeper; nothing is read yet.

        Args:
            database: of the worker.
        """
        self._database = database
        self._seen: frozenset[tuple[int, int]] | None = None
        self._warnings: dict[str, LossWarnings] = {}

    def show(self, partitions: Collection[HeldPartition], sources: Mapping[str, RegisteredSource]) -> None:
        """Update gauge and log.

        Args:
            partitions: with their states.
            sources: registered sources by name.
        """
        seen = frozenset((held.claim.number, held.next_offset) for held in partitions)
        if seen == self._seen:
            return
        numbers = [held.claim.partition for held in partitions]
        losses = self._database.retry(lambda connection: read_rejected_losses(connection, partitions=numbers))
        for name, registered in sources.items():
            mine = [
                LimitLoss(one.series_id, one.outside_hours, one.given_hours, one.extreme, registered.source)
                for one in losses
                if one.source == name
            ]
            if mine or name in self._warnings:
                self._warnings.setdefault(name, LossWarnings(name)).show(mine)
        self._seen = seen
