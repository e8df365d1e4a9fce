"""Table `day_score`: scores of the days of the horizon after the first, which are in table `score`."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import psycopg
from numpy.typing import NDArray

from dayahead.storage.binary_copy import small_integers
from dayahead.storage.copied_table import KeyedTable, TableColumn
from dayahead.storage.tables.score import COLUMNS as COLUMNS_OF_SCORE
from dayahead.storage.tables.score import ScoreRows, by_release

# the errors by lead stay out: the rows of a long horizon are many, and `forecast` has what they were made of
COLUMNS = (
    TableColumn("horizon_day", small_integers, "horizon_day"),
    *(
        TableColumn(column.name, column.encode, f"scores.{column.field}")
        for column in COLUMNS_OF_SCORE
        if column.name != "lead_error"
    ),
)
DAY_SCORE = KeyedTable("day_score", ("series_key", "horizon_day", "origin"), COLUMNS)


@dataclass(frozen=True)
class DayScoreRows:
    """Scores of later days of the horizon as columns.

    Attributes:
        horizon_day: int64 [n], 2 or more.
        scores: the n scores; release None and rung 3 where the profile forecast the day.
    """

    horizon_day: NDArray[np.int64]
    scores: ScoreRows

    def __len__(self) -> int:
        return len(self.scores)

    @classmethod
    def none(cls) -> "DayScoreRows":
        """Return no scores."""
        return cls(np.empty(0, np.int64), ScoreRows.none())

    @classmethod
    def of_days(cls, by_day: Mapping[int, ScoreRows]) -> "DayScoreRows":
        """The scores of several days, one day after the other.

        Args:
            by_day: scores by day of the horizon.
        """
        day = [np.full(len(rows), day, np.int64) for day, rows in by_day.items()]
        return cls(np.concatenate([np.empty(0, np.int64), *day]), ScoreRows.joined(list(by_day.values())))

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> "DayScoreRows":
        """Some of the rows."""
        return DayScoreRows(self.horizon_day[rows], self.scores.take(rows))


def copy_day_scores(cursor: psycopg.Cursor, rows: DayScoreRows, new: NDArray[np.bool_]) -> bool:
    """Write the scores that are new, and copy the others into `incoming_day_score`.

    Args:
        cursor: of an open transaction.
        rows: each series, origin and day once.
        new: bool [n], those that the table cannot have yet.

    Returns:
        Whether there are others: `replace_day_scores` inserts or replaces them.
    """
    DAY_SCORE.copy_new(cursor, _parts(rows.take(new)))
    return DAY_SCORE.copy_incoming(cursor, _parts(rows.take(~new))) > 0


def replace_day_scores(cursor: psycopg.Cursor) -> None:
    """Insert or replace the scores from `incoming_day_score`."""
    DAY_SCORE.upsert_incoming(cursor)


def _parts(rows: DayScoreRows) -> list[DayScoreRows]:
    return [rows.take(here) for here in by_release(rows.scores)]
