"""Rows of table `score` as arrays."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from dayahead.contracts import LEADS
from dayahead.evaluation.score import ScoreBatch


@dataclass(frozen=True)
class ScoreRows:
    """Scores of forecasts side by side.

    Attributes:
        series_key: int64 [n].
        origin: int64 [n], hours.
        release: object [n], id of the release that forecast, or None.
        rung: int8 [n], of the forecast.
        sums: the n scores.
    """

    series_key: NDArray[np.int64]
    origin: NDArray[np.int64]
    release: NDArray[np.object_]
    rung: NDArray[np.int8]
    sums: ScoreBatch

    def __len__(self) -> int:
        return len(self.series_key)

    @classmethod
    def none(cls) -> "ScoreRows":
        """No scores."""
        empty, nothing, count = np.empty(0, np.int64), np.empty(0), np.empty(0, np.int16)
        sums = ScoreBatch(
            hours=count,
            absolute_error=nothing,
            absolute_actual=nothing,
            percentage_error=nothing,
            percentage_hours=count,
            signed_error=nothing,
            naive_error=nothing,
            daily_naive_error=nothing,
            naive_hours=count,
            naive_actual=nothing,
            model_error_where_naive=nothing,
            covered=count,
            pinball=nothing,
            lead_error=np.empty((0, LEADS), np.float32),
        )
        return cls(empty, empty, np.empty(0, object), np.empty(0, np.int8), sums)

    @classmethod
    def joined(cls, parts: Sequence["ScoreRows"]) -> "ScoreRows":
        """The rows of several, one after the other."""
        if not parts:
            return cls.none()
        sums = ScoreBatch(
            *(np.concatenate([getattr(part.sums, item.name) for part in parts]) for item in fields(ScoreBatch))
        )
        return cls(
            series_key=np.concatenate([part.series_key for part in parts]),
            origin=np.concatenate([part.origin for part in parts]),
            release=np.concatenate([part.release for part in parts]),
            rung=np.concatenate([part.rung for part in parts]),
            sums=sums,
        )

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> "ScoreRows":
        """Some of the rows."""
        return ScoreRows(
            self.series_key[rows], self.origin[rows], self.release[rows], self.rung[rows], self.sums.take(rows)
        )
