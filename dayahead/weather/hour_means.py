"""Makes hourly means of what a publisher writes: instants, or means of periods that are named by their start or end.

Everywhere in Dayahead an hour of weather has the mean from its start to its end, as an hour of load has. A publisher
that writes an instant or names a mean by its end is an hour off where that is not considered.
"""

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from dayahead.hours import HOUR_S, Hour


class Stamp(StrEnum):
    """What the time of a value names."""

    START = "start"
    END = "end"
    INSTANT = "instant"


MINUTE_S = 60


def hour_means(
    times_s: NDArray[np.int64], values: NDArray[np.float64], stamp: Stamp
) -> tuple[Hour, NDArray[np.float32]]:
    """Hourly means of values at regular times.

    Of means of periods, an hour is the mean of its periods. Of instants, the weather between two of them is taken as a
    straight line: of hourly ones, an hour is the mean of the instant at its start and the one at its end. An hour with
    a missing part is NaN; hours at the edges without any whole value are left out.

    Args:
        times_s: [n] ascending, without repetition; seconds since 1970.
        values: [n]; NaN where a value is missing.
        stamp: what a time names.

    Returns:
        The first hour, and float32 [hours]; empty where no hour is whole.

    Raises:
        ValueError: the times do not lie on a step of whole minutes that divides an hour.
    """
    step_s = _step_s(times_s, HOUR_S)
    count = HOUR_S // step_s
    first = int(times_s[0]) - (step_s if stamp is Stamp.END else 0)
    steps = np.full((int(times_s[-1]) - int(times_s[0])) // step_s + 1, np.nan)
    steps[(times_s - times_s[0]) // step_s] = values
    if stamp is Stamp.INSTANT:
        steps = (steps[:-1] + steps[1:]) / 2
    first_hour = first // HOUR_S
    before = (first - first_hour * HOUR_S) // step_s
    hours = -(-(before + len(steps)) // count)
    whole = np.full(hours * count, np.nan)
    whole[before : before + len(steps)] = steps
    means = whole.reshape(hours, count).mean(axis=1)
    known = np.flatnonzero(np.isfinite(means))
    if not len(known):
        return first_hour, np.empty(0, np.float32)
    return first_hour + int(known[0]), means[known[0] : known[-1] + 1].astype(np.float32)


def _step_s(times_s: NDArray[np.int64], longest_s: int) -> int:
    """The longest step, in seconds, on which all times lie."""
    step_s = int(np.gcd.reduce(np.append(times_s % longest_s, [longest_s])))
    if step_s % MINUTE_S:
        raise ValueError(f"times lie on a step of {step_s} s, which must be whole minutes that divide an hour")
    if len(times_s) > 1 and np.diff(times_s).min() <= 0:
        raise ValueError("times must ascend and not repeat")
    return step_s
