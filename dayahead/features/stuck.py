"""A meter that repeats its last value: those hours are no measurements, and are treated as missing."""

import numpy as np
from numpy.typing import NDArray

STUCK_STEPS = 6
"""Equal consecutive values, after the first, that make a meter look stuck."""

LONGEST_STUCK_H = 72
"""Hours that a meter is taken to be stuck at most; after that the value is believed."""


def stuck(values: NDArray[np.float64], observed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Hours at which a meter stood still while its series is not in the habit of it; bool [n, hours].

    The first hour of a run of equal values may have been measured and is not among them. A series with a second run
    as long in the window (zeros at night, a works that rests on Sundays) has the habit.

    Args:
        values: float64 [n, hours], filled, the last column the origin.
        observed: bool [n, hours], False where a value was filled in.
    """
    found = np.zeros(values.shape, np.bool_)
    repeats = (values[:, 1:] == values[:, :-1]) & observed[:, 1:] & observed[:, :-1]
    pairs = repeats[:, 1:] & repeats[:, :-1]
    long_runs = pairs[:, 4:] & pairs[:, 2:-2] & pairs[:, :-4]  # six repeats in a row, by their first
    for row in np.flatnonzero(long_runs.any(axis=1)):
        edges = np.flatnonzero(np.diff(np.concatenate([[False], repeats[row], [False]]).astype(np.int8)))
        first, last = edges[::2], edges[1::2]
        long = np.flatnonzero(last - first >= STUCK_STEPS)
        if len(long) == 1 and last[long[0]] - first[long[0]] <= LONGEST_STUCK_H:
            found[row, first[long[0]] + 1 : last[long[0]] + 1] = True
    return found
