"""Faults of the newest hours of a series at the time of a forecast: a challenger is judged under each."""

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

LAST_HOURS = 6
DAY = 24
STUCK_HOURS = 12


class Scenario(StrEnum):
    """A state of the input."""

    ALL_WELL = "all_well"
    LAST_HOURS_MISSING = "last_hours_missing"
    DAY_MISSING = "day_missing"
    STUCK_METER = "stuck_meter"

    @property
    def meaning(self) -> str:
        """The name that reports show."""
        return _MEANINGS[self]


_MEANINGS = {
    Scenario.ALL_WELL: "input as observed",
    Scenario.LAST_HOURS_MISSING: f"last {LAST_HOURS} h missing",
    Scenario.DAY_MISSING: "the day before yesterday missing",
    Scenario.STUCK_METER: f"meter stuck for {STUCK_HOURS} h",
}


def damaged(windows: NDArray[np.float64], scenario: Scenario) -> NDArray[np.float64]:
    """Windows with the fault of a scenario.

    Args:
        windows: float64 [n, hours], the last column the origin; not changed.
        scenario: the fault.
    """
    if scenario is Scenario.ALL_WELL:
        return windows
    broken = windows.copy()
    if scenario is Scenario.LAST_HOURS_MISSING:
        broken[:, -LAST_HOURS:] = np.nan
    elif scenario is Scenario.DAY_MISSING:
        # This day is a lag of every lead, and used to fill its neighbours.
        broken[:, -2 * DAY : -DAY] = np.nan
    else:
        broken[:, -STUCK_HOURS:] = broken[:, -STUCK_HOURS - 1 : -STUCK_HOURS]
    return broken
