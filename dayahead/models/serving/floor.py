"""The floor: forecasts without a model, for the two lowest rungs.

The profile picks the week or the day for a whole series, from filled hours. The yardstick of skill is another one
(`weekly_naive` and `daily_naive` in dayahead/evaluation/score.py): it decides hour by hour, from observed hours alone.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dayahead.contracts import LEADS
from dayahead.features.fill import DAY, WEEK
from dayahead.features.lags import lagged

OUTER_SHARE = 0.8
"""Share of the past changes that the band of a naive forecast covers."""

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


def last_value(values: NDArray[np.float64], observed: NDArray[np.bool_], history_h: NDArray[np.int64]) -> FloorForecast:
    """The newest observed value for every lead; the band is as wide as the series moved within the last day.

    Args: as of `profile`; usable with a day of history.
    """
    hours = values.shape[1]
    newest = hours - 1 - observed[:, ::-1].argmax(axis=1)
    p50 = np.repeat(np.take_along_axis(values, newest[:, None], axis=1), LEADS, axis=1)
    half_width = np.abs(values[:, -DAY:] - p50).max(axis=1)
    return FloorForecast(p50, half_width, history_h >= DAY)
