"""What is wrong with a window, as the reasons that a forecast carries."""

import numpy as np
from numpy.typing import NDArray

from dayahead.contracts import Reason
from dayahead.features.calendar import Calendar
from dayahead.features.fill import WEEK
from dayahead.features.last_week import LastWeek
from dayahead.features.state import SeriesState

WANTED_HISTORY_H = 4 * WEEK
"""Hours of history with which no feature is a repetition of another."""


def reasons(state: SeriesState, week: LastWeek, calendar: Calendar) -> NDArray[np.int32]:
    """Flags of dayahead.contracts.Reason that the input alone gives cause for; [n].

    Args:
        state: of n series.
        week: their last week.
        calendar: of their source.
    """
    flags = np.zeros(len(state), np.int32)
    flags[week.missing > 0] |= Reason.GAP
    flags[week.set_aside > 0] |= Reason.OUTLIER
    flags[week.stuck > 0] |= Reason.STUCK_METER
    flags[state.history_h < WANTED_HISTORY_H] |= Reason.SHORT_HISTORY
    if not calendar.has_holidays:
        flags |= Reason.NO_CALENDAR
    return flags
