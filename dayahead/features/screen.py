"""Implausible values of a raw feed: set aside before anything is computed from them."""

import numpy as np
from numpy.typing import NDArray

from dayahead.features.fill import DAY, WEEK, FilledWindow, fill

SMOOTHING = 0.02
"""Weight of the newest hour in the running mean of the usual deviation: a memory of about two days."""

LIMIT = 12.0
"""How many usual deviations away a value must be, from its own past and from the hour before, to be set aside."""

LONGEST_RUN = 24
"""Hours in a row that are set aside at most; after that it is a new level, and believed."""


def screen(filled: FilledWindow) -> tuple[FilledWindow, NDArray[np.bool_]]:
    """Set aside the values that neither their past nor the hour before them explains, and fill their place.

    A value y is set aside where min(|y - ref|, |y - before|) > 12 x the running mean of |y - ref| over the observed
    hours before it, ref being the mean of the values 24 and 168 h before. The first eight days of a series only teach
    the running mean.

    Args:
        filled: windows of n series.

    Returns:
        The windows without those values, and which hours were set aside (bool [n, hours]).
    """
    values, observed = filled.values, filled.observed
    rejected = np.zeros(values.shape, np.bool_)
    deviation, step = _distances(values)
    known = observed[:, WEEK:]
    # Hours that were filled in deviate by nothing: counting them would make the next real value look wild.
    total = _running(np.where(known, deviation, 0.0))
    # mostly the same hours of all rows are known
    alike = bool(len(known)) and bool((known == known[0]).all())
    weight = np.broadcast_to(_running((known[:1] if alike else known).astype(np.float64)), total.shape)
    learnt = np.arange(WEEK, values.shape[1]) >= filled.first[:, None] + WEEK + DAY
    judged = known & learnt
    suspect = judged[:, 1:] & (np.minimum(deviation, step)[:, 1:] * weight[:, :-1] > LIMIT * total[:, :-1])
    rows = np.flatnonzero(suspect.any(axis=1))
    if rows.size == 0:
        return filled, rejected
    start = WEEK + 1 + suspect[rows].argmax(axis=1)
    rejected[rows] = _walk(values[rows], observed[rows], np.stack([total[rows], weight[rows]]), start)
    return fill(np.where(observed & ~rejected, values, np.nan)), rejected


def _distances(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Distance of each hour from the second week on to its reference, and to the hour before it."""
    hours = values.shape[1]
    present = values[:, WEEK:]
    # in place: a new array for each step costs more than the arithmetic
    deviation = values[:, WEEK - DAY : hours - DAY] + values[:, : hours - WEEK]
    deviation /= 2
    np.subtract(present, deviation, out=deviation)
    np.abs(deviation, out=deviation)
    step = present - values[:, WEEK - 1 : hours - 1]
    np.abs(step, out=step)
    return deviation, step


def _running(seen: NDArray[np.float64]) -> NDArray[np.float64]:
    """Running mean of each row, which starts from nothing; [n, hours]."""
    # Hours first, so that one hour of all rows lies together.
    running = np.multiply(seen.T, SMOOTHING, order="C")
    kept = np.empty(len(seen))
    for hour in range(1, len(running)):
        np.multiply(running[hour - 1], 1.0 - SMOOTHING, out=kept)
        running[hour] += kept
    return np.ascontiguousarray(running.T)


def _walk(
    values: NDArray[np.float64], observed: NDArray[np.bool_], running: NDArray[np.float64], start: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Hour by hour, since what is set aside must not be the reference of what follows.

    Until its first suspect column (`start`) a row is as it was seen before, whatever rows it shares the walk with.
    """
    # Hours first, so that one hour of all rows lies together.
    values, observed, running = values.T.copy(), observed.T.copy(), running.transpose(2, 0, 1).copy()
    rejected = np.zeros(values.shape, np.bool_)
    run = np.zeros(values.shape[1], np.int64)
    state = np.zeros(running.shape[1:])
    for hour in range(int(start.min()), len(values)):
        state = np.where(hour <= start, running[hour - 1 - WEEK], state)
        total, weight = state
        reference = (values[hour - DAY] + values[hour - WEEK]) / 2
        deviation = np.abs(values[hour] - reference)
        step = np.abs(values[hour] - values[hour - 1])
        seen = observed[hour] & (hour >= start)
        implausible = seen & (np.minimum(deviation, step) * weight > LIMIT * total) & (run < LONGEST_RUN)
        run = np.where(implausible, run + 1, np.where(seen, 0, run))
        rejected[hour] = implausible
        values[hour] = np.where(implausible, reference, values[hour])
        taken = observed[hour] & ~implausible
        state = SMOOTHING * np.stack([np.where(taken, deviation, 0.0), taken]) + (1.0 - SMOOTHING) * state
    return np.ascontiguousarray(rejected.T)
