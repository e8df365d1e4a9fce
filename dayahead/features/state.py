"""The state of a series at its origin: a pure function of its window."""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from dayahead.features.fill import WEEK, fill_holes
from dayahead.features.screen import mark_implausible
from dayahead.features.stuck import mark_stuck
from dayahead.machine_code import MachineFunction, compiled

LAG_HOURS = 864
"""Hours that the features reach back, for the origin itself (672) and for the 192 hours of origins before it."""

PAST_ORIGINS = 192
"""Hours before the origin within which the linear member's past forecasts are judged."""

FOUR_WEEKS = 4 * WEEK

SCALE_FLOOR = 0.01
"""A scale is at least this share of the mean of four weeks, so that a series that fell silent stays finite."""

GREATEST_Z = 1e9
"""Scaled values are held within this, so that no product of theirs leaves single precision."""

STATE_TYPES = (np.float64, np.bool_, np.bool_, np.bool_, np.int64, np.float64, np.float64, np.float32)

DESCRIBE_WINDOWS = MachineFunction("describe_windows", (int, int, int, np.float64, *STATE_TYPES))


@dataclass(frozen=True)
class SeriesState:
    """Windows in their own scale.

    Attributes:
        values: float64 [n, 912], filled, in the unit of the series.
        observed: bool [n, 912], False where a value is missing, was set aside or repeats that of a stuck meter.
        set_aside: bool [n, 912], True where a value was observed but is implausible.
        stuck: bool [n, 912], True where the meter stood still.
        first: int64 [n], column of the first observed hour, 912 where there is none.
        scale: float64 [n], mean |value| of the last week; 0 where the series is all zero or at rest (rest.py).
        past_scales: float64 [n, 193], column d is the scale as of the origin d hours before, divided by `scale`.
        z: float32 [n, 864], value / scale - 1, the last column the origin.
    """

    values: NDArray[np.float64]
    observed: NDArray[np.bool_]
    set_aside: NDArray[np.bool_]
    stuck: NDArray[np.bool_]
    first: NDArray[np.int64]
    scale: NDArray[np.float64]
    past_scales: NDArray[np.float64]
    z: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.scale)

    def take(self, rows: NDArray[np.int64] | slice) -> "SeriesState":
        """The state of some of the series."""
        return SeriesState(*(getattr(self, item.name)[rows] for item in fields(self)))

    @property
    def history_h(self) -> NDArray[np.int64]:
        """Hours from the first observed one to the origin, both included."""
        hours: int = self.values.shape[1]
        return np.subtract(hours, self.first)


def describe(values: NDArray[np.float64], *, screened: bool) -> SeriesState:
    """The state of windows; each row depends on nothing but itself.

    Args:
        values: float64 [n, 912], NaN where missing.
        screened: whether implausible values are set aside (dayahead/features/screen.py).
    """
    values = np.ascontiguousarray(values, np.float64)
    count, hours = values.shape
    state = SeriesState(
        values=np.empty((count, hours)),
        observed=np.empty((count, hours), np.bool_),
        set_aside=np.empty((count, hours), np.bool_),
        stuck=np.empty((count, hours), np.bool_),
        first=np.empty(count, np.int64),
        scale=np.empty(count),
        past_scales=np.empty((count, PAST_ORIGINS + 1)),
        z=np.empty((count, LAG_HOURS), np.float32),
    )
    DESCRIBE_WINDOWS(count, hours, int(screened), values, *(getattr(state, item.name) for item in fields(state)))
    return state


@compiled
def clean(
    values: NDArray[np.float64],
    observed: NDArray[np.bool_],
    set_aside: NDArray[np.bool_],
    stuck: NDArray[np.bool_],
    screened: bool,
) -> int:
    """Fill one window in place, treat as missing what is no measurement, and find the first observed hour."""
    first = fill_holes(values, observed)
    stuck[:] = False
    if mark_stuck(values, observed, stuck):
        _forget(observed, stuck)
        first = fill_holes(values, observed)
    set_aside[:] = False
    if screened and mark_implausible(values, observed, first, set_aside):
        _forget(observed, set_aside)
        first = fill_holes(values, observed)
    return first


@compiled
def _forget(observed: NDArray[np.bool_], marked: NDArray[np.bool_]) -> None:
    for hour in range(len(observed)):
        observed[hour] = observed[hour] and not marked[hour]


@compiled
def scale_window(
    values: NDArray[np.float64], rests: bool, past_scales: NDArray[np.float64], z: NDArray[np.float32]
) -> float:
    """Bring one filled window into its own scale, which is returned; a series at rest has none, as one of zeros.

    Args:
        values: float64 [hours].
        rests: whether the series is at rest (dayahead/features/rest.py).
        past_scales: float64 [193], written.
        z: float32 [864], written.
    """
    if rests:
        past_scales[:] = 1.0
        z[:] = -1.0
        return 0.0
    floor = SCALE_FLOOR * _mean_magnitude(values, FOUR_WEEKS)
    _week_means(values, past_scales)
    for back in range(PAST_ORIGINS + 1):
        past_scales[back] = max(past_scales[back], floor)
    scale = past_scales[0]
    divisor = scale if scale > 0 else 1.0
    for back in range(PAST_ORIGINS + 1):
        past_scales[back] = past_scales[back] / divisor if scale > 0 else 1.0
    start = len(values) - LAG_HOURS
    for lag in range(LAG_HOURS):
        scaled = values[start + lag] / divisor - 1.0
        z[lag] = min(max(scaled, -GREATEST_Z), GREATEST_Z)
    return scale  # type: ignore[no-any-return]


@compiled
def _mean_magnitude(values: NDArray[np.float64], hours: int) -> float:
    """Mean |value| of the last hours, a multiple of four: four sums side by side, since one waits for each addition."""
    one, two, three, four = 0.0, 0.0, 0.0, 0.0
    for hour in range(len(values) - hours, len(values), 4):
        one += abs(values[hour])
        two += abs(values[hour + 1])
        three += abs(values[hour + 2])
        four += abs(values[hour + 3])
    return (one + two + three + four) / hours


@compiled
def _week_means(values: NDArray[np.float64], means: NDArray[np.float64]) -> None:
    """Mean |value| of the weeks that end 0 … 192 hours before the origin, from sums that begin where the last does."""
    start = len(values) - WEEK - PAST_ORIGINS
    running = 0.0
    for hour in range(WEEK + PAST_ORIGINS):
        if hour <= PAST_ORIGINS:
            means[PAST_ORIGINS - hour] = -running
        running += abs(values[start + hour])
        if hour >= WEEK - 1:
            back = WEEK + PAST_ORIGINS - 1 - hour
            means[back] = (means[back] + running) / WEEK
