"""Writes the quality of the series of a worker, read from their windows, to `partition_quality` for people.

No forecast and no offset depends on it: a missing or stale row is written at the next change.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import psycopg
from numpy.typing import NDArray

from dayahead.contracts import Rung
from dayahead.features.fill import WEEK
from dayahead.grouping import groups
from dayahead.hours import Clock, Hour, from_hour
from dayahead.storage.tables.partition_quality import LISTED, PartitionQuality, write_quality
from stream.partition.held import HeldPartition
from stream.partition.state import NEVER, PartitionState
from stream.servers.connection import Database

SERIES_AT_ONCE = 2_000
PAUSES_PER_WORK = 20.0
"""Seconds of pause for each second of work: at most a twentieth of a core."""

Seen = tuple[int, int, str | None, tuple[tuple[int, Hour], ...]]


class QualityKeeper:
    """Keeps `partition_quality` up to date; call it while no other work on the partitions runs."""

    def __init__(self, database: Database, clock: Clock, monotonic: Callable[[], float]) -> None:
        """Make a keeper; nothing is read or written yet.

        Args:
            database: of the worker.
            clock: the present moment, for `updated_at`.
            monotonic: seconds that only grow, as time.monotonic.
        """
        self._database, self._clock, self._monotonic = database, clock, monotonic
        self._seen: dict[int, Seen] = {}
        self._due_at = 0.0

    def keep(self, partitions: Collection[HeldPartition], newest: Mapping[int, Hour]) -> None:
        """Write the quality of partitions that changed since the last call; skip calls that follow too soon.

        Args:
            partitions: with their states.
            newest: newest hour of each source that has one, by source_key.
        """
        began = self._monotonic()
        if began < self._due_at:
            return
        for held in partitions:
            seen = (held.claim.number, held.next_offset, held.release, tuple(sorted(newest.items())))
            if self._seen.get(held.claim.partition) != seen:
                self._write(held, newest)
                self._seen[held.claim.partition] = seen
        self._due_at = self._monotonic() + PAUSES_PER_WORK * (self._monotonic() - began)

    def _write(self, held: HeldPartition, newest: Mapping[int, Hour]) -> None:
        state, now = held.state, self._clock()
        found = {}
        for source_key, series in groups(state.source_keys):
            found[source_key] = quality_of(state, series, newest.get(source_key, NEVER))

        def write(connection: psycopg.Connection) -> None:
            for source_key, quality in found.items():
                write_quality(connection, held.claim, source_key, quality, now)

        self._database.retry(write)


def quality_of(state: PartitionState, series: NDArray[np.int64], end: Hour) -> PartitionQuality:
    """Compute the quality of some series of a partition, all of one source.

    Args:
        state: of the partition.
        series: int64 [n], their indices.
        end: the newest hour of the source in any partition, NEVER where it has none.
    """
    newest = state.newest[series]
    hours, count = np.unique(newest, return_counts=True)
    oldest = series[np.argsort(newest, kind="stable")[:LISTED]]
    rung = np.where(state.rung[series] < 0, Rung.NONE, state.rung[series])
    gaps = _gaps(state, series, end)
    worst = np.argsort(-gaps.missing, kind="stable")[: min(LISTED, int((gaps.missing > 0).sum()))]
    return PartitionQuality(
        newest_hours=[_moment(hour) for hour in hours.tolist()],
        newest_series=count.tolist(),
        rung_series=np.bincount(rung, minlength=len(Rung)).tolist(),
        expected_hours=int(gaps.expected.sum()),
        missing_hours=int(gaps.missing.sum()),
        series_with_gaps=int((gaps.missing > 0).sum()),
        oldest_keys=state.keys[oldest].tolist(),
        oldest_hours=[_moment(hour) for hour in state.newest[oldest].tolist()],
        gap_keys=state.keys[series[worst]].tolist(),
        gap_hours=gaps.missing[worst].tolist(),
    )


@dataclass(frozen=True)
class _Gaps:
    """Hours of the week up to the newest hour of a source: int64 [n] each, by series."""

    expected: NDArray[np.int64]
    missing: NDArray[np.int64]


def _gaps(state: PartitionState, series: NDArray[np.int64], end: Hour) -> _Gaps:
    week = np.arange(end - WEEK + 1, end + 1)
    expected, present = np.zeros(len(series), np.int64), np.zeros(len(series), np.int64)
    for start in range(0, len(series), SERIES_AT_ONCE):
        part = slice(start, start + SERIES_AT_ONCE)
        known = np.isfinite(state.value_at(series[part, None], week))
        remembered = np.isfinite(state.rings(series[part])).sum(axis=1)
        present[part] = known.sum(axis=1)
        first = np.where(known.any(axis=1), known.argmax(axis=1), WEEK)
        expected[part] = np.where(remembered > present[part], WEEK, WEEK - first)
    return _Gaps(expected, expected - present)


def _moment(hour: Hour) -> datetime | None:
    return None if hour == NEVER else from_hour(hour)
