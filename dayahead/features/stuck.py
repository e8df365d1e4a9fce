"""A meter that repeats its last value: those hours are no measurements, and are treated as missing."""

import numpy as np
from numpy.typing import NDArray

from dayahead.features.fill import DAY
from dayahead.machine_code import compiled

STUCK_STEPS = 6
"""Equal consecutive values, after the first, that make a meter look stuck."""

LONGEST_STUCK_H = 72
"""Hours that a meter is taken to be stuck at most; after that the value is believed."""


@compiled
def mark_stuck(values: NDArray[np.float64], observed: NDArray[np.bool_], stuck: NDArray[np.bool_]) -> bool:
    """Mark the hours at which a meter stood still while its series is not in the habit of it; tell if there are any.

    The first hour of a run of equal values may have been measured and is not among them. A series with a second run
    as long in the window (zeros at night, a works that rests on Sundays) has the habit. What lasts for longer than
    `LONGEST_STUCK_H` is believed; zeros that have ended are marked however long they lasted (a place that was closed or
    out of season), since they tell nothing about the load that has returned.

    Args:
        values: float64 [hours], filled, the last column the origin.
        observed: bool [hours], False where a value was filled in.
        stuck: bool [hours], all False; marked.
    """
    hours = len(values)
    runs, first, last = 0, 0, 0
    # A run that is long enough covers one of these hours.
    hour = STUCK_STEPS
    while hour < hours:
        if not _repeats(values, observed, hour):
            hour += STUCK_STEPS
            continue
        begin, end = hour, hour + 1
        while begin > 1 and _repeats(values, observed, begin - 1):
            begin -= 1
        while end < hours and _repeats(values, observed, end):
            end += 1
        if end - begin >= STUCK_STEPS:
            runs, first, last = runs + 1, begin, end
        hour = (end // STUCK_STEPS + 1) * STUCK_STEPS
    if runs != 1:
        return False
    if last - first > LONGEST_STUCK_H:
        if not _ended_rest(values, observed, first, last):
            return False
        first = 0 if first == 1 else first  # a window that begins at rest has no hour under load before it
    stuck[first:last] = True
    return True


@compiled
def _repeats(values: NDArray[np.float64], observed: NDArray[np.bool_], hour: int) -> bool:
    return bool(values[hour] == values[hour - 1] and observed[hour] and observed[hour - 1])


@compiled
def _ended_rest(values: NDArray[np.float64], observed: NDArray[np.bool_], first: int, last: int) -> bool:
    """Tell whether a run is of zeros, has ended, and has a day of other hours before or after it to be filled from."""
    if values[first] != 0:
        return False
    awake = 0
    for hour in range(last, len(values)):
        awake += observed[hour] and values[hour] != 0
    return awake >= DAY or (awake > 0 and first > DAY)
