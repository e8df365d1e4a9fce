"""Which version of an hour is current: the greatest (available_at, value), whatever the order of arrival.

Cells (a series at an hour) do not touch each other, so that a whole batch is decided at once: the first rows of all
cells, then their second rows, and so on. The outcome is that of one row after the other.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stream.rows import Rows

HOUR_BITS = 32


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
        """The cells of a batch, in the order of series and hour."""
        key = (rows.series << HOUR_BITS) + (rows.hour + (1 << (HOUR_BITS - 1)))
        unique, of_row = np.unique(key, return_inverse=True)
        series = unique >> HOUR_BITS
        return cls(series, (unique & ((1 << HOUR_BITS) - 1)) - (1 << (HOUR_BITS - 1)), of_row)

    def __len__(self) -> int:
        return len(self.series)


@dataclass(frozen=True)
class Known:
    """The current versions of cells as the database holds them.

    Attributes:
        value: float64 [c], NaN where the hour is not known.
        available_us: int64 [c], meaningless where it is not known.
    """

    value: NDArray[np.float64]
    available_us: NDArray[np.int64]


@dataclass(frozen=True)
class Decided:
    """What a batch makes of its cells.

    Attributes:
        changed: bool [r], whether the row changed the current value of its hour.
        revised: bool [r], whether the row met another value of its hour, so that one of the two is a revision.
        current: Known, [c], the versions that are current after the batch.
        touched: bool [c], cells whose current version is another one than before.
        superseded_cell: int64 [s], cells of the versions that are not, or no longer, current.
        superseded: Known, [s], those versions.
    """

    changed: NDArray[np.bool_]
    revised: NDArray[np.bool_]
    current: Known
    touched: NDArray[np.bool_]
    superseded_cell: NDArray[np.int64]
    superseded: Known


def decide(rows: Rows, cells: Cells, known: Known) -> Decided:
    """Let the rows of a batch compete with what is known.

    Args:
        rows: r rows in the order of the log.
        cells: their c cells.
        known: what the database holds of the cells.
    """
    value, available = known.value.copy(), known.available_us.copy()
    changed, revised = np.zeros(len(rows), np.bool_), np.zeros(len(rows), np.bool_)
    lost_cells, lost_values, lost_moments = [], [], []
    for turn in _turns(cells.of_row):
        cell = cells.of_row[turn]
        new_value, new_available = rows.value[turn], rows.available_us[turn]
        old_value, old_available = value[cell], available[cell]
        absent = np.isnan(old_value)
        differs = ~absent & (new_value != old_value)
        later = (new_available > old_available) | ((new_available == old_available) & (new_value > old_value))
        wins = absent | (differs & later)
        changed[turn], revised[turn] = wins, differs
        # of two versions that differ one is superseded: the old one where the new one wins
        loses = differs & ~wins
        lost_cells.append(cell[differs])
        lost_values.append(np.where(loses, new_value, old_value)[differs])
        lost_moments.append(np.where(loses, new_available, old_available)[differs])
        value[cell[wins]], available[cell[wins]] = new_value[wins], new_available[wins]
    touched = np.zeros(len(cells), np.bool_)
    touched[cells.of_row[changed]] = True
    lost = np.concatenate(lost_cells) if lost_cells else np.empty(0, np.int64)
    return Decided(
        changed,
        revised,
        Known(value, available),
        touched,
        lost,
        Known(
            np.concatenate(lost_values) if lost_values else np.empty(0),
            np.concatenate(lost_moments) if lost_moments else np.empty(0, np.int64),
        ),
    )


def _turns(of_row: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Rows by their rank within their cell: every turn has at most one row of a cell."""
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
