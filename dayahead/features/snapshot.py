"""The rolling features that are kept with every forecast, for people and for drift detection."""

import numpy as np
from numpy.typing import NDArray

from dayahead.features.fill import DAY, WEEK
from dayahead.features.state import SeriesState

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


def snapshot(state: SeriesState) -> NDArray[np.float32]:
    """Rolling features at the origin; [n, 12], in the order of SNAPSHOT_NAMES."""
    values = state.values
    day, week = values[:, -DAY:], values[:, -WEEK:]
    mean_24h = day.mean(axis=1)
    columns = (
        values[:, -1],
        values[:, -3:].mean(axis=1),
        mean_24h,
        week.mean(axis=1),
        np.abs(day - mean_24h[:, None]).mean(axis=1),
        day.min(axis=1),
        day.max(axis=1),
        values[:, -DAY - 1],
        values[:, -WEEK - 1],
        mean_24h - values[:, -2 * DAY : -DAY].mean(axis=1),
        mean_24h - values[:, -WEEK - DAY : -WEEK].mean(axis=1),
        state.observed[:, -WEEK:].mean(axis=1),
    )
    return np.stack(columns, axis=1).astype(np.float32)
