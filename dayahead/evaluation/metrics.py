"""Accuracy of many scores together: ratios of sums, so that an hour of a large series weighs more."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from dayahead.evaluation.score import ScoreBatch

NAIVES = ("naive_error", "daily_naive_error")

BETTER_NAIVE = "better_naive_error"
"""The lesser of the sums of NAIVES, over all scores that are looked at together."""

RATIOS: Mapping[str, tuple[str, str]] = {
    "wape": ("absolute_error", "absolute_actual"),
    "mape": ("percentage_error", "percentage_hours"),
    "bias": ("signed_error", "absolute_actual"),
    "coverage": ("covered", "hours"),
    "pinball": ("pinball", "absolute_actual"),
    "weekly_naive_wape": ("naive_error", "naive_actual"),
    "daily_naive_wape": ("daily_naive_error", "naive_actual"),
    "naive_wape": (BETTER_NAIVE, "naive_actual"),
    "mase": ("model_error_where_naive", BETTER_NAIVE),
}
"""Which sums of `dayahead.evaluation.score.ScoreBatch`, over any set of scores, make each figure: part, whole.

dayahead/storage/accuracy_ratios.py writes them as SQL.
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
    names = {*chain(*RATIOS.values()), *NAIVES} - {BETTER_NAIVE}
    sums = {name: float(np.sum(getattr(scores, name), dtype=np.float64)) for name in names}
    return Accuracy(forecasts=len(scores), hours=int(sums["hours"]), **figures_of(sums))


def figures_of(sums: Mapping[str, float]) -> dict[str, float]:
    """Compute every figure of RATIOS, and the skill, from sums of scores; NaN where one is not defined.

    Args:
        sums: by the names of the fields of ScoreBatch.
    """
    known = {**sums, BETTER_NAIVE: min(sums[name] for name in NAIVES)}
    figures = {name: figure_of(name, known) for name in RATIOS}
    return {**figures, "skill": 1.0 - figures["mase"]}


def figure_of(name: str, sums: Mapping[str, float]) -> float:
    """Compute one of RATIOS from the two sums that it is made of; NaN where it is not defined."""
    part, whole = RATIOS[name]
    return ratio(sums[part], sums[whole])


def wape_by_group(scores: ScoreBatch, group: NDArray[np.int64], count: int) -> NDArray[np.float64]:
    """WAPE of each of several groups of scores, such as those of a series; NaN where it is not defined.

    Args:
        scores: n scores.
        group: int64 [n], of each score.
        count: number of groups.
    """
    part, whole = (np.bincount(group, getattr(scores, name), count) for name in RATIOS["wape"])
    wape: NDArray[np.float64] = np.divide(part, whole, out=np.full(count, np.nan), where=whole > 0)
    return wape


def ratio(part: float, whole: float) -> float:
    """Part / whole, NaN where the whole is 0: an accuracy that is not defined is not 0."""
    return part / whole if whole else float("nan")
