"""Table `accuracy_day`: sums of scores by area, unit, day, day of the horizon and release, kept as they are written.

A request for the accuracy of all series reads a few rows a day instead of the scores of every series.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg.rows import kwargs_row

from dayahead.features.fill import DAY
from dayahead.grouping import numbered
from dayahead.storage.tables.score import SUMS, AddedScores, ScoreRows, SourceWindow, added_up, window_columns

NO_RELEASE = ""
EPOCH = date(1970, 1, 1)

_KEY = ("area", "unit", "day", "horizon_day", "release")
_ADDED = ("forecasts", *SUMS)
_TYPES = ("text[]", "text[]", "date[]", "smallint[]", "text[]", "bigint[]", *("double precision[]" for _ in SUMS))
_UNNESTED = ", ".join(f"%s::{kind}" for kind in _TYPES)
_COLUMNS = ", ".join([*_KEY, *_ADDED])
_SUMMED = ", ".join(f"sum({name})" for name in _ADDED)
_GROWN = ", ".join(f"{name} = accuracy_day.{name} + excluded.{name}" for name in _ADDED)


def _add(table: str, horizon_day: str, key: str) -> str:
    """Write the statement that adds sums, and subtracts those of the scores that are about to be replaced.

    Args:
        table: of the scores; those to be replaced are in its temporary table.
        horizon_day: SQL for the day of the horizon of a score.
        key: columns that name a score.
    """
    taken_back = ", ".join(f"-{added_up(name, table)}" for name in SUMS)
    same = " AND ".join(f"{table}.{name} = incoming.{name}" for name in key.split())
    same_kept = " AND ".join(f"kept.{name} = {table}.{name}" for name in key.split())
    columns = f"""series.area, series.unit, ({table}.origin AT TIME ZONE 'UTC')::date, {horizon_day},
               coalesce({table}.release, ''), -count(*), {taken_back}"""
    return f"""
    INSERT INTO accuracy_day (partition, {_COLUMNS})
    SELECT %s, {", ".join(_KEY)}, {_SUMMED}
    FROM (
        SELECT * FROM unnest({_UNNESTED}) AS added ({_COLUMNS})
        UNION ALL
        SELECT {columns}
        FROM incoming_{table} AS incoming
        -- row by row through the key: a plan that reads all of the scores would take seconds
        CROSS JOIN LATERAL (SELECT * FROM {table} WHERE {same} LIMIT 1) AS {table}
        JOIN series ON series.series_key = {table}.series_key
        GROUP BY 1, 2, 3, 4, 5
        UNION ALL
        -- scored again, and retention has removed the score before: its sums are still in this table
        SELECT {columns}
        FROM incoming_{table} AS {table} JOIN series ON series.series_key = {table}.series_key
        WHERE {table}.origin < (SELECT before FROM retention_cut WHERE table_name = '{table}')
          AND NOT EXISTS (SELECT FROM {table} AS kept WHERE {same_kept})
        GROUP BY 1, 2, 3, 4, 5
    ) AS change
    GROUP BY {", ".join(_KEY)}
    ON CONFLICT (day, area, unit, release, horizon_day, partition) DO UPDATE SET {_GROWN}
"""  # noqa: S608 - all names are the code's own


ADD = {
    "score": _add("score", "1::smallint", "series_key origin"),
    "day_score": _add("day_score", "day_score.horizon_day", "series_key horizon_day origin"),
}

_DAYS_ADDED_UP = ", ".join(f"sum({name}) AS {name}" for name in _ADDED)

# Each unit as a whole first, with area NULL, then each of its areas. Sources that share an area and a unit are one
# group, over the window of the newest of them. Totals are an area of their own, and not in the whole a second time.
BY_GROUP = f"""
    WITH home AS (
        SELECT DISTINCT source_key, area, series.unit, source.definition ? 'totals_of' AS is_total
        FROM series JOIN source USING (source_key)
    ), span AS (
        SELECT area, unit, bool_and(is_total) AS is_total,
               max(covered_by.start_origin) AS start_origin, max(covered_by.end_origin) AS end_origin
        FROM home
        JOIN unnest(%(source_keys)s::integer[], %(starts)s::timestamptz[], %(ends)s::timestamptz[])
            AS covered_by (source_key, start_origin, end_origin) USING (source_key)
        GROUP BY area, unit
    )
    SELECT unit, area, min(start_origin) AS start_origin, max(end_origin) AS end_origin, {_DAYS_ADDED_UP}
    FROM span JOIN accuracy_day USING (area, unit)
    WHERE day BETWEEN (start_origin AT TIME ZONE 'UTC')::date AND (end_origin AT TIME ZONE 'UTC')::date
      AND horizon_day = %(horizon_day)s AND (%(area)s::text IS NULL OR area = %(area)s)
    GROUP BY GROUPING SETS ((unit, is_total), (unit, area))
    HAVING sum(forecasts) > 0 AND (GROUPING(area) = 0 OR NOT is_total) ORDER BY unit, area NULLS FIRST
