"""Implausible values of a raw feed: set aside before anything is computed from them."""

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from dayahead.features.fill import DAY, WEEK, FilledWindow, fill

SMOOTHING = 0.02
"""Weight of the newest hour in the running mean of the usual deviation: a memory of about two days."""

LIMIT = 12.0
"""How many usual deviations away a value must be, from its own past and from the hour before, to be set aside."""

LONGEST_RUN = 24
"""Hours in a row that are set aside at most; after that it is a new level, and believed."""


def screen(filled: FilledWindow) -> tuple[FilledWindow, NDArray[np.bool_]]:
    """Set aside the values that neither their past nor the hour before them explains, and fill their place.

    A value y is set aside where min(|y - ref|, |y - before|) > 12 x the running mean of |y - ref|, ref being the mean
    of the values 24 and 168 h before. The first week of the observed hours only teaches the running mean.

    Args:
        filled: windows of n series.

    Returns:
        The windows without those values, and which hours were set aside (bool [n, hours]).
    """
    values = filled.values
    rejected = np.zeros(values.shape, np.bool_)
    deviation, step = _distances(values)
    usual = np.asarray(lfilter([SMOOTHING], [1.0, SMOOTHING - 1.0], deviation, axis=1))
    judged = filled.observed[:, WEEK:] & (np.arange(WEEK, values.shape[1]) >= filled.first[:, None] + WEEK)
    suspect = judged[:, 1:] & (np.minimum(deviation, step)[:, 1:] > LIMIT * usual[:, :-1])
    rows = np.flatnonzero(suspect.any(axis=1))
    if rows.size == 0:
        return filled, rejected
    rejected[rows] = _walk(values[rows], filled.observed[rows], filled.first[rows])
    return fill(np.where(filled.observed & ~rejected, values, np.nan)), rejected


def _distances(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Distance of each hour from the second week on to its reference, and to the hour before it."""
    hours = values.shape[1]
    reference = (values[:, WEEK - DAY : hours - DAY] + values[:, : hours - WEEK]) / 2
    present = values[:, WEEK:]
    return np.abs(present - reference), np.abs(present - values[:, WEEK - 1 : hours - 1])


def _walk(values: NDArray[np.float64], observed: NDArray[np.bool_], first: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Hour by hour, since what is set aside must not be the reference of what follows."""
    values = values.copy()
    rejected = np.zeros(values.shape, np.bool_)
    usual = np.zeros(len(values))
    run = np.zeros(len(values), np.int64)
    for column in range(WEEK, values.shape[1]):
        reference = (values[:, column - DAY] + values[:, column - WEEK]) / 2
        deviation = np.abs(values[:, column] - reference)
        step = np.abs(values[:, column] - values[:, column - 1])
        judged = observed[:, column] & (first + WEEK <= column) & (column > WEEK)
        implausible = judged & (np.minimum(deviation, step) > LIMIT * usual) & (run < LONGEST_RUN)
        run = np.where(implausible, run + 1, np.where(observed[:, column], 0, run))
        rejected[:, column] = implausible
        values[:, column] = np.where(implausible, reference, values[:, column])
        usual = usual + SMOOTHING * (np.where(implausible, 0.0, deviation) - usual)
    return rejected
