"""Collects the values of an answer as columns, table by table."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from dayahead.reading.linear_order import series_order
from dayahead.reading.periods import Parts
from dayahead.reading.wall_times import WallTimes

Number = TypeVar("Number", bound=np.generic)


class PartColumns:
    """Values of periods in the order of the answer."""

    def __init__(self) -> None:
        self._series: list[NDArray[np.int32]] = []
        self._minute: list[NDArray[np.int64]] = []
        self._value: list[NDArray[np.float64]] = []
        self._place: list[NDArray[np.int64]] = []
        self._open: list[NDArray[np.int64]] = []  # places of times that may occur twice
        self._wall: list[NDArray[np.int64]] = []
        self._mark: list[NDArray[np.int8]] = []
        self._size = 0

    def add(
        self,
        series: NDArray[np.int32],
        minute: NDArray[np.int64],
        value: NDArray[np.float64],
        place: NDArray[np.int64],
        times: tuple[NDArray[np.bool_], NDArray[np.int64], NDArray[np.int8]],
    ) -> None:
        """Add the values of one column of a table.

        Args:
            series: [n] number of the series of each value.
            minute: [n] its time as labelled, minutes since 1970-01-01T00Z.
            value: [n] in the unit of the source.
            place: [n] number of its record in the answer.
            times: [n] whether its time may occur twice; its time on the clock of the source; its mark.
        """
        is_open, wall, mark = times
        self._series.append(series)
        self._minute.append(minute)
        self._value.append(value)
        self._place.append(place)
        self._open.append(self._size + np.flatnonzero(is_open))
        self._wall.append(wall[is_open])
        self._mark.append(mark[is_open])
        self._size += len(series)

    def sorted(self, zone: WallTimes) -> Parts:
        """All values, sorted by series, time and record; this collection is empty after it.

        Args:
            zone: decides which of two equal times a value has.
        """
        series, minute = _joined(self._series, np.int32), _joined(self._minute, np.int64)
        if len(places := _joined(self._open, np.int64)):
            # the columns of a table follow each other: within a series the order is that of its records
            wall, mark = _joined(self._wall, np.int64), _joined(self._mark, np.int8)
            minute[places] = zone.settle(series[places], wall, mark)
        if _is_sorted(series, minute):
            return Parts(series, minute, _joined(self._value, np.float64), _joined(self._place, np.int64))
        order = series_order(series)
        series, minute = series[order], minute[order]
        if not _is_sorted(series, minute):  # most sources are in the order of time
            again = np.lexsort((minute, series))
            series, minute, order = series[again], minute[again], order[again]
        # one column after the other, so that only one of them exists twice
        return Parts(series, minute, _joined(self._value, np.float64)[order], _joined(self._place, np.int64)[order])


def _is_sorted(series: NDArray[np.int32], minute: NDArray[np.int64]) -> bool:
    """Whether values are sorted by series and time."""
    step = np.diff(series)
    return not (step < 0).any() and not ((np.diff(minute) < 0) & (step == 0)).any()


def _joined(pieces: "list[NDArray[Number]]", kind: type[Number]) -> "NDArray[Number]":
    """All pieces as one column; they are freed."""
    column = np.concatenate(pieces) if pieces else np.zeros(0, kind)
    pieces.clear()
    return column
