"""Decides which version of an hour is current: the greatest (available_at, value), whatever the order of arrival.

Cells (a series at an hour) are independent, so a whole batch is decided at once: the first rows of all cells, then
their second rows, and so on. The result is the same as one row after the other.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dayahead.grouping import pack_pairs, unpack_pairs
from dayahead.storage.tables.observation import CurrentVersions
from stream.partition.rows import Rows


@dataclass(frozen=True)
class Cells:
    """The hours of series that a batch touches, each once.

    Attributes:
        series: int64 [c], index of the series in the state of the partition.
        hour: int64 [c].
        of_row: int64 [r], the cell of each row of the batch.
    """

    series: NDArray[np.int64]
    hour: NDArray[np.int64]
    of_row: NDArray[np.int64]

    @classmethod
    def of(cls, rows: Rows) -> "Cells":
        """Make the cells of a batch, in the order of series and hour."""
        unique, of_row = np.unique(pack_pairs(rows.series, rows.hour), return_inverse=True)
        return cls(*unpack_pairs(unique), of_row)

    def __len__(self) -> int:
        return len(self.series)


@dataclass(frozen=True)
class Superseded:
    """Versions that never were current, or no longer are.

    Attributes:
        cell: int64 [s].
        value: float64 [s].
        available_us: int64 [s], microseconds since 1970.
    """

    cell: NDArray[np.int64]
    value: NDArray[np.float64]
    available_us: NDArray[np.int64]


@dataclass(frozen=True)
class Decided:
    """The effect of a batch on its cells.

    Attributes:
        changed: bool [r], whether the row changed the current value of its hour.
        revised: bool [r], whether its hour already had another value, so that one of the two is a revision.
        current: versions of the c cells after the batch.
        touched: bool [c], cells that must be written.
        new: bool [c], cells that the database does not have.
        superseded: versions for the revision log; some may be in it already.
    """

    changed: NDArray[np.bool_]
    revised: NDArray[np.bool_]
    current: CurrentVersions
    touched: NDArray[np.bool_]
    new: NDArray[np.bool_]
    superseded: Superseded


def decide(rows: Rows, cells: Cells, known: CurrentVersions) -> Decided:
    """Compare the rows of a batch with the known versions.

    Args:
        rows: r rows in the order of the log.
        cells: their c cells.
        known: versions of the cells in the database.
    """
    contest = _Contest(known)
    changed, revised = np.zeros(len(rows), np.bool_), np.zeros(len(rows), np.bool_)
    for turn in _turns(cells.of_row):
        changed[turn], revised[turn] = contest.enter(cells.of_row[turn], rows.value[turn], rows.available_us[turn])
    current = contest.current
    touched = (
        (contest.current.available_us != known.available_us)
        | (current.confirmed_us != known.confirmed_us)
        | (np.isfinite(current.value) & (current.value != known.value))
    )
    return Decided(changed, revised, current, touched, np.isnan(known.value), contest.superseded())


class _Contest:
    """Cells and their current versions."""

    def __init__(self, known: CurrentVersions) -> None:
        self.current = CurrentVersions(known.value.copy(), known.available_us.copy(), known.confirmed_us.copy())
        self._lost: list[Superseded] = []

    def enter(
        self, cell: NDArray[np.int64], value: NDArray[np.float64], available: NDArray[np.int64]
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Enter one version for each of some cells; return whether it changed the value, and whether it differs."""
        now = self.current
        old, first, last = now.value[cell], now.available_us[cell], now.confirmed_us[cell]
        absent = np.isnan(old)
        same = ~absent & (value == old)
        differs = ~absent & ~same
        greater = value > old
        wins = differs & ((available > last) | ((available == last) & greater))
        # another value between two publications of the current one: from the second on the current one is a new version
        between = differs & ~wins & ((available > first) | ((available == first) & greater))
        self._lose(cell, old, first, wins | between)
        self._lose(cell, value, available, (differs & ~wins) | (same & (available < first)))
        now.available_us[cell[between]] = last[between]
        confirms = same & (available > last)
        now.confirmed_us[cell[confirms]] = available[confirms]
        changed = absent | wins
        taken = cell[changed]
        now.value[taken] = value[changed]
        now.available_us[taken] = now.confirmed_us[taken] = available[changed]
        return changed, differs

    def _lose(
        self,
        cell: NDArray[np.int64],
        value: NDArray[np.float64],
        available: NDArray[np.int64],
        chosen: NDArray[np.bool_],
    ) -> None:
        if chosen.any():
            self._lost.append(Superseded(cell[chosen], value[chosen], available[chosen]))

    def superseded(self) -> Superseded:
        """Return all versions that were replaced, or never were current."""
        if not self._lost:
            return Superseded(np.empty(0, np.int64), np.empty(0), np.empty(0, np.int64))
        return Superseded(
            np.concatenate([part.cell for part in self._lost]),
            np.concatenate([part.value for part in self._lost]),
            np.concatenate([part.available_us for part in self._lost]),
        )


def _turns(of_row: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Group rows by their rank within their cell: every turn has at most one row of a cell."""
    if not len(of_row):
        return []
    order = np.argsort(of_row, kind="stable")
    sorted_cells = of_row[order]
    starts = np.flatnonzero(np.r_[True, sorted_cells[1:] != sorted_cells[:-1]])
    rank_sorted = np.arange(len(of_row)) - np.repeat(starts, np.diff(np.r_[starts, len(of_row)]))
    rank = np.empty(len(of_row), np.int64)
    rank[order] = rank_sorted
    by_rank = np.argsort(rank, kind="stable")
    return np.split(by_rank, np.flatnonzero(np.diff(rank[by_rank])) + 1)
