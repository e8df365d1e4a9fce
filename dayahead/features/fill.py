"""Missing hours of a window: filled from the days before, and remembered as filled."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dayahead.machine_code import MachineFunction, compiled

DAY = 24
WEEK = 168

FILL_WINDOWS = MachineFunction("fill_windows", (int, int, np.float64, np.float64, np.bool_, np.int64))


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


def fill(values: NDArray[np.float64]) -> FilledWindow:
    """Fill the holes of windows, each row by itself; the rules are those of `fill_holes`.

    Args:
        values: float64 [n, hours]; NaN and infinities are holes. Not changed.
    """
    values = np.ascontiguousarray(values, np.float64)
    filled = FilledWindow(np.empty_like(values), np.empty(values.shape, np.bool_), np.empty(len(values), np.int64))
    FILL_WINDOWS(*values.shape, values, filled.values, filled.observed, filled.first)
    return filled


@compiled
def take_observed(window: NDArray[np.float64], values: NDArray[np.float64], observed: NDArray[np.bool_]) -> None:
    """Copy a window, and tell the hours that it has from those that it lacks."""
    for hour in range(len(window)):
        values[hour] = window[hour]
        observed[hour] = np.isfinite(window[hour])


@compiled
def fill_holes(values: NDArray[np.float64], observed: NDArray[np.bool_]) -> int:
    """Fill the holes of one window in place, and find the first observed hour (`hours` where there is none).

    A hole takes the mean of the values 24 and 168 hours before (themselves filled), the one of them that the series
    reaches back to, or else the value before it: nothing later than the hole is used. The hours before the first
    observed one repeat the week (with less than a week of history the day) that follows them, so that a young series
    has lags too.
    """
    hours = len(values)
    known = 0
    for hour in range(hours):
        known += observed[hour]
    if known == hours:
        return 0
    if known == 0:
        values[:] = 0.0
        return hours
    first = 0
    while not observed[first]:
        first += 1
    for hour in range(first + 1, hours):
        if not observed[hour]:
            values[hour] = _from_its_past(values, hour, first)
    period = _period(hours - first)
    for hour in range(first - 1, -1, -1):
        values[hour] = values[hour + period]
    return first


@compiled
def _from_its_past(values: NDArray[np.float64], hour: int, first: int) -> float:
    if hour - WEEK >= first:
        return values[hour - DAY] / 2 + values[hour - WEEK] / 2  # type: ignore[no-any-return]
    if hour - DAY >= first:
        return values[hour - DAY]  # type: ignore[no-any-return]
    return values[hour - 1]  # type: ignore[no-any-return]


@compiled
def _period(history_h: int) -> int:
    """Hours after which a series of this age is repeated."""
    if history_h >= WEEK:
        return WEEK
    if history_h >= DAY:
        return DAY
    return 1
