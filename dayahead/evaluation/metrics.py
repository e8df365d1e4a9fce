"""Accuracy of many scores together: ratios of sums, so that an hour of a large series weighs more."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain

import numpy as np

from dayahead.evaluation.score import ScoreBatch

RATIOS: Mapping[str, tuple[str, str]] = {
    "wape": ("absolute_error", "absolute_actual"),
    "mape": ("percentage_error", "percentage_hours"),
    "bias": ("signed_error", "absolute_actual"),
    "coverage": ("covered", "hours"),
    "pinball": ("pinball", "absolute_actual"),
    "weekly_naive_wape": ("naive_error", "naive_actual"),
    "daily_naive_wape": ("daily_naive_error", "naive_actual"),
    "wape_where_naive": ("model_error_where_naive", "naive_actual"),
    "weekly_mase": ("model_error_where_naive", "naive_error"),
    "daily_mase": ("model_error_where_naive", "daily_naive_error"),
}
"""Which sums of `dayahead.evaluation.score.ScoreBatch`, over any set of scores, make each figure: part, whole.

The better naive is that of the lesser error; MASE is the ratio against it, and skill 1 - MASE.
"""


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
    sums = {name: float(np.sum(getattr(scores, name), dtype=np.float64)) for name in set(chain(*RATIOS.values()))}
    figures = {name: ratio(sums[part], sums[whole]) for name, (part, whole) in RATIOS.items()}
    daily_is_better = sums["daily_naive_error"] < sums["naive_error"]
    mase = figures["daily_mase" if daily_is_better else "weekly_mase"]
    return Accuracy(
        forecasts=len(scores),
        hours=int(sums["hours"]),
        wape=figures["wape"],
        mape=figures["mape"],
        mase=mase,
        skill=1.0 - mase,
        bias=figures["bias"],
        coverage=figures["coverage"],
        pinball=figures["pinball"],
        weekly_naive_wape=figures["weekly_naive_wape"],
        daily_naive_wape=figures["daily_naive_wape"],
        naive_wape=figures["daily_naive_wape" if daily_is_better else "weekly_naive_wape"],
    )


def ratio_sql(name: str) -> str:
    """Write one of `RATIOS` as SQL over rows of table `score`; NULL where it cannot be measured."""
    part, whole = RATIOS[name]
    return f"sum({part})::double precision / nullif(sum({whole}), 0)"


def wape_by_lead(scores: ScoreBatch, mean_actual: float) -> list[float]:
    """WAPE of each lead, 1 to 24, against the mean |actual| of an hour over the same scores."""
    return [ratio(float(error), mean_actual) for error in np.nanmean(scores.lead_error, axis=0)]


def ratio(part: float, whole: float) -> float:
    """Part / whole, NaN where the whole is 0: an accuracy that is not defined is not 0."""
    return part / whole if whole else float("nan")
