"""Table `day_ahead_score`: scores of day products, and their sums for accuracy."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import psycopg
from psycopg.rows import kwargs_row

from dayahead.evaluation.score import ScoreBatch
from dayahead.hours import from_hour
from dayahead.local_day import hours_of_day
from dayahead.storage.tables.day_ahead import DayProduct
from dayahead.storage.tables.score import BY_SERIES, SUMS, AddedScores, SourceWindow, window_columns
from dayahead.storage.tables.source import load_sources

_SUM_NAMES = ", ".join(SUMS)
_REPLACED = ", ".join(f"{name} = excluded.{name}" for name in ("starts_at", "release", "rung", *SUMS))

WRITE = f"""
    INSERT INTO day_ahead_score (series_key, day, gate, starts_at, release, rung, {_SUM_NAMES})
    SELECT * FROM unnest(%s::integer[], %s::date[], %s::text[], %s::timestamptz[], %s::text[], %s::smallint[],
                         {", ".join("%s::double precision[]" for _ in SUMS)})
    ON CONFLICT (series_key, day, gate) DO UPDATE SET {_REPLACED}
"""  # noqa: S608 - all names are the code's own

_ADDED_UP = ", ".join(f"sum(score.{name}) AS {name}" for name in SUMS)

# From the newest day back: not through all days of a source that has no score of the gate.
NEWEST_OF_SOURCES = """
    SELECT source.source_key, newest.day, newest.starts_at FROM source CROSS JOIN LATERAL (
        SELECT score.day, score.starts_at FROM day_ahead_score AS score JOIN series USING (series_key)
        WHERE series.source_key = source.source_key AND score.gate = %(gate)s
          AND (%(last_day)s::date IS NULL OR score.day <= %(last_day)s)
        ORDER BY score.day DESC LIMIT 1
    ) AS newest
    WHERE source.definition -> 'gates' ? %(gate)s
"""

NEWEST_OF_SERIES = """
    SELECT series.source_key, score.day, score.starts_at
    FROM day_ahead_score AS score JOIN series USING (series_key)
    WHERE series_key = %(series_key)s AND score.gate = %(gate)s
      AND (%(last_day)s::date IS NULL OR score.day <= %(last_day)s)
    ORDER BY score.day DESC LIMIT 1
"""

_COVERED = """
    unnest(%(source_keys)s::integer[], %(starts)s::timestamptz[], %(ends)s::timestamptz[])
        AS covered_by (source_key, start_origin, end_origin)
"""

OF_GATE = "SELECT *, starts_at AS origin FROM day_ahead_score WHERE gate = %(gate)s"
"""The scores of a gate, to stand in a statement of table `score`; the start of the day is their origin."""

# Totals are an area of their own, and not in the whole a second time.
BY_GROUP = f"""
    SELECT series.unit, series.area, min(covered_by.start_origin) AS start_origin,
           max(covered_by.end_origin) AS end_origin, count(*) AS forecasts, {_ADDED_UP}
    FROM (
        SELECT series.*, source.definition ? 'totals_of' AS is_total FROM series JOIN source USING (source_key)
    ) AS series
    JOIN {_COVERED} USING (source_key)
    JOIN day_ahead_score AS score ON score.series_key = series.series_key AND score.gate = %(gate)s
        AND score.starts_at >= covered_by.start_origin AND score.starts_at <= covered_by.end_origin
    WHERE %(area)s::text IS NULL OR series.area = %(area)s
    GROUP BY GROUPING SETS ((unit, is_total), (unit, area)) HAVING GROUPING(area) = 0 OR NOT is_total
    ORDER BY unit, area NULLS FIRST
"""  # noqa: S608


def write_scores(
    cursor: psycopg.Cursor, products: Sequence[DayProduct], rungs: Sequence[int], sums: ScoreBatch
) -> None:
    """Write the scores of day products, in the place of earlier ones.

    Args:
        cursor: of an open transaction.
        products: n day products.
        rungs: of each, the worst of its hours.
        sums: the n scores.
    """
    if products:
        facts = zip(*((p.series_key, p.day, p.gate, p.starts_at, p.release) for p in products), strict=True)
        columns = [list(column) for column in facts]
        cursor.execute(WRITE.encode(), [*columns, list(rungs), *(getattr(sums, name).tolist() for name in SUMS)])


def newest_gate_windows(
    connection: psycopg.Connection,
    gate: str,
    days: int,
    *,
    end: datetime | None = None,
    series_key: int | None = None,
) -> list[SourceWindow]:
    """Return the starts of days to look at of each source: its newest scored days, up to the UTC day of `end`.

    A source that does not have the gate now, or no score of it, is left out.

    Args:
        connection: an open connection.
        gate: local time of day.
        days: number of days; one may have 23 or 25 hours.
        end: a moment on the last day.
        series_key: of this series and its source only.
    """
    zones = {one.source_key: one.source.local_time_zone for one in load_sources(connection).values()}
    last_day = None if end is None else end.astimezone(UTC).date()
    statement = NEWEST_OF_SOURCES if series_key is None else NEWEST_OF_SERIES
    newest = connection.execute(statement, {"gate": gate, "series_key": series_key, "last_day": last_day}).fetchall()
    return [
        SourceWindow(source_key, from_hour(hours_of_day(day - timedelta(days - 1), zones[source_key]).start), starts_at)
        for source_key, day, starts_at in newest
    ]


def read_gate_series_sums(
    connection: psycopg.Connection,
    gate: str,
    windows: Sequence[SourceWindow],
    limit: int,
    *,
    area: str | None = None,
    series_key: int | None = None,
    after: str | None = None,
) -> list[AddedScores]:
    """Read sums of the scores of each series at a gate, over the days of the window of its source.

    Args:
        connection: an open connection.
        gate: local time of day.
        windows: starts of days to look at, one window a source.
        limit: series at most.
        area: only series of this area.
        series_key: only this series.
        after: only ids after this one.
    """
    given = {"gate": gate, "limit": limit, "area": area, "series_key": series_key, "after": after}
    with connection.cursor(row_factory=kwargs_row(AddedScores.of_row)) as cursor:
        # one plan for the same question: another one adds up in another order, and the ETag changes
        return cursor.execute(
            BY_SERIES.format(scores=OF_GATE).encode(), given | window_columns(windows), prepare=False
        ).fetchall()


def read_gate_group_sums(
    connection: psycopg.Connection, gate: str, windows: Sequence[SourceWindow], area: str | None
) -> list[AddedScores]:
    """Read sums of the scores at a gate by unit, over all areas and for each, over the days of the windows.

    Args:
        connection: an open connection.
        gate: local time of day.
        windows: starts of days to look at, one window a source.
        area: only this area.
    """
    with connection.cursor(row_factory=kwargs_row(AddedScores.of_row)) as cursor:
        given = {"gate": gate, "area": area, **window_columns(windows)}
        return cursor.execute(BY_GROUP.encode(), given, prepare=False).fetchall()
