"""Features of the trees: what the linear member said, how it has done lately, and the target hour."""

import numpy as np
from numpy.typing import NDArray

from dayahead.features.calendar import Calendar
from dayahead.features.fill import DAY, WEEK
from dayahead.features.means import mean, mean_change, mean_distance
from dayahead.features.state import SeriesState
from dayahead.horizon import DAY_LEADS, leads_before, week_lag
from dayahead.machine_code import MachineFunction, compiled

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

TREE_TABLE = MachineFunction(
    "tree_table", (int, int, np.float32, np.float32, np.float32, np.float32, np.float32, np.float32, np.float32)
)

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
    day: int = 1,
    room: int = 0,
) -> NDArray[np.float32]:
    """Features of n series at one origin, for all leads of a day of the horizon.

    What is named `lag_24` and so on is the newest known value of that kind: on later days the hour of the day before
    is not known yet.

    Args:
        state: of the n series.
        linear: float32 [n, 24], the forecast of the day's linear member, value / scale - 1.
        one_step_errors: float32 [n, 3], recent 1-hour errors of the member of day 1, newest first.
        day_errors: float32 [n, 24], its recent 24-hour errors, newest first.
        week_error: float32 [n], the mean |24-hour error| of the last week.
        calendar: of the source.
        origin: hour of the newest observation.
        day: of the horizon.
        room: number of further features that the caller fills in.

    Returns:
        float32 [n, 24, 32 + room], in the order of TREE_FEATURES; in memory a feature's values lie together.
    """
    leads = leads_before(day) + np.arange(1, DAY_LEADS + 1)
    targets = origin + leads
    in_day = targets - leads_before(day)
    fields = calendar.at(np.stack([targets, in_day - DAY, in_day - week_lag(day)]))
    clock = np.array([leads, fields.hour[0], fields.weekday[0], *fields.holiday], np.float32)
    table = np.empty((len(TREE_FEATURES) + room, len(state), DAY_LEADS), np.float32)
    given = map(np.ascontiguousarray, (state.z, linear, one_step_errors, day_errors, week_error))
    TREE_TABLE(len(state), week_lag(day), clock, *given, table[: len(TREE_FEATURES)])
    return table.transpose(1, 2, 0)


@compiled
def describe_targets(
    week_back: int,
    clock: NDArray[np.float32],
    z: NDArray[np.float32],
    linear: NDArray[np.float32],
    one_step_errors: NDArray[np.float32],
    day_errors: NDArray[np.float32],
    week_error: float,
    table: NDArray[np.float32],
) -> None:
    """Features of one series for all leads, in the order of TREE_FEATURES.

    Args:
        week_back: hours from the targets, moved to the first day, to their newest known hours of the week.
        clock: float32 [6, 24], the features that all series share.
        z: float32 [864], scaled values.
        linear: float32 [24], as of `tree_features`, and so the rest.
        one_step_errors: float32 [3].
        day_errors: float32 [24].
        week_error: the mean |24-hour error| of the last week.
        table: float32 [32, 24], written.
    """
    now = len(z)
    linear_mean = mean(linear, 0, DAY_LEADS)
    mean_3h, mean_24h = mean(z, now - 3, now), mean(z, now - DAY, now)
    for place in range(6):
        _copy(clock[place], 0, table[place])
    _copy(linear, 0, table[6])
    _copy(z, now - DAY, table[12])
    _copy(z, now - 2 * DAY, table[13])
    _copy(z, now - week_back, table[14])
    _weekly_mean(z, week_back, table[15])
    for lead in range(DAY_LEADS):
        table[29, lead] = day_errors[DAY_LEADS - 1 - lead]
    _subtract(linear, table[12], table[7])
    _subtract(linear, table[14], table[8])
    _subtract(linear, table[15], table[9])
    _repeat(linear_mean, table[10])
    _repeat(mean_distance(linear, 0, DAY_LEADS, linear_mean), table[11])
    _repeat(z[now - 1], table[16])
    _repeat(z[now - 2], table[17])
    _repeat(mean_3h, table[18])
    _repeat(mean_24h, table[19])
    _repeat(mean_distance(z, now - DAY, now, mean_24h), table[20])
    _repeat(mean_change(z, now - 144, now, DAY), table[21])
    _repeat(mean_3h - mean(z, now - DAY - 3, now - DAY), table[22])
    _repeat(mean_24h - mean(z, now - 2 * DAY, now - DAY), table[23])
    _repeat(mean_24h - mean(z, now - WEEK - DAY, now - WEEK), table[24])
    _repeat(one_step_errors[0], table[25])
    _repeat(mean(one_step_errors, 0, 3), table[26])
    _repeat(mean(day_errors, 0, 3), table[27])
    _repeat(mean(day_errors, 0, DAY_LEADS), table[28])
    _repeat(mean_distance(day_errors, 0, DAY_LEADS, 0.0), table[30])
    _repeat(week_error, table[31])


@compiled
def _copy(values: NDArray[np.float32], begin: int, row: NDArray[np.float32]) -> None:
    for lead in range(DAY_LEADS):
        row[lead] = values[begin + lead]


@compiled
def _subtract(values: NDArray[np.float32], others: NDArray[np.float32], row: NDArray[np.float32]) -> None:
    for lead in range(DAY_LEADS):
        row[lead] = values[lead] - others[lead]


@compiled
def _repeat(value: float, row: NDArray[np.float32]) -> None:
    for lead in range(DAY_LEADS):
        row[lead] = value


@compiled
def _weekly_mean(z: NDArray[np.float32], week_back: int, row: NDArray[np.float32]) -> None:
    for lead in range(DAY_LEADS):
        target = len(z) + lead
        total = z[target - week_back - WEEK] + z[target - week_back - 2 * WEEK] + z[target - week_back - 3 * WEEK]
        row[lead] = total / np.float32(3)


def usual_error(features: NDArray[np.float32]) -> NDArray[np.float64]:
    """What a series is usually missed by, from its recent errors and its day-to-day changes; [n].

    The spread model learns the error in this unit, so that a series that calms down or grows wild has its band follow
    within a week, also beyond what was seen in training.

    Args:
        features: float32 [n, 32], of `tree_features`.
    """
    recent, strays = (features[:, TREE_FEATURES.index(name)] for name in ("error_week_absolute", "spread"))
    return np.maximum((recent.astype(np.float64) + strays) / 2, LEAST_USUAL_ERROR)
