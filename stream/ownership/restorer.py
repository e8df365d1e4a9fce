"""Rebuilds the state of a partition from the window copy in Redis and the log since, or from the tables."""

from collections.abc import Sequence

import numpy as np
import redis
import structlog
from numpy.typing import NDArray

from dayahead.errors import CopyUnusableError
from dayahead.storage.tables.weather_arrival import read_arrived
from stream.compute.table_reading import Reader, TableReader
from stream.intake.decode import Decoder
from stream.ownership.window_copy import WindowCopies
from stream.ownership.windows_from_tables import empty_state, read_windows
from stream.partition import metrics
from stream.partition.held import HeldPartition
from stream.partition.state import PartitionState
from stream.servers.connection import Database
from stream.servers.log_reader import Log, LogMessage

log = structlog.get_logger()

LONGEST_LOG = 5_000
"""Messages since a copy above which reading all windows is faster than reading the changed hours."""


class Restorer:
    """Rebuilds states in one of two ways, which give identical bits."""

    def __init__(self, database: Database, kafka_log: Log, copies: WindowCopies) -> None:
        self._database, self._log, self._copies = database, kafka_log, copies

    def restore(self, held: HeldPartition) -> PartitionState:
        """Rebuild the state of a claimed partition at its offset.

        Raises:
            Stopped: the worker was asked to end while it waited for a server.
        """
        state = self._windows(held)
        # always from the tables, which hold it as the messages brought it: there is little of it
        arrived = self._database.retry(
            lambda connection: read_arrived(connection, held.claim.topic, held.claim.partition)
        )
        state.weather.add(arrived)
        return state

    def _windows(self, held: HeldPartition) -> PartitionState:
        source = "timescaledb"
        if held.copy.name is not None and not self._copies.is_away():
            try:
                state, offset = self._from_copy(held, held.copy.name)
            except (CopyUnusableError, redis.RedisError) as error:
                source = "refused"
                log.warning("window_copy_unusable", partition=held.claim.partition, error=str(error))
            else:
                held.copy.offset = offset
                metrics.RESTORED.labels("redis").inc()
                return state
        state = self._empty(held)
        self._read(state, np.arange(len(state)))
        metrics.RESTORED.labels(source).inc()
        return state

    def _from_copy(self, held: HeldPartition, name: str) -> tuple[PartitionState, int]:
        head = self._copies.head(name)
        since = self._since(held, head.next_offset)
        state = self._empty(held)
        index_of = {key: index for index, key in enumerate(state.keys.tolist())}
        if unknown := [key for key in head.keys.tolist() if key not in index_of]:
            raise CopyUnusableError(
                f"the copy of the windows {name} has series that the partition does not have: {unknown[:5]}"
            )
        places = np.array([index_of[key] for key in head.keys.tolist()], np.int64)
        for here, rings in self._copies.rings(name, head):
            state.set_rings(places[here], head.newest[here], rings)
        fresh = np.setdiff1d(np.arange(len(state)), places)
        self._read(state, fresh)
        self._database.retry(lambda connection: catch_up(TableReader(connection), state, since))
        return state, head.next_offset

    def _since(self, held: HeldPartition, offset: int) -> list[LogMessage]:
        """Read the messages that are in the tables but not in a copy."""
        if offset > held.next_offset:
            raise CopyUnusableError(
                f"the copy of the windows is of offset {offset}, the tables stand at {held.next_offset}"
            )
        if held.next_offset - offset > LONGEST_LOG:
            raise CopyUnusableError(f"the copy of the windows is {held.next_offset - offset} messages old")
        since = self._log.stretch(held.claim.topic, held.claim.partition, offset, held.next_offset)
        if since is None:
            raise CopyUnusableError(f"the log does not hold the messages from offset {offset} on any more")
        return since

    def _empty(self, held: HeldPartition) -> PartitionState:
        return self._database.retry(lambda connection: empty_state(connection, held.claim.partition))

    def _read(self, state: PartitionState, series: NDArray[np.int64]) -> None:
        self._database.retry(lambda connection: read_windows(connection, state, series))


def catch_up(reader: Reader, state: PartitionState, since: Sequence[LogMessage]) -> None:
    """Bring an older state up to date with the tables: reload all hours that later messages contain.

    Whatever its outcome, a message changed no other hours than its own. Weather is not in the copy, see `restore`.

    Args:
        reader: of the tables.
        state: equal to the tables before the messages; changed.
        since: messages of the log, all that have been committed since.
    """
    decoder, cells = Decoder(), set[tuple[int, int]]()
    for message in since:
        decoded = decoder.decode(message)
        for series_id, hour in zip(decoded.series_ids, decoded.hours, strict=True):
            if (index := state.index_of.get(series_id)) is not None:
                cells.add((index, hour))
    if cells:
        series, hours = np.array(sorted(cells), np.int64).T
        found = reader.current_versions(state.keys[series], hours).value
        known = np.isfinite(found)
        state.put(series[known], hours[known], found[known])
