"""Table `score`: scores of forecasts, and the sums for accuracy."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg.rows import kwargs_row

from dayahead.evaluation.metrics import figures_of
from dayahead.evaluation.score import ScoreBatch
from dayahead.grouping import groups, numbered
from dayahead.horizon import DAY_LEADS
from dayahead.hours import to_hour
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


def added_up(name: str, table: str = "score") -> str:
    """The SQL that adds up a column of SUMS: older scores have one naive alone, which stands for both."""
    older = f"coalesce({table}.daily_naive_error, {table}.naive_error)"
    return f"sum({older if name == 'daily_naive_error' else f'{table}.{name}'})"


_ADDED_UP = ", ".join(f"{added_up(name)} AS {name}" for name in SUMS)

OF_DAY_1 = "SELECT * FROM score"
OF_LATER_DAY = "SELECT * FROM day_score WHERE horizon_day = %(horizon_day)s"
"""The scores of a day of the horizon, to stand in a statement as `score`."""

# The series of the page first, then their scores alone: not the scores of all series for the few that are shown.
BY_SERIES = f"""
    WITH page AS MATERIALIZED (
        SELECT series_key, series_id, source_key, area, unit FROM series
        WHERE (%(area)s::text IS NULL OR area = %(area)s)
          AND (%(series_key)s::integer IS NULL OR series_key = %(series_key)s)
          AND (%(after)s::text IS NULL OR series_id COLLATE "C" > %(after)s)
        ORDER BY series_id COLLATE "C" LIMIT %(limit)s
    )
    SELECT page.series_id, page.area, page.unit, covered_by.start_origin, covered_by.end_origin,
           count(score.origin) AS forecasts, {_ADDED_UP}
    FROM page
    LEFT JOIN unnest(%(source_keys)s::integer[], %(starts)s::timestamptz[], %(ends)s::timestamptz[])
        AS covered_by (source_key, start_origin, end_origin) USING (source_key)
    LEFT JOIN ({{scores}}) AS score ON score.series_key = page.series_key
        AND score.origin >= covered_by.start_origin AND score.origin <= covered_by.end_origin
    GROUP BY 1, 2, 3, 4, 5 ORDER BY page.series_id COLLATE "C"
"""  # noqa: S608 - all names are the code's own

DAY = timedelta(days=1)
ACCURACY_DAYS = 7
"""UTC days of origins that accuracy is shown over: by the API, the page and `make status`."""

NEWEST_OF_SERIES = """
    SELECT series.source_key, newest.origin
    FROM series CROSS JOIN LATERAL (
        SELECT max(origin) AS origin FROM ({scores}) AS score
        WHERE score.series_key = series.series_key AND (%(before)s::timestamptz IS NULL OR origin < %(before)s)
    ) AS newest
    WHERE series.series_key = %(series_key)s AND newest.origin IS NOT NULL
"""

# The sums by day say up to which day to look: the scores of the newer days of other sources are not read one by one.
NEWEST_OF_SOURCES = """
    WITH home AS (
        SELECT DISTINCT source_key, area, unit FROM series
    ), newest_day AS (
        SELECT home.source_key, max(summed.day) AS day
        FROM home CROSS JOIN LATERAL (
            SELECT day FROM accuracy_day
            WHERE accuracy_day.area = home.area AND accuracy_day.unit = home.unit AND forecasts > 0
              AND horizon_day = %(horizon_day)s
              AND (%(before)s::timestamptz IS NULL OR day < (%(before)s AT TIME ZONE 'UTC')::date)
            ORDER BY day DESC LIMIT 1
        ) AS summed
        GROUP BY home.source_key
    )
    -- where retention has removed the scores, the sums are left, and the day as a whole
    SELECT source_key,
           coalesce(newest.origin, (newest_day.day + INTERVAL '23 hours') AT TIME ZONE 'UTC') AS origin
    FROM newest_day LEFT JOIN LATERAL (
        SELECT origin FROM ({scores}) AS score JOIN series USING (series_key)
        WHERE series.source_key = newest_day.source_key
          AND origin < (newest_day.day + INTERVAL '1 day') AT TIME ZONE 'UTC'
        ORDER BY origin DESC LIMIT 1
    ) AS newest ON true
