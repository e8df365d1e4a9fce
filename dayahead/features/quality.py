"""What is wrong with a window, as the reasons that a forecast carries."""

import numpy as np
from numpy.typing import NDArray

from dayahead.contracts import Reason
from dayahead.features.calendar import Calendar
from dayahead.features.fill import WEEK
from dayahead.features.state import SeriesState

WANTED_HISTORY_H = 4 * WEEK
"""Hours of history with which no feature is a repetition of another."""

STUCK_STEPS = 6
"""Equal consecutive values, after the first, that make a meter look stuck."""


def reasons(state: SeriesState, calendar: Calendar) -> NDArray[np.int32]:
    """Flags of dayahead.contracts.Reason that the input alone gives cause for; [n]."""
    flags = np.zeros(len(state), np.int32)
    gap = ~(state.observed | state.set_aside)[:, -WEEK:].all(axis=1)
    flags[gap] |= Reason.GAP
    flags[state.set_aside[:, -WEEK:].any(axis=1)] |= Reason.OUTLIER
    flags[stuck(state.values, state.observed)] |= Reason.STUCK_METER
    flags[state.history_h < WANTED_HISTORY_H] |= Reason.SHORT_HISTORY
    if not calendar.has_holidays:
        flags |= Reason.NO_CALENDAR
    return flags


def stuck(values: NDArray[np.float64], observed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether the newest values are all equal while the series is not in the habit of standing still; [n].

    A series that stood as still before in the last four weeks (a constant load, zeros at night) is not stuck.
    """
    values, observed = values[:, -WANTED_HISTORY_H:], observed[:, -WANTED_HISTORY_H:]
    still = (values[:, 1:] == values[:, :-1]) & observed[:, 1:] & observed[:, :-1]
    running = np.cumsum(still, axis=1, dtype=np.int32)
    long_still = running[:, STUCK_STEPS:] - running[:, :-STUCK_STEPS] == STUCK_STEPS
    newest_run = np.where(still.all(axis=1), still.shape[1], (~still[:, ::-1]).argmax(axis=1))
    ends_in_newest = np.maximum(newest_run - STUCK_STEPS + 1, 0)
    found: NDArray[np.bool_] = (newest_run >= STUCK_STEPS) & (long_still.sum(axis=1) <= ends_in_newest)
    return found
