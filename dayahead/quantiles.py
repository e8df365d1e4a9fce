"""Any quantile of a forecast from its 10, 50 and 90 % quantiles and the shape of its release's errors.

A shape says where the quantiles of an error lie when its 10 % quantile is at -1, the median at 0 and the 90 % quantile
at +1. Between two levels, and beyond the outermost, a quantile is linear in the quantile of the normal distribution.
"""

from collections.abc import Sequence
from math import erf, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from dayahead.horizon import DAY_LEADS

LEVELS = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
"""Levels of a shape."""

LEAST_LEVEL, GREATEST_LEVEL = LEVELS[0], LEVELS[-1]

MIDDLE = LEVELS.index(0.5)
LOW, HIGH = LEVELS.index(0.1), LEVELS.index(0.9)

_SCORES = np.array([NormalDist().inv_cdf(level) for level in LEVELS])

NORMAL: NDArray[np.float64] = _SCORES / _SCORES[HIGH]
"""Shape of a normal error, on each side by itself: of forecasts whose release has none, or that no model made."""

Shape = NDArray[np.floating]
"""[leads, levels]: by lead and level of `LEVELS`, in units of the distance from the median to p10 or to p90."""

DRAWS = 400
"""Days that are drawn to find the peak of a day."""

HOURLY_CORRELATION = 0.9
"""Correlation of the errors of an hour and the next, by which the hours of a day are drawn together."""


def quantile(p10: Shape, p50: Shape, p90: Shape, shape: Shape, level: float) -> NDArray[np.float64]:
    """The quantile of a level by lead; that of 0.1, 0.5 and 0.9 is p10, p50 and p90 itself.

    Args:
        p10: [leads], in the unit of the series.
        p50: [leads], likewise.
        p90: [leads], likewise.
        shape: [leads, levels].
        level: 0.01 to 0.99.

    Returns:
        float64 [leads], within p10 and p90 where the level is.
    """
    return _at(p10, p50, p90, _positions(shape, NormalDist().inv_cdf(level)))


def probability_above(p10: Shape, p50: Shape, p90: Shape, shape: Shape, limit: float) -> NDArray[np.float64]:
    """The probability that the value of an hour is greater than a limit; [leads], 0 to 1.

    Args: as of `quantile`; the limit is in the unit of the series.
    """
    off = limit - np.asarray(p50, np.float64)
    side = np.where(off < 0, p50 - p10, p90 - p50).astype(np.float64)
    found = np.empty(len(off))
    for lead, (distance, width) in enumerate(zip(off.tolist(), side.tolist(), strict=True)):
        if width <= 0:
            found[lead] = 0.5 if distance == 0 else float(distance < 0)
        else:
            found[lead] = 1 - _normal_share(_score(shape[lead], distance / width))
    return found


def peak_of_day(
    p10: Shape, p50: Shape, p90: Shape, shape: Shape, levels: Sequence[float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The greatest hour of a day: quantiles of its size, and how likely each hour is to be it. Approximate.

    Days are drawn of which each hour has its own quantiles, and the hours depend on one another as a chain of normal
    errors does (`HOURLY_CORRELATION`). The draws are the same every time.

    Args:
        p10: [hours], in the unit of the series; an hour that is known has the same value three times.
        p50: [hours], likewise.
        p90: [hours], likewise.
        shape: [hours, levels].
        levels: of the quantiles of the size.

    Returns:
        float64 [levels] in the unit of the series, and float64 [hours], which add up to 1.
    """
    scores = _drawn(len(p50))
    values = np.stack([_at(p10, p50, p90, _positions(shape, one)) for one in scores])
    shares = np.bincount(values.argmax(axis=1), minlength=len(p50)) / len(values)
    return np.quantile(values.max(axis=1), levels), shares


def shape_by_lead(shape: NDArray[np.floating] | None, day_floors: Sequence[bool], leads: int) -> NDArray[np.float64]:
    """The shape of each lead of a forecast.

    Args:
        shape: [days, 24, levels] of the release that made it; None where there is none.
        day_floors: for each day of the horizon whether no model forecast it.
        leads: of the forecast.

    Returns:
        float64 [leads, levels]; normal for days that no model forecast, or that the release has no shape for.
    """
    days = np.tile(NORMAL, (len(day_floors), DAY_LEADS, 1))
    if shape is not None:
        for day, floor in enumerate(day_floors[: len(shape)]):
            if not floor:
                days[day] = shape[day]
    return days.reshape(-1, len(LEVELS))[:leads]


def _at(p10: Shape, p50: Shape, p90: Shape, position: NDArray[np.float64]) -> NDArray[np.float64]:
    middle = np.asarray(p50, np.float64)
    side = np.where(position < 0, middle - p10, p90 - middle)
    return np.asarray(middle + position * side)


def _positions(shape: Shape, score: float | NDArray[np.float64]) -> NDArray[np.float64]:
    """Position of a normal quantile by lead, linear between the levels; the last segments go on beyond them."""
    wanted = np.broadcast_to(np.asarray(score, np.float64), len(shape))
    place = np.clip(np.searchsorted(_SCORES, wanted, side="right"), 1, len(_SCORES) - 1)
    rows = np.arange(len(shape))
    low, high = np.asarray(shape, np.float64)[rows, place - 1], np.asarray(shape, np.float64)[rows, place]
    share = (wanted - _SCORES[place - 1]) / (_SCORES[place] - _SCORES[place - 1])
    return np.asarray(low + share * (high - low))


def _score(positions: Shape, position: float) -> float:
    """The inverse of `_positions` for one lead."""
    place = int(np.clip(np.searchsorted(positions, position, side="right"), 1, len(_SCORES) - 1))
    low, high = float(positions[place - 1]), float(positions[place])
    if high <= low:
        return float(_SCORES[place])
    return float(_SCORES[place - 1] + (position - low) / (high - low) * (_SCORES[place] - _SCORES[place - 1]))


def _normal_share(score: float) -> float:
    return (1 + erf(score / sqrt(2))) / 2


def _drawn(hours: int) -> NDArray[np.float64]:
    """Normal scores of days, [draws, hours]; the hours of each are a chain, and each day comes with its mirror."""
    steps = np.random.default_rng(0).standard_normal((DRAWS // 2, hours))
    chain = np.empty_like(steps)
    chain[:, 0] = steps[:, 0]
    for hour in range(1, hours):
        chain[:, hour] = HOURLY_CORRELATION * chain[:, hour - 1] + sqrt(1 - HOURLY_CORRELATION**2) * steps[:, hour]
    return np.concatenate([chain, -chain])
