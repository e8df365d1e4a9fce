"""The weather of a place around an origin: what a worker forecasts with, and what a forecast is explained by."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dayahead.hours import Hour
from dayahead.models.serving.window import WINDOW_HOURS
from dayahead.weather.archived import STALE_AFTER_H
from dayahead.weather.placed import weighted_mean
from dayahead.weather.timeline import NO_RUN, Timeline

PlaceWindow = tuple[NDArray[np.float32], bool]
"""Temperature of each hour, and whether the newest run is too old to be used."""


def place_window(parts: Sequence[tuple[float, Timeline]], origin: Hour, leads: int) -> PlaceWindow:
    """The weather that the locations of a place know around an origin.

    Args:
        parts: weight and timeline of each location, one or more; the sum of the weights is 1.
        origin: last hour of the window.
        leads: hours after the origin.

    Returns:
        float32 [912 + leads], degrees Celsius of the hours origin - 911 to origin + leads, NaN where a location is
        unknown; and whether the newest run of any location is stale. Without any run there is no future weather, which
        says more than that it is stale.
    """
    first, hours = origin - WINDOW_HOURS + 1, WINDOW_HOURS + leads
    temperature = weighted_mean((weight, timeline.between(first, hours)) for weight, timeline in parts)
    starts = [timeline.newest_start for _, timeline in parts if timeline.newest_start != NO_RUN]
    return temperature, any(origin - start > STALE_AFTER_H for start in starts)
