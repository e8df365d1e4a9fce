"""Table `score`: scores of forecasts, and the sums for accuracy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Self

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg.rows import class_row, kwargs_row

from dayahead.contracts import LEADS, Rung
from dayahead.evaluation.metrics import ratio_sql
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
"""Columns that can be summed, named like the fields of ScoreBatch and in their order."""


def added_up(name: str) -> str:
    """The SQL that adds up a column of SUMS: older scores have one naive alone, which stands for both."""
    older = "coalesce(score.daily_naive_error, score.naive_error)"
    return f"sum({older if name == 'daily_naive_error' else f'score.{name}'})"


_ADDED_UP = ", ".join(f"{added_up(name)} AS {name}" for name in SUMS)

# The series of the page first, then their scores alone: not the scores of all series for the few that are shown.
BY_SERIES = f"""
    WITH page AS MATERIALIZED (
        SELECT series_key, series_id, area, unit FROM series
        WHERE (%(area)s::text IS NULL OR area = %(area)s)
          AND (%(series_key)s::integer IS NULL OR series_key = %(series_key)s)
          AND (%(after)s::text IS NULL OR series_id COLLATE "C" > %(after)s)
        ORDER BY series_id COLLATE "C" LIMIT %(limit)s
    )
    SELECT page.series_id, page.area, page.unit, count(score.origin) AS forecasts, {_ADDED_UP}
    FROM page LEFT JOIN score ON score.series_key = page.series_key
        AND score.origin >= %(start)s AND score.origin <= %(end)s
    GROUP BY 1, 2, 3 ORDER BY page.series_id COLLATE "C"
"""  # noqa: S608 - all names are the code's own

NEWEST = """
    SELECT max(origin) FROM score
    WHERE (%(series_key)s::integer IS NULL OR series_key = %(series_key)s)
      AND (%(before)s::timestamptz IS NULL OR origin < %(before)s)
"""

# All are judged on the same leads: those for which the seasonal naives (last week's hour, last day's) had a value.
OVERALL = f"""
    SELECT count(*) AS forecasts, coalesce(sum(hours), 0) AS hours,
           {ratio_sql("wape")} AS wape,
           {ratio_sql("wape_where_naive")} AS wape_where_naive,
           least(sum(naive_error), sum(coalesce(daily_naive_error, naive_error))) / nullif(sum(naive_actual), 0)
               AS wape_naive,
           {ratio_sql("coverage")} AS coverage
    FROM score WHERE rung <= %s
"""  # noqa: S608 - all names are the code's own


@dataclass(frozen=True)
class ScoreRows:
    """Scores of forecasts as columns.

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
        """Return no scores."""
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
    """Insert or replace the scores from `incoming_score`."""
    SCORE.upsert_incoming(cursor)


def _parts(rows: ScoreRows) -> list[ScoreRows]:
    """Split the rows by release."""
    return [rows.take(rows.release == release) for release in dict.fromkeys(rows.release.tolist())]


@dataclass(frozen=True)
class AddedScores:
    """Sums over some scores of one unit.

    Attributes:
        unit: of the series.
        area: whose series they are; None for those of all areas.
        series_id: whose scores they are; None for those of several series.
        forecasts: how many scores there are.
        sums: by the names of SUMS; None where there is no score.
    """

    unit: str
    area: str | None
    series_id: str | None
    forecasts: int
    sums: Mapping[str, float | None]

    @classmethod
    def of_row(cls, *, unit: str, area: str | None, forecasts: int, series_id: str | None = None, **sums: Any) -> Self:
        """Make sums from a row, by the names of its columns."""
        return cls(unit, area, series_id, int(forecasts), sums)


@dataclass(frozen=True)
class AccuracyOverview:
    """Accuracy over the scored forecasts of the model (rungs 0 to 2), as shares; None while nothing has matured.

    Attributes:
        forecasts: forecasts that are scored.
        hours: leads with a known actual, over all of them.
        wape: of the model.
        wape_where_naive: of the model, on the leads for which the seasonal naive had a value.
        wape_naive: of the better of the two seasonal naives on those leads.
        coverage: share of actuals within p10 to p90.
    """

    forecasts: int
    hours: int
    wape: float | None
    wape_where_naive: float | None
    wape_naive: float | None
    coverage: float | None


def newest_scored_origin(
    connection: psycopg.Connection, series_key: int | None = None, before: datetime | None = None
) -> datetime | None:
    """Read the newest origin with a score before a moment, of one series or of all; None where there is none."""
    row = connection.execute(NEWEST, {"series_key": series_key, "before": before}).fetchone()
    return row[0] if row else None


def read_series_sums(
    connection: psycopg.Connection,
    start: datetime | None,
    end: datetime | None,
    limit: int,
    *,
    area: str | None = None,
    series_key: int | None = None,
    after: str | None = None,
) -> list[AddedScores]:
    """Read sums of the scores of each series over a window of origins, in the order of their ids.

    Args:
        connection: an open connection.
        start: first origin; None where nothing is scored.
        end: last origin.
        limit: series at most.
        area: only series of this area.
        series_key: only this series.
        after: only ids after this one.
    """
    given = {"start": start, "end": end, "limit": limit, "area": area, "series_key": series_key, "after": after}
    with connection.cursor(row_factory=kwargs_row(AddedScores.of_row)) as cursor:
        return cursor.execute(BY_SERIES.encode(), given).fetchall()


def read_overall_accuracy(connection: psycopg.Connection, worst_rung: Rung) -> AccuracyOverview:
    """Compute the accuracy over all scores of forecasts up to a rung."""
    with connection.cursor(row_factory=class_row(AccuracyOverview)) as cursor:
        found = cursor.execute(OVERALL, [int(worst_rung)]).fetchone()
    assert found is not None  # an aggregate without GROUP BY has one row
    return found
