"""Computes level, spread and pattern of the days of a series from its observed hours."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DAY_H = 24
LEAST_KNOWN_H = 18
"""Hours of a day that must be known for the day to count."""

BACK_DAYS = 21
"""Days back that a day's values depend on; a pattern is compared with their mean, the newest RECENT_DAYS left out."""
RECENT_DAYS = 3

LEAST_SHARE = 0.02
"""Smaller levels count as this share of the greatest of BACK_DAYS, and smaller spreads as this share of the level: a
logarithm has no value for 0, and a series that drops to 0 is a change."""


@dataclass(frozen=True)
class Days:
    """Days (UTC) of one series, in order of time; NaN where too few hours are known.

    Attributes:
        hours: int64 [d], the last hour of each day.
        level: float64 [d], logarithm of the mean magnitude, in the unit of the series.
        spread: float64 [d], logarithm of the mean distance of the hours to their mean, in units of the level.
        pattern: float64 [d], 1 - correlation of the hours with the mean day of three weeks: 0 is the same shape.
    """

    hours: NDArray[np.int64]
    level: NDArray[np.float64]
    spread: NDArray[np.float64]
    pattern: NDArray[np.float64]

    @classmethod
    def of(cls, hours: NDArray[np.int64], values: NDArray[np.float64]) -> "Days":
        """Compute days from hours.

        Args:
            hours: int64 [n], each hour once.
            values: float64 [n], NaN where missing.
        """
        if not len(hours):
            return cls(np.empty(0, np.int64), *(np.empty(0) for _ in range(3)))
        first = int(hours.min()) // DAY_H
        by_day = np.full((int(hours.max()) // DAY_H - first + 1, DAY_H), np.nan)
        by_day[hours // DAY_H - first, hours % DAY_H] = values
        magnitude = _mean(np.abs(by_day))
        spread = _mean(np.abs(by_day - _mean(by_day)[:, None]))
        level = np.maximum(magnitude, LEAST_SHARE * _greatest(magnitude))
        level[level == 0] = np.nan
        return cls(
            (first + np.arange(len(by_day)) + 1) * DAY_H - 1,
            np.log(level),
            np.log(np.maximum(spread / level, LEAST_SHARE)),
            _pattern(by_day / level[:, None]),
        )


def _greatest(magnitude: NDArray[np.float64]) -> NDArray[np.float64]:
    """Greatest of each day and those before it; 0 where none is known."""
    padded = np.concatenate([np.zeros(BACK_DAYS), np.nan_to_num(magnitude)])
    return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, BACK_DAYS + 1).max(axis=1))


def _pattern(shape: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 - correlation of each day with the mean of those before it."""
    found = np.full(len(shape), np.nan)
    for day in range(len(shape)):
        before = shape[max(day - BACK_DAYS, 0) : max(day - RECENT_DAYS, 0)]
        before = before[np.isfinite(before).all(axis=1)]
        if not len(before):
            continue
        usual = before.mean(axis=0)
        known = np.isfinite(shape[day])
        if known.sum() < LEAST_KNOWN_H:
            continue
        mine, theirs = shape[day][known], usual[known]
        mine, theirs = mine - mine.mean(), theirs - theirs.mean()
        scale = float(np.sqrt((mine @ mine) * (theirs @ theirs)))
        if scale > 0:
            found[day] = 1.0 - float(mine @ theirs) / scale
    return found


def _mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over the known hours of each day, NaN where they are too few."""
    known = np.isfinite(values)
    count = known.sum(axis=1)
    total = np.where(known, values, 0.0).sum(axis=1)
    return np.where(count >= LEAST_KNOWN_H, total / np.maximum(count, 1), np.nan)
