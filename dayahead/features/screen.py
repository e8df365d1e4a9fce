"""Implausible values of a raw feed: set aside before anything is computed from them."""

import numpy as np
from numpy.typing import NDArray

from dayahead.features.fill import DAY, WEEK
from dayahead.machine_code import compiled

GROWTH = 1 / 0.98
"""How much more each hour weighs in the running mean of the usual deviation than the one before: a memory of about two
days."""

LIMIT = 12.0
"""How many usual deviations away a value must be, from its own past and from the hour before, to be set aside."""

LONGEST_RUN = 24
"""Hours in a row that are set aside at most; after that it is accepted as a new level."""

NEARNESS = 0.25
"""A strange value fits an earlier week where it is this share of its strangeness, or less, away from that week's."""

STEADINESS = 0.5
"""An earlier week's value counts where it moved by no more than this share of the strangeness within an hour: a single
wild value of the first days, which are never set aside, is no level."""


@compiled
def mark_implausible(
    values: NDArray[np.float64], observed: NDArray[np.bool_], first: int, set_aside: NDArray[np.bool_]
) -> bool:
    """Mark the values that neither their past nor the hour before them explains, and tell if there are any.

    A value y is set aside where min(|y - ref|, |y - before|) > 12 x the running mean of |y - ref| over the observed
    hours before it, ref being the mean of the values 24 and 168 h before. The first eight days of a series only teach
    the running mean. What is set aside is no reference of what follows: its own takes its place. A value that fits the
    same hour of an earlier week is believed: a feed that was wrong for weeks returns to the level from before.

    Args:
        values: float64 [hours], filled; overwritten where set aside.
        observed: bool [hours], False where a value was filled in. Such hours deviate by nothing: counting them would
            make the next real value look wild.
        first: column of the first observed hour.
        set_aside: bool [hours], all False; marked.
    """
    # The same memory, shifted: what takes a value's place here is there when it is looked back at.
    present, hour_before = values[WEEK:], values[WEEK - 1 :]
    day_before, week_before = values[WEEK - DAY :], values
    known, marks = observed[WEEK:], set_aside[WEEK:]
    found = False
    run = 0
    # The mean is the quotient of two sums. The weights of new hours grow, instead of all others fading: as good, since
    # only the quotient counts, and faster.
    total, weight, newest = 0.0, 0.0, 1.0
    for place in range(len(present)):
        newest *= GROWTH
        if not known[place]:
            continue
        reference = (day_before[place] + week_before[place]) / 2
        deviation = abs(present[place] - reference)
        strangeness = min(deviation, abs(present[place] - hour_before[place]))
        if (
            strangeness * weight > LIMIT * total
            and run < LONGEST_RUN
            and place >= first + DAY
            and not _fits_an_earlier_week(values, WEEK + place, first, strangeness)
        ):
            found = marks[place] = True
            present[place] = reference
            run += 1
        else:
            run = 0
            total += newest * deviation
            weight += newest
    return found


@compiled
def _fits_an_earlier_week(values: NDArray[np.float64], hour: int, first: int, strangeness: float) -> bool:
    """Tell whether the value is near that of the same hour two weeks before, or more; one week is in the reference."""
    earlier = hour - 2 * WEEK
    while earlier > first:
        near = abs(values[hour] - values[earlier]) <= NEARNESS * strangeness
        if near and abs(values[earlier] - values[earlier - 1]) <= STEADINESS * strangeness:
            return True
        earlier -= WEEK
    return False
