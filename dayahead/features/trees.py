"""Features of the trees: what the linear member said, how it has done lately, and the target hour."""

import numpy as np
from numpy.typing import NDArray

from dayahead.contracts import LEADS
from dayahead.features.calendar import Calendar
from dayahead.features.fill import DAY, WEEK
from dayahead.features.linear import weekly_mean
from dayahead.features.state import LAG_HOURS, SeriesState

TREE_FEATURES = (
    "lead",
    "hour",
    "weekday",
    "holiday",
    "holiday_day_before",
    "holiday_week_before",
    "linear",
    "linear_minus_lag_24",
    "linear_minus_lag_168",
    "linear_minus_weekly_mean",
    "linear_mean",
    "linear_deviation",
    "lag_24",
    "lag_48",
    "lag_168",
    "weekly_mean",
    "z_0",
    "z_1",
    "mean_3h",
    "mean_24h",
    "deviation_24h",
    "spread",
    "change_day_3h",
    "change_day_24h",
    "change_week_24h",
    "error_1h",
    "error_1h_mean_3h",
    "error_24h_mean_3h",
    "error_24h_mean_24h",
    "error_24h_same_hour",
    "error_24h_absolute",
    "error_week_absolute",
)
"""Columns of `tree_features`. Deviation is the mean absolute one. The day of the year is not among them on purpose:
trees turn it into a date index, which ruins short histories."""

LEAST_USUAL_ERROR = 1e-3
"""The usual error, in units of the scale, is at least this: a constant series has none."""


def tree_features(
    state: SeriesState,
    linear: NDArray[np.float32],
    one_step_errors: NDArray[np.float32],
    day_errors: NDArray[np.float32],
    week_error: NDArray[np.float32],
    calendar: Calendar,
    origin: int,
) -> NDArray[np.float32]:
    """Features of n series at one origin, for all leads.

    Args:
        state: of the n series.
        linear: float32 [n, 24], the linear member's forecast, value / scale - 1.
        one_step_errors: float32 [n, 3], its recent 1-hour errors, newest first.
        day_errors: float32 [n, 24], its recent 24-hour errors, newest first.
        week_error: float32 [n], the mean |24-hour error| of the last week.
        calendar: of the source.
        origin: hour of the newest observation.

    Returns:
        float32 [n, 24, 32], in the order of TREE_FEATURES.
    """
    z = state.z
    targets = origin + np.arange(1, LEADS + 1)
    fields = calendar.at(np.concatenate([targets, targets - DAY, targets - WEEK]))
    day, two_days, week = (z[:, LAG_HOURS - lag : LAG_HOURS - lag + LEADS] for lag in (DAY, 2 * DAY, WEEK))
    months = weekly_mean(z)
    last_day = z[:, -DAY:]
    mean_24h = last_day.mean(axis=1)
    mean_3h = z[:, -3:].mean(axis=1)
    linear_mean = linear.mean(axis=1)
    table = np.empty((len(TREE_FEATURES), len(z), LEADS), np.float32)
    by_lead: tuple[NDArray[np.generic], ...] = (
        np.arange(1, LEADS + 1),
        fields.hour[:LEADS],
        fields.weekday[:LEADS],
        fields.holiday[:LEADS],
        fields.holiday[LEADS : 2 * LEADS],
        fields.holiday[2 * LEADS :],
    )
    by_series = (
        z[:, -1],
        z[:, -2],
        mean_3h,
        mean_24h,
        np.abs(last_day - mean_24h[:, None]).mean(axis=1),
        np.abs(z[:, -144:] - z[:, -168:-24]).mean(axis=1),
        mean_3h - z[:, -27:-24].mean(axis=1),
        mean_24h - z[:, -48:-24].mean(axis=1),
        mean_24h - z[:, -192:-168].mean(axis=1),
        one_step_errors[:, 0],
        one_step_errors.mean(axis=1),
        day_errors[:, :3].mean(axis=1),
        day_errors.mean(axis=1),
    )
    for place, values in enumerate(by_lead):
        table[place] = np.asarray(values, np.float32)
    table[6] = linear
    table[7] = linear - day
    table[8] = linear - week
    table[9] = linear - months
    table[10] = linear_mean[:, None]
    table[11] = np.abs(linear - linear_mean[:, None]).mean(axis=1)[:, None]
    table[12], table[13], table[14], table[15] = day, two_days, week, months
    for place, column in enumerate(by_series, start=16):
        table[place] = column[:, None]
    table[29] = day_errors[:, ::-1]
    table[30] = np.abs(day_errors).mean(axis=1)[:, None]
    table[31] = week_error[:, None]
    return np.ascontiguousarray(table.transpose(1, 2, 0))


def usual_error(features: NDArray[np.float32]) -> NDArray[np.float64]:
    """What a series is usually missed by, from its recent errors and its day-to-day changes; [n].

    The spread model learns the error in this unit, so that a series that calms down or grows wild has its band follow
    within a week, also beyond what was seen in training.

    Args:
        features: float32 [n, 32], of `tree_features`.
    """
    recent, strays = (features[:, TREE_FEATURES.index(name)] for name in ("error_week_absolute", "spread"))
    return np.maximum((recent.astype(np.float64) + strays) / 2, LEAST_USUAL_ERROR)
