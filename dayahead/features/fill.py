"""Missing hours of a window: filled from the days before, and remembered as filled."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DAY = 24
WEEK = 168


@dataclass(frozen=True)
class FilledWindow:
    """A window without holes.

    Attributes:
        values: float64 [n, hours], no NaN; 0 throughout where nothing at all was observed.
        observed: bool [n, hours], False where a value was filled in.
        first: int64 [n], column of the first observed hour, `hours` where there is none.
    """

    values: NDArray[np.float64]
    observed: NDArray[np.bool_]
    first: NDArray[np.int64]

    @property
    def history_h(self) -> NDArray[np.int64]:
        """Hours from the first observed one to the origin, both included."""
        hours: int = self.values.shape[1]
        return np.subtract(hours, self.first)


def fill(values: NDArray[np.float64]) -> FilledWindow:
    """Fill the holes of windows, each row by itself.

    A hole takes the mean of the values 24 and 168 hours before (themselves filled), the one of them that exists, or
    else the value before it: nothing later than the hole is used. The hours before the first observed one repeat the
    week (with less than a week of history the day) that follows them, so that a young series has lags too.

    Args:
        values: float64 [n, hours]; NaN and infinities are holes. Not changed.
    """
    observed = np.isfinite(values)
    first = np.where(observed.any(axis=1), observed.argmax(axis=1), values.shape[1])
    if observed.all():
        return FilledWindow(values, observed, first)
    filled = np.where(observed, values, np.nan)
    rows = np.flatnonzero(~observed.all(axis=1))
    part = filled[rows]
    _fill_gaps(part, observed[rows], first[rows])
    _fill_start(part, first[rows])
    filled[rows] = part
    return FilledWindow(filled, observed, first)


def _fill_gaps(values: NDArray[np.float64], observed: NDArray[np.bool_], first: NDArray[np.int64]) -> None:
    holes = ~observed & (np.arange(values.shape[1]) > first[:, None])
    for column in np.flatnonzero(holes.any(axis=0)):
        rows = np.flatnonzero(holes[:, column])
        candidates = [values[rows, column - lag] for lag in (DAY, WEEK) if column >= lag]
        filling = values[rows, column - 1]
        if candidates:
            day_before = candidates[0]
            week_before = candidates[-1]
            filling = np.where(np.isnan(day_before), filling, day_before)
            both = ~np.isnan(day_before) & ~np.isnan(week_before)
            filling = np.where(np.isnan(day_before) & ~np.isnan(week_before), week_before, filling)
            filling = np.where(both, day_before / 2 + week_before / 2, filling)
        values[rows, column] = filling


def _fill_start(values: NDArray[np.float64], first: NDArray[np.int64]) -> None:
    hours = values.shape[1]
    for start in np.unique(first):
        rows = np.flatnonzero(first == start)
        if start == hours:
            values[rows] = 0.0
            continue
        history = hours - start
        period = WEEK if history >= WEEK else DAY if history >= DAY else 1
        for stop in range(int(start), 0, -period):
            begin = max(stop - period, 0)
            values[rows, begin:stop] = values[rows, begin + period : stop + period]
