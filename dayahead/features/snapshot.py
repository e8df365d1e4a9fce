"""The rolling features that are kept with every forecast, for people and for drift detection."""

import numpy as np
from numpy.typing import NDArray

from dayahead.features.fill import DAY, WEEK
from dayahead.features.means import mean, mean_distance
from dayahead.features.state import SeriesState
from dayahead.machine_code import MachineFunction, compiled

SNAPSHOT_NAMES = (
    "value",
    "mean_3h",
    "mean_24h",
    "mean_168h",
    "deviation_24h",
    "minimum_24h",
    "maximum_24h",
    "lag_24h",
    "lag_168h",
    "change_to_day_before",
    "change_to_week_before",
    "observed_share_168h",
)
"""Columns of a snapshot; all but the last in the unit of the series. Deviation is the mean absolute one."""


SNAPSHOT = MachineFunction("snapshot", (int, int, np.float64, np.bool_, np.float32))


def snapshot(state: SeriesState) -> NDArray[np.float32]:
    """Rolling features at the origin; [n, 12], in the order of SNAPSHOT_NAMES."""
    made = np.empty((len(state), len(SNAPSHOT_NAMES)), np.float32)
    SNAPSHOT(*state.values.shape, state.values, state.observed, made)
    return made


@compiled
def summarize(values: NDArray[np.float64], observed: NDArray[np.bool_], row: NDArray[np.float32]) -> None:
    """Rolling features of one window.

    Args:
        values: float64 [hours], filled, the last column the origin.
        observed: bool [hours].
        row: float32 [12], written.
    """
    now = len(values)
    mean_24h = mean(values, now - DAY, now)
    least = greatest = values[now - 1]
    for hour in range(now - DAY, now):
        least, greatest = min(least, values[hour]), max(greatest, values[hour])
    known = 0
    for hour in range(now - WEEK, now):
        known += observed[hour]
    row[0] = values[now - 1]
    row[1] = mean(values, now - 3, now)
    row[2] = mean_24h
    row[3] = mean(values, now - WEEK, now)
    row[4] = mean_distance(values, now - DAY, now, mean_24h)
    row[5] = least
    row[6] = greatest
    row[7] = values[now - 1 - DAY]
    row[8] = values[now - 1 - WEEK]
    row[9] = mean_24h - mean(values, now - 2 * DAY, now - DAY)
    row[10] = mean_24h - mean(values, now - WEEK - DAY, now - WEEK)
    row[11] = known / WEEK