"""  # noqa: S608


@dataclass(frozen=True)
class AccuracyDays:
    """Sums of some scores by area, unit, day of the origin, day of the horizon and release.

    Attributes:
        area: of each of n sums.
        unit: of the series.
        day: UTC day of the origins.
        horizon_day: day of the horizon, 1 for scores of table `score`.
        release: that forecast; NO_RELEASE for none.
        forecasts: int64 [n], scores behind the sums.
        sums: float64 [n, k], in the order of SUMS.
    """

    area: list[str]
    unit: list[str]
    day: list[date]
    horizon_day: list[int]
    release: list[str]
    forecasts: NDArray[np.int64]
    sums: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        scores: ScoreRows,
        group: NDArray[np.int64],
        groups: list[tuple[str, str]],
        horizon_day: NDArray[np.int64] | None = None,
    ) -> "AccuracyDays":
        """Sum scores.

        Args:
            scores: n scores.
            group: int64 [n], place in `groups` of the series of each score.
            groups: area and unit.
            horizon_day: int64 [n], of each score; None where all are of day 1.
        """
        releases, release = numbered(one or NO_RELEASE for one in scores.release.tolist())
        of_horizon = np.ones(len(scores), np.int64) if horizon_day is None else horizon_day
        keys = np.stack([group, scores.origin // DAY, of_horizon, release])
        found, inverse = np.unique(keys, axis=1, return_inverse=True)
        size = found.shape[1]
        sums = [np.bincount(inverse.ravel(), getattr(scores.sums, name), size) for name in SUMS]
        return cls(
            area=[groups[place][0] for place in found[0].tolist()],
            unit=[groups[place][1] for place in found[0].tolist()],
            day=[EPOCH + timedelta(days=number) for number in found[1].tolist()],
            horizon_day=found[2].tolist(),
            release=[releases[number] for number in found[3].tolist()],
            forecasts=np.bincount(inverse.ravel(), minlength=size),
            sums=np.stack(sums, axis=1),
        )

    @classmethod
    def none(cls) -> "AccuracyDays":
        """Return no sums."""
        return cls([], [], [], [], [], np.empty(0, np.int64), np.empty((0, len(SUMS))))

    def add(self, cursor: psycopg.Cursor, partition: int, table: str = "score") -> None:
        """Add the sums to the table, and subtract those of the scores that are about to be replaced.

        A score removed by retention cannot be subtracted: the new score of the same forecast is left out instead.

        Args:
            cursor: of the transaction that writes the scores, before it does.
            partition: whose series they are.
            table: of the scores, `score` or `day_score`; its temporary table has those that replace others.
        """
        columns = [
            *(self.area, self.unit, self.day, self.horizon_day, self.release),
            *(self.forecasts.tolist(), *self.sums.T.tolist()),
        ]
        if self.area:
            cursor.execute(ADD[table].encode(), [partition, *columns])


def read_group_sums(
    connection: psycopg.Connection, windows: Sequence[SourceWindow], area: str | None, horizon_day: int = 1
) -> list[AddedScores]:
    """Read sums of scores by unit, over all areas and for each, over the days of the windows of their sources.

    Args:
        connection: an open connection.
        windows: origins to look at, one window a source.
        area: only this area.
        horizon_day: of the scores.
    """
    given = {"area": area, "horizon_day": horizon_day, **window_columns(windows)}
    with connection.cursor(row_factory=kwargs_row(AddedScores.of_row)) as cursor:
        # one plan for the same question: another one adds up in another order, and the ETag changes
        return cursor.execute(BY_GROUP.encode(), given, prepare=False).fetchall()
