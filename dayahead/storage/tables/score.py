"""Table `score`: scores of forecasts, and the sums that accuracy is made of."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import psycopg
from numpy.typing import NDArray

from dayahead.contracts import LEADS
from dayahead.evaluation.score import ScoreBatch
from dayahead.storage.binary_copy import doubles, hours, integers, real_arrays, same_text, small_integers
from dayahead.storage.copied_table import KeyedTable, TableColumn

COLUMNS = (
    TableColumn("series_key", integers, "series_key"),
    TableColumn("origin", hours, "origin"),
    TableColumn("release", same_text, "release"),
    TableColumn("rung", small_integers, "rung"),
    TableColumn("hours", small_integers, "sums.hours"),
    TableColumn("absolute_error", doubles, "sums.absolute_error"),
    TableColumn("absolute_actual", doubles, "sums.absolute_actual"),
    TableColumn("percentage_error", doubles, "sums.percentage_error"),
    TableColumn("percentage_hours", small_integers, "sums.percentage_hours"),
    TableColumn("signed_error", doubles, "sums.signed_error"),
    TableColumn("naive_error", doubles, "sums.naive_error"),
    TableColumn("daily_naive_error", doubles, "sums.daily_naive_error"),
    TableColumn("naive_hours", small_integers, "sums.naive_hours"),
    TableColumn("naive_actual", doubles, "sums.naive_actual"),
    TableColumn("model_error_where_naive", doubles, "sums.model_error_where_naive"),
    TableColumn("covered", small_integers, "sums.covered"),
    TableColumn("pinball", doubles, "sums.pinball"),
    TableColumn("lead_error", real_arrays, "sums.lead_error"),
)
SCORE = KeyedTable("score", ("series_key", "origin"), COLUMNS)

SUMS = tuple(item.name for item in fields(ScoreBatch) if item.name != "lead_error")
"""Columns that add up, named like the fields of ScoreBatch and in their order."""


def added_up(name: str) -> str:
    """The SQL that adds up a column of SUMS: older scores have one naive alone, which stands for both."""
    older = "coalesce(score.daily_naive_error, score.naive_error)"
    return f"sum({older if name == 'daily_naive_error' else f'score.{name}'})"


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


def copy_scores(cursor: psycopg.Cursor, rows: ScoreRows, new: NDArray[np.bool_]) -> bool:
    """Write the scores that are new, and copy the others into `incoming_score`.

    Args:
        cursor: of an open transaction.
        rows: each series and origin once.
        new: bool [n], those that the table cannot have yet.

    Returns:
        Whether there are others: `replace_scores` inserts or replaces them.
    """
    SCORE.copy_new(cursor, _parts(rows.take(new)))
    return SCORE.copy_incoming(cursor, _parts(rows.take(~new))) > 0


def replace_scores(cursor: psycopg.Cursor) -> None:
    """Insert or replace the scores that stand in `incoming_score`."""
    SCORE.upsert_incoming(cursor)


def _parts(rows: ScoreRows) -> list[ScoreRows]:
    """The rows by release."""
    return [rows.take(rows.release == release) for release in dict.fromkeys(rows.release.tolist())]
