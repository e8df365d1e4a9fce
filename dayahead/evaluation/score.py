"""The one function that scores forecasts whose hours have been observed: live, in backtests, in benchmarks."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from dayahead.features.fill import DAY, WEEK
from dayahead.features.lags import lagged
from dayahead.horizon import DAY_LEADS, leads_before, week_lag

MAPE_FLOOR = 0.25
"""Least share of the usual level of a series that an error is divided by, so that no hour near 0 decides a MAPE."""


@dataclass(frozen=True)
class ScoreBatch:
    """Scores of n forecasts: sums over the leads whose actual is known, so that any window of scores adds up.

    Attributes:
        hours: int16 [n], leads whose actual is known.
        absolute_error: float64 [n], sum of |p50 - actual|, in the unit of the series.
        absolute_actual: float64 [n], sum of |actual|.
        percentage_error: float64 [n], sum of |p50 - actual| / max(|actual|, MAPE_FLOOR x usual level) (`usual_level`),
            where that is not 0.
        percentage_hours: int16 [n], leads behind percentage_error.
        signed_error: float64 [n], sum of p50 - actual: positive where too much was forecast.
        naive_error: float64 [n], sum of |weekly naive - actual| where it is known.
        daily_naive_error: float64 [n], sum of |daily naive - actual|, which is known at the same leads.
        naive_hours: int16 [n], leads behind naive_error.
        naive_actual: float64 [n], sum of |actual| over those leads.
        model_error_where_naive: float64 [n], sum of |p50 - actual| over those leads.
        covered: int16 [n], leads whose actual lies within p10 to p90.
        pinball: float64 [n], sum over leads of the mean pinball loss of p10, p50 and p90.
        lead_error: float32 [n, 24], |p50 - actual| by lead, NaN where the actual is not known.
    """

    hours: NDArray[np.int16]
    absolute_error: NDArray[np.float64]
    absolute_actual: NDArray[np.float64]
    percentage_error: NDArray[np.float64]
    percentage_hours: NDArray[np.int16]
    signed_error: NDArray[np.float64]
    naive_error: NDArray[np.float64]
    daily_naive_error: NDArray[np.float64]
    naive_hours: NDArray[np.int16]
    naive_actual: NDArray[np.float64]
    model_error_where_naive: NDArray[np.float64]
    covered: NDArray[np.int16]
    pinball: NDArray[np.float64]
    lead_error: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.hours)

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> "ScoreBatch":
        """Some of the scores."""
        return ScoreBatch(*(getattr(self, item.name)[rows] for item in fields(self)))

    @classmethod
    def join(cls, parts: "Sequence[ScoreBatch]") -> "ScoreBatch":
        """The scores of several batches, one after the other."""
        return cls(*(np.concatenate([getattr(part, item.name) for part in parts]) for item in fields(cls)))


def score_hours(day: int = 1) -> int:
    """Hours that the score of a day of the horizon looks at: to its end, from a week before the origin on."""
    return WEEK + leads_before(day) + DAY_LEADS


def score(
    values: NDArray[np.float64],
    p10: NDArray[np.float32],
    p50: NDArray[np.float32],
    p90: NDArray[np.float32],
    day: int = 1,
) -> ScoreBatch:
    """Score a day of forecasts against what was observed, and compare it with two seasonal naives.

    Args:
        values: float64 [n, hours], at least `score_hours(day)`; the last 24 columns are the hours of the day of the
            horizon, NaN where missing.
        p10: float32 [n, 24], by lead of the day.
        p50: float32 [n, 24].
        p90: float32 [n, 24].
        day: of the horizon.
    """
    actual = values[:, -DAY_LEADS:]
    known = np.isfinite(actual) & np.isfinite(p50)
    truth = np.where(known, actual, 0.0)
    magnitude = np.abs(truth)
    error = np.where(known, p50.astype(np.float64) - truth, 0.0)
    past = values[:, : -DAY_LEADS - leads_before(day)]
    weekly, daily = weekly_naive(past, day), daily_naive(past, day)
    compared = known & np.isfinite(weekly)
    divisor = np.fmax(magnitude, MAPE_FLOOR * usual_level(past)[:, None])
    percentage = known & (divisor > 0)
    pinball = sum(
        pinball_loss(truth, quantile.astype(np.float64), share)
        for quantile, share in ((p10, 0.1), (p50, 0.5), (p90, 0.9))
    )
    return ScoreBatch(
        hours=_count(known),
        absolute_error=np.abs(error).sum(axis=1),
        absolute_actual=magnitude.sum(axis=1),
        percentage_error=np.where(percentage, np.abs(error) / np.where(percentage, divisor, 1.0), 0.0).sum(axis=1),
        percentage_hours=_count(percentage),
        signed_error=error.sum(axis=1),
        naive_error=np.where(compared, np.abs(weekly - truth), 0.0).sum(axis=1),
        daily_naive_error=np.where(compared, np.abs(daily - truth), 0.0).sum(axis=1),
        naive_hours=_count(compared),
        naive_actual=np.where(compared, magnitude, 0.0).sum(axis=1),
        model_error_where_naive=np.where(compared, np.abs(error), 0.0).sum(axis=1),
        covered=_count(known & (truth >= p10) & (truth <= p90)),
        pinball=np.where(known, pinball / 3, 0.0).sum(axis=1),
        lead_error=np.where(known, np.abs(error), np.nan).astype(np.float32),
    )


def weekly_naive(past: NDArray[np.float64], day: int = 1) -> NDArray[np.float64]:
    """Forecast the newest known same hour of the week, or the newest same hour of the day where it is not known.

    Args:
        past: float64 [n, hours], at least 168 hours, the last column the origin.
        day: of the horizon.

    Returns:
        float64 [n, 24], by lead of the day, NaN where neither is known.
    """
    return _by_lag(past, week_lag(day), DAY)


def daily_naive(past: NDArray[np.float64], day: int = 1) -> NDArray[np.float64]:
    """Forecast the newest known same hour of the day, or the newest same hour of the week where it is not known.

    Args and result as of `weekly_naive`; both are known at the same leads.
    """
    return _by_lag(past, DAY, week_lag(day))


def _by_lag(past: NDArray[np.float64], lag: int, other_lag: int) -> NDArray[np.float64]:
    first = lagged(past, lag)
    return np.where(np.isfinite(first), first, lagged(past, other_lag))


def usual_level(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """How large the values of a series usually are: the median of the daily means of |value| over the last week.

    One absurd hour moves one of the seven means; nights at 0 (solar) leave the level of the days above 0.

    Args:
        values: float64 [n, hours], at least 168 hours, NaN where missing.

    Returns:
        float64 [n], NaN where the week has no value. With an even number of days, the lower of the middle two.
    """
    means = np.full((len(values), WEEK // DAY), np.nan)
    for day in range(WEEK // DAY):
        start = values.shape[1] - WEEK + day * DAY
        hours = np.abs(values[:, start : start + DAY])
        known = np.isfinite(hours)
        count = known.sum(axis=1)
        np.divide(np.where(known, hours, 0.0).sum(axis=1), count, out=means[:, day], where=count > 0)
    means.sort(axis=1)  # NaN last
    middle = np.maximum(np.isfinite(means).sum(axis=1) - 1, 0) // 2
    return np.asarray(means[np.arange(len(means)), middle])


def pinball_loss(truth: NDArray[np.float64], quantile: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """Pinball loss of a quantile, elementwise, in the unit of the values (Koenker & Bassett 1978)."""
    loss: NDArray[np.float64] = np.maximum(share * (truth - quantile), (share - 1) * (truth - quantile))
    return loss


def _count(chosen: NDArray[np.bool_]) -> NDArray[np.int16]:
    count: NDArray[np.int16] = np.sum(chosen, axis=1, dtype=np.int16)
    return count
