"""Accuracy of many scores together: ratios of sums, so that an hour of a large series weighs more."""

from dataclasses import dataclass

import numpy as np

from dayahead.evaluation.score import ScoreBatch


@dataclass(frozen=True)
class Accuracy:
    """Accuracy over some scores; shares, not per cent; NaN where nothing could be measured.

    Attributes:
        forecasts: number of scores.
        hours: forecast hours with a known actual.
        wape: sum of |error| / sum of |actual|.
        mape: mean of |error| / |actual|, where an actual below a quarter of the usual level of its series counts as
            that quarter (`dayahead.evaluation.score.MAPE_FLOOR`).
        mase: sum of |error| / sum of the better seasonal naive's, over the hours that the naives forecast too.
        skill: 1 - mase: 0 is no better than the better seasonal naive, 1 is perfect.
        bias: sum of (forecast - actual) / sum of |actual|.
        coverage: share of hours within p10 to p90; 0.8 is right.
        pinball: sum of the mean pinball loss of p10, p50, p90 / sum of |actual|.
        weekly_naive_wape: WAPE of the same hour of the week before, over the hours that the naives forecast.
        daily_naive_wape: WAPE of the same hour of the day before, over the same hours.
        naive_wape: the lesser of the two, which skill is measured against.
    """

    forecasts: int
    hours: int
    wape: float
    mape: float
    mase: float
    skill: float
    bias: float
    coverage: float
    pinball: float
    weekly_naive_wape: float
    daily_naive_wape: float
    naive_wape: float

    @property
    def daily_is_better(self) -> bool:
        """Whether the same hour of the day before is the better naive."""
        return self.daily_naive_wape < self.weekly_naive_wape


def accuracy(scores: ScoreBatch) -> Accuracy:
    """Accuracy over all scores of a batch."""
    hours = float(scores.hours.sum(dtype=np.int64))
    actual = float(scores.absolute_actual.sum())
    weekly, daily = float(scores.naive_error.sum()), float(scores.daily_naive_error.sum())
    naive, naive_actual = min(weekly, daily), float(scores.naive_actual.sum())
    mase = ratio(float(scores.model_error_where_naive.sum()), naive)
    return Accuracy(
        forecasts=len(scores),
        hours=int(hours),
        wape=ratio(float(scores.absolute_error.sum()), actual),
        mape=ratio(float(scores.percentage_error.sum()), float(scores.percentage_hours.sum(dtype=np.int64))),
        mase=mase,
        skill=1.0 - mase,
        bias=ratio(float(scores.signed_error.sum()), actual),
        coverage=ratio(float(scores.covered.sum(dtype=np.int64)), hours),
        pinball=ratio(float(scores.pinball.sum()), actual),
        weekly_naive_wape=ratio(weekly, naive_actual),
        daily_naive_wape=ratio(daily, naive_actual),
        naive_wape=ratio(naive, naive_actual),
    )


def wape_by_lead(scores: ScoreBatch, mean_actual: float) -> list[float]:
    """WAPE of each lead, 1 to 24, against the mean |actual| of an hour over the same scores."""
    return [ratio(float(error), mean_actual) for error in np.nanmean(scores.lead_error, axis=0)]


def ratio(part: float, whole: float) -> float:
    """Part / whole, NaN where the whole is 0: an accuracy that is not defined is not 0."""
    return part / whole if whole else float("nan")
