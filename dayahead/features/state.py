"""The state of a series at its origin: a pure function of its window."""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from dayahead.features.fill import WEEK, fill
from dayahead.features.screen import screen
from dayahead.features.stuck import stuck

LAG_HOURS = 864
"""Hours that the features reach back, for the origin itself (672) and for the 192 hours of origins before it."""

PAST_ORIGINS = 192
"""Hours before the origin within which the linear member's past forecasts are judged."""

SCALE_FLOOR = 0.01
"""A scale is at least this share of the mean of four weeks, so that a series that fell silent stays finite."""


GREATEST_Z = 1e9
"""Scaled values are held within this, so that no product of theirs leaves single precision."""


@dataclass(frozen=True)
class SeriesState:
    """Windows in their own scale.

    Attributes:
        values: float64 [n, 912], filled, in the unit of the series.
        observed: bool [n, 912], False where a value is missing, was set aside or repeats that of a stuck meter.
        set_aside: bool [n, 912], True where a value was observed but is implausible.
        stuck: bool [n, 912], True where the meter stood still.
        first: int64 [n], column of the first observed hour, 912 where there is none.
        scale: float64 [n], mean |value| of the last week; 0 where the series is all zero.
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
    filled = fill(values)
    still = stuck(filled.values, filled.observed)
    if still.any():
        filled = fill(np.where(filled.observed & ~still, values, np.nan))
    set_aside = np.zeros(values.shape, np.bool_)
    if screened:
        filled, set_aside = screen(filled)
    magnitude = np.abs(filled.values[:, -672:])
    scales = _scales(magnitude)
    scale = scales[:, 0]
    alive = scale > 0
    divisor = np.where(alive, scale, 1.0)
    z = np.clip(filled.values[:, -LAG_HOURS:] / divisor[:, None] - 1.0, -GREATEST_Z, GREATEST_Z).astype(np.float32)
    past = np.where(alive[:, None], scales / divisor[:, None], 1.0)
    return SeriesState(filled.values, filled.observed, set_aside, still, filled.first, scale, past, z)


def _scales(magnitude: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of |value| over the week that ends 0 … 192 hours before the origin; [n, 193]."""
    running = np.cumsum(magnitude[:, -WEEK - PAST_ORIGINS :], axis=1)
    running = np.concatenate([np.zeros((len(running), 1)), running], axis=1)
    weeks = (running[:, WEEK:] - running[:, :-WEEK])[:, ::-1] / WEEK
    floor = SCALE_FLOOR * magnitude.mean(axis=1, keepdims=True)
    scales: NDArray[np.float64] = np.maximum(weeks, floor)
    return scales
