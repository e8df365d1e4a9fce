"""What is wrong with the last week of a window, counted."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dayahead.features.fill import WEEK
from dayahead.features.state import SeriesState
from dayahead.machine_code import MachineFunction, compiled

LAST_WEEK = MachineFunction("last_week", (int, int, np.bool_, np.bool_, np.bool_, np.int64, np.int64))


@dataclass(frozen=True)
class LastWeek:
    """Hours of the last week of n series by what was found of them, int64 [n] each.

    Attributes:
        observed: with a value that counts.
        missing: without any, after the first observed hour of the window.
        set_aside: whose value was implausible.
        stuck: in which the meter stood still.
    """

    observed: NDArray[np.int64]
    missing: NDArray[np.int64]
    set_aside: NDArray[np.int64]
    stuck: NDArray[np.int64]


def last_week(state: SeriesState) -> LastWeek:
    """Count the hours of the last week of series; each row depends on nothing but itself."""
    counts = np.empty((len(state), 4), np.int64)
    LAST_WEEK(*state.values.shape, state.observed, state.set_aside, state.stuck, state.first, counts)
    return LastWeek(*counts.T)


@compiled
def count_last_week(
    observed: NDArray[np.bool_],
    set_aside: NDArray[np.bool_],
    stuck: NDArray[np.bool_],
    first: int,
    counts: NDArray[np.int64],
) -> None:
    """Count the hours of the last week of one window.

    Args:
        observed: bool [hours], the last column the origin.
        set_aside: bool [hours].
        stuck: bool [hours].
        first: column of the first observed hour.
        counts: int64 [4], written in the order of `LastWeek`.
    """
    has_value, has_none, is_set_aside, is_stuck = 0, 0, 0, 0
    for hour in range(len(observed) - WEEK, len(observed)):
        has_value += observed[hour]
        is_set_aside += set_aside[hour]
        is_stuck += stuck[hour]
        has_none += not (observed[hour] | set_aside[hour] | stuck[hour] | (hour < first))
    counts[0], counts[1], counts[2], counts[3] = has_value, has_none, is_set_aside, is_stuck