"""


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
            lead_error=np.empty((0, DAY_LEADS), np.float32),
        )
        return cls(empty, empty, np.empty(0, object), np.empty(0, np.int8), sums)

    @classmethod
    def joined(cls, parts: Sequence["ScoreRows"]) -> "ScoreRows":
        """The rows of several, one after the other."""
        if not parts:
            return cls.none()
        sums = ScoreBatch.join([part.sums for part in parts])
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


def by_release(rows: ScoreRows) -> list[NDArray[np.int64]]:
    """Places of the rows of each release: the text of a copied block is alike."""
    _, release = numbered(rows.release.tolist())
    return [here for _, here in groups(release)]


def _parts(rows: ScoreRows) -> list[ScoreRows]:
    return [rows.take(here) for here in by_release(rows)]


@dataclass(frozen=True)
class SourceWindow:
    """The origins of a source to look at.

    Attributes:
        source_key: the source.
        start: first origin.
        end: newest scored origin.
    """

    source_key: int
    start: datetime
    end: datetime


def window_columns(windows: Sequence[SourceWindow]) -> dict[str, Any]:
    """List the columns of windows, as parameters of a statement."""
    return {
        "source_keys": [window.source_key for window in windows],
        "starts": [window.start for window in windows],
        "ends": [window.end for window in windows],
    }


@dataclass(frozen=True)
class AddedScores:
    """Sums over some scores of one unit.

    Attributes:
        unit: of the series.
        area: whose series they are; None for those of all areas.
        series_id: whose scores they are; None for those of several series.
        start: first origin of the window; None where there is nothing to look at.
        end: newest scored origin of the window.
        forecasts: how many scores there are.
        sums: by the names of SUMS; None where there is no score.
    """

    unit: str
    area: str | None
    series_id: str | None
    start: datetime | None
    end: datetime | None
    forecasts: int
    sums: Mapping[str, float | None]

    @classmethod
    def of_row(
        cls,
        *,
        unit: str,
        area: str | None,
        start_origin: datetime | None,
        end_origin: datetime | None,
        forecasts: int,
        series_id: str | None = None,
        **sums: Any,
    ) -> Self:
        """Make sums from a row, by the names of its columns."""
        return cls(unit, area, series_id, start_origin, end_origin, int(forecasts), sums)

    def figures(self) -> dict[str, float | None]:
        """Every figure of `figures_of` as a share; None where there is nothing to divide by."""
        found = figures_of({name: float(value or 0) for name, value in self.sums.items()})
        return {name: figure if math.isfinite(figure) else None for name, figure in found.items()}


def _of_day(statement: str, horizon_day: int) -> bytes:
    """Fill in which scores a statement reads."""
    return statement.format(scores=OF_DAY_1 if horizon_day == 1 else OF_LATER_DAY).encode()


def newest_scored_origins(
    connection: psycopg.Connection,
    series_key: int | None = None,
    before: datetime | None = None,
    horizon_day: int = 1,
) -> dict[int, datetime]:
    """Read the newest origin with a score by source; sources without one are left out.

    Args:
        connection: an open connection.
        series_key: look at this series and its source only.
        before: look at origins before this midnight (UTC) only.
        horizon_day: of the scores.
    """
    statement = _of_day(NEWEST_OF_SOURCES if series_key is None else NEWEST_OF_SERIES, horizon_day)
    given = {"series_key": series_key, "before": before, "horizon_day": horizon_day}
    return dict(connection.execute(statement, given).fetchall())


def newest_windows(
    connection: psycopg.Connection,
    days: int = ACCURACY_DAYS,
    *,
    end: datetime | None = None,
    series_key: int | None = None,
    horizon_day: int = 1,
) -> list[SourceWindow]:
    """Read the window of each source that has scores: its newest UTC days of origins.

    Args:
        connection: an open connection.
        days: that a window has, with the newest one.
        end: moment of the last day to look at.
        series_key: look at this series and its source only.
        horizon_day: of the scores.
    """
    before = None if end is None else _midnight(end) + DAY
    return [
        SourceWindow(source_key, _midnight(newest) - (days - 1) * DAY, newest)
        for source_key, newest in newest_scored_origins(connection, series_key, before, horizon_day).items()
    ]


@dataclass(frozen=True)
class LeadErrors:
    """|error| of the forecasts of a series by lead.

    Attributes:
        origin: int64 [n], hours.
        error: float32 [n, 24], in the unit of the series, NaN where the actual is not known.
    """

    origin: NDArray[np.int64]
    error: NDArray[np.float32]


def read_lead_errors(connection: psycopg.Connection, series_key: int, windows: Sequence[SourceWindow]) -> LeadErrors:
    """Read the errors of the first day of the horizon of a series, for the origins in windows."""
    rows = [
        row
        for window in windows
        for row in connection.execute(
            "SELECT origin, lead_error FROM score WHERE series_key = %s AND origin >= %s AND origin <= %s"
            " AND cardinality(lead_error) = %s ORDER BY origin",
            [series_key, window.start, window.end, DAY_LEADS],
        )
    ]
    errors = np.array([row[1] for row in rows], np.float32).reshape(len(rows), DAY_LEADS)
    return LeadErrors(np.array([to_hour(row[0]) for row in rows], np.int64), errors)


def _midnight(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def read_series_sums(
    connection: psycopg.Connection,
    windows: Sequence[SourceWindow],
    limit: int,
    *,
    area: str | None = None,
    series_key: int | None = None,
    after: str | None = None,
    horizon_day: int = 1,
) -> list[AddedScores]:
    """Read sums of the scores of each series over the window of its source, in the order of their ids.

    Args:
        connection: an open connection.
        windows: origins to look at, one window a source.
        limit: series at most.
        area: only series of this area.
        series_key: only this series.
        after: only ids after this one.
        horizon_day: of the scores.
    """
    given = {
        "limit": limit,
        "area": area,
        "series_key": series_key,
        "after": after,
        "horizon_day": horizon_day,
        **window_columns(windows),
    }
    with connection.cursor(row_factory=kwargs_row(AddedScores.of_row)) as cursor:
        # one plan for the same question: another one adds up in another order, and the ETag changes
        return cursor.execute(_of_day(BY_SERIES, horizon_day), given, prepare=False).fetchall()
