"""What is wrong with a window, as the reasons that a forecast carries."""

import numpy as np
from numpy.typing import NDArray

from dayahead.contracts import Reason
from dayahead.features.calendar import Calendar
from dayahead.features.fill import WEEK
from dayahead.features.state import SeriesState

WANTED_HISTORY_H = 4 * WEEK
"""Hours of history with which no feature is a repetition of another."""


def reasons(state: SeriesState, calendar: Calendar) -> NDArray[np.int32]:
    """Flags of dayahead.contracts.Reason that the input alone gives cause for; [n]."""
    flags = np.zeros(len(state), np.int32)
    hours = np.arange(state.values.shape[1])
    known = state.observed | state.set_aside | state.stuck | (hours < state.first[:, None])  # before its first: no gap
    flags[~known[:, -WEEK:].all(axis=1)] |= Reason.GAP
    flags[state.set_aside[:, -WEEK:].any(axis=1)] |= Reason.OUTLIER
    flags[state.stuck[:, -WEEK:].any(axis=1)] |= Reason.STUCK_METER
    flags[state.history_h < WANTED_HISTORY_H] |= Reason.SHORT_HISTORY
    if not calendar.has_holidays:
        flags |= Reason.NO_CALENDAR
    return flags
