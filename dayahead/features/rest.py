"""A series at rest: exact zeros for days up to the origin, of a place that is closed or out of season."""

import numpy as np
from numpy.typing import NDArray

from dayahead.features.fill import DAY
from dayahead.features.stuck import LONGEST_STUCK_H
from dayahead.machine_code import compiled


@compiled
def is_at_rest(window: NDArray[np.float64]) -> bool:
    """Tell whether the series has been 0 for longer than a meter is stuck, and is not in the habit of it.

    Missing hours do not end a rest. A series that came back from an earlier rest in the window for a day or more has
    the habit (a works that is closed every other week): its model has seen it come back, and forecasts.

    Args:
        window: float64 [hours] as observed, NaN where missing, the last column the origin.
    """
    hour = len(window) - 1
    zeros = 0
    while hour >= 0 and (window[hour] == 0 or not np.isfinite(window[hour])):
        zeros += window[hour] == 0
        hour -= 1
    if zeros <= LONGEST_STUCK_H + 1:
        return False
    awake, zeros = 0, 0
    while hour >= 0:
        if np.isfinite(window[hour]):
            zeros = zeros + 1 if window[hour] == 0 else 0
            awake += window[hour] != 0
        if zeros > LONGEST_STUCK_H + 1 and awake >= DAY:
            return False
        hour -= 1
    return True
