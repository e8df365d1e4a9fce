"""The floor: forecasts without a model, for the two lowest rungs.

The profile picks the week or the day for a whole series, from filled hours. The yardstick of skill is another one
(`weekly_naive` and `daily_naive` in dayahead/evaluation/score.py): it decides hour by hour, from observed hours alone.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dayahead.features.fill import DAY, WEEK
from dayahead.features.lags import lagged
from dayahead.horizon import DAY_LEADS, leads_before, week_lag

OUTER_SHARE = 0.8
"""Share of the past changes that the band of a naive forecast covers."""

LAST_DAY_OF_BOTH = 3
"""Day of the horizon up to which the newest day counts in addition to the newest week."""

LEAST_OBSERVED = 0.5
"""Share of the repeated hours that must have been observed, or they are no profile."""


@dataclass(frozen=True)
class FloorForecast:
    """A forecast without a model, in the unit of the series.

    Attributes:
        p50: float64 [n, 24], by lead.
        half_width: float64 [n], half the width of the 10-90 % band, the same for every lead.
        usable: bool [n], whether there was enough to repeat.
    """

    p50: NDArray[np.float64]
    half_width: NDArray[np.float64]
    usable: NDArray[np.bool_]

    def take(self, rows: NDArray[np.int64]) -> "FloorForecast":
        """Those of some of the series."""
        return FloorForecast(self.p50[rows], self.half_width[rows], self.usable[rows])


def profile(values: NDArray[np.float64], observed: NDArray[np.bool_], history_h: NDArray[np.int64]) -> FloorForecast:
    """The same hour a week before where the series has a week of history, else the same hour of the day before.

    The band is as wide as four fifths of the last week's changes against the same season were.

    Args:
        values: float64 [n, hours], filled, the last column the origin.
        observed: bool [n, hours], False where a value was filled in.
        history_h: int64 [n], hours since the first observed one.
    """
    weekly = (history_h >= WEEK) & (lagged(observed, WEEK).mean(axis=1) >= LEAST_OBSERVED)
    daily = (history_h >= DAY) & (observed[:, -DAY:].mean(axis=1) >= LEAST_OBSERVED)
    p50 = np.where(weekly[:, None], lagged(values, WEEK), lagged(values, DAY))
    recent = values[:, -WEEK:]
    week_changes = np.abs(recent - values[:, -2 * WEEK : -WEEK])
    day_changes = np.abs(recent - values[:, -WEEK - DAY : -DAY])
    two_weeks = weekly & (history_h >= 2 * WEEK)
    half_width = np.quantile(np.where(two_weeks[:, None], week_changes, day_changes), OUTER_SHARE, axis=1)
    return FloorForecast(p50, half_width, weekly | daily)


def later_profile(
    values: NDArray[np.float64], observed: NDArray[np.bool_], history_h: NDArray[np.int64], day: int
) -> FloorForecast:
    """The profile of a later day of the horizon, from the newest hours that are known by then.

    The mean of the newest same hour of the day and of the week up to day 3; from day 4 on the mean of the three newest
    same hours of the week. Held-out years of PJM and Victoria choose so (docs/research-log.md). With less than a week
    of history the newest day is repeated. The band is as wide as four fifths of the errors that this would have made
    in the last days.

    Args: as of `profile`; `day` from 2 on.
    """
    weekly = (history_h >= WEEK) & (lagged(observed, WEEK).mean(axis=1) >= LEAST_OBSERVED)
    daily = (history_h >= DAY) & (observed[:, -DAY:].mean(axis=1) >= LEAST_OBSERVED)
    back = week_lag(day)
    lags = (DAY, back) if day <= LAST_DAY_OF_BOTH else (back, back + WEEK, back + 2 * WEEK)
    p50 = np.where(weekly[:, None], _mean_of(values, lags), lagged(values, DAY))
    # The same forecast for hours of the last days, whose lags are as long as the real ones.
    ahead = leads_before(day)
    judged = min(WEEK, values.shape[1] - ahead - max(lags))
    recent = values[:, -judged:]
    end = values.shape[1]
    past = sum(values[:, end - judged - ahead - lag : end - ahead - lag] for lag in lags) / len(lags)
    changes = np.abs(recent - np.where(weekly[:, None], past, values[:, end - judged - DAY : end - DAY]))
    return FloorForecast(p50, np.quantile(changes, OUTER_SHARE, axis=1), weekly | daily)


def _mean_of(values: NDArray[np.float64], lags: tuple[int, ...]) -> NDArray[np.float64]:
    total = lagged(values, lags[0])
    for lag in lags[1:]:
        total = total + lagged(values, lag)
    return total / len(lags)


def last_value(values: NDArray[np.float64], observed: NDArray[np.bool_], history_h: NDArray[np.int64]) -> FloorForecast:
    """The newest observed value for every lead; the band is as wide as the series moved within the last day.

    Args: as of `profile`; usable with a day of history.
    """
    hours = values.shape[1]
    newest = hours - 1 - observed[:, ::-1].argmax(axis=1)
    p50 = np.repeat(np.take_along_axis(values, newest[:, None], axis=1), DAY_LEADS, axis=1)
    half_width = np.abs(values[:, -DAY:] - p50).max(axis=1)
    return FloorForecast(p50, half_width, history_h >= DAY)
