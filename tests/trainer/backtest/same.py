"""Whether two backtests are the same, bit for bit."""

from dataclasses import fields

import numpy as np

from dayahead.evaluation.backtest import RunResult
from dayahead.evaluation.score import ScoreBatch


def differences(one: RunResult, other: RunResult) -> list[str]:
    """Names of the arrays that differ; NaN is equal to NaN."""
    names = [item.name for item in fields(RunResult) if item.name not in {"series_ids", "scores", "later_scores"}]
    found = [name for name in names if not _same(getattr(one, name), getattr(other, name))]
    found += ["days"] if one.days != other.days else []
    found += [
        f"scores of day {day}, {item.name}"
        for day in range(1, min(one.days, other.days) + 1)
        for item in fields(ScoreBatch)
        if not _same(getattr(one.scores_of(day), item.name), getattr(other.scores_of(day), item.name))
    ]
    return found + (["series_ids"] if one.series_ids != other.series_ids else [])


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
