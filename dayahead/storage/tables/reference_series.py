"""Table `reference_series`: the series that others, such as grid operators, forecast, and which are observed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import psycopg
from psycopg.rows import class_row

OVERLAP = timedelta(seconds=60)
"""How far the clocks of the workers that write `recorded_at` may differ."""

SLACK = timedelta(hours=1)
"""How far a cursor may lie behind the newest one; no transaction that writes hours is open for so long."""

ADD = """
    INSERT INTO reference_series (source_key, series_id)
    SELECT DISTINCT %(source)s::integer, given FROM unnest(%(series_ids)s::text[]) AS given
    WHERE NOT EXISTS (SELECT FROM reference_series WHERE source_key = %(source)s AND series_id = given)
    ON CONFLICT DO NOTHING
"""

BY_REFERENCE = """
    SELECT source.name, source.definition ->> 'kind' AS kind, source.definition ->> 'forecast_of' AS forecast_of,
           count(known.reference_key) AS series, count(observed.series_key) AS matched,
           max(newest.valid_time) AS newest, source.removed_at
    FROM source
    LEFT JOIN reference_series AS known USING (source_key)
    LEFT JOIN source AS parent ON parent.name = source.definition ->> 'forecast_of'
    LEFT JOIN series AS observed ON observed.series_id = known.series_id AND observed.source_key = parent.source_key
        AND observed.unit = source.definition ->> 'unit'
    LEFT JOIN LATERAL (
        SELECT valid_time FROM reference_forecast AS version WHERE version.reference_key = known.reference_key
        ORDER BY valid_time DESC LIMIT 1
    ) AS newest ON true
    WHERE source.definition ? 'forecast_of'
    GROUP BY source.source_key ORDER BY source.name
"""

OLDEST = """
    SELECT min(oldest.valid_time) FROM reference_series AS known CROSS JOIN LATERAL (
        SELECT valid_time FROM reference_forecast AS version WHERE version.reference_key = known.reference_key
        ORDER BY valid_time LIMIT 1
    ) AS oldest
    WHERE known.source_key = %s
"""

LOOKED = """
    SELECT known.reference_key, matched.series_key, oldest.valid_time AS oldest, known.observed_until,
           known.versions_until
    FROM reference_of_series AS matched
    JOIN reference_series AS known USING (reference_key)
    CROSS JOIN LATERAL (
        SELECT valid_time FROM reference_forecast AS version WHERE version.reference_key = known.reference_key
        ORDER BY valid_time LIMIT 1
    ) AS oldest
    WHERE matched.reference_source_key = %s
"""

# A series lies in one partition, whose checkpoints follow each other, and its versions are written by one poller: hence
# two cursors a series. Hours before the first one of the reference are not compared. The bounds over all series say
# which blocks of the tables to read; only of a series that never was compared, its whole history is.
CHANGED = """
    WITH looked AS MATERIALIZED (
        SELECT * FROM unnest(%(reference_keys)s::integer[], %(series_keys)s::integer[], %(oldest)s::timestamptz[],
                             %(observed_until)s::timestamptz[], %(versions_until)s::timestamptz[])
            AS one (reference_key, series_key, oldest, observed_until, versions_until)
    ), changed AS (
        SELECT looked.reference_key, one.valid_time, one.recorded_at, true AS is_observed
        FROM observation AS one JOIN looked USING (series_key)
        WHERE one.recorded_at >= %(observed_since)s AND one.valid_time >= %(first)s
          AND one.recorded_at >= looked.observed_until - %(overlap)s AND one.valid_time >= looked.oldest
        UNION ALL
        SELECT looked.reference_key, one.valid_time, one.recorded_at, false
        FROM reference_forecast AS one JOIN looked USING (reference_key)
        WHERE one.recorded_at >= %(versions_since)s AND one.recorded_at >= looked.versions_until - %(overlap)s
        UNION ALL
        SELECT looked.reference_key, one.valid_time, one.recorded_at, true
        FROM looked JOIN observation AS one USING (series_key)
        WHERE looked.observed_until IS NULL AND one.valid_time >= looked.oldest
        UNION ALL
        SELECT looked.reference_key, one.valid_time, one.recorded_at, false
        FROM looked JOIN reference_forecast AS one USING (reference_key)
        WHERE looked.versions_until IS NULL
    )
    SELECT reference_key, array_agg(DISTINCT valid_time ORDER BY valid_time) AS hours, count(*)::integer AS rows,
           max(recorded_at) FILTER (WHERE is_observed) AS observed_until,
           max(recorded_at) FILTER (WHERE NOT is_observed) AS versions_until
    FROM changed GROUP BY reference_key ORDER BY reference_key
"""

MOVE = """
    UPDATE reference_series AS known
    SET observed_until = greatest(known.observed_until, seen.observed_until),
        versions_until = greatest(known.versions_until, seen.versions_until)
    FROM unnest(%s::integer[], %s::timestamptz[], %s::timestamptz[])
        AS seen (reference_key, observed_until, versions_until)
    WHERE known.reference_key = seen.reference_key
      AND (seen.observed_until > known.observed_until OR seen.versions_until > known.versions_until
           OR known.observed_until IS NULL OR known.versions_until IS NULL)
"""

# Without it, one series that is observed no longer would keep the bounds of all others in the past.
KEEP_UP = """
    WITH newest AS (
        SELECT max(observed_until) - %(slack)s AS observed, max(versions_until) - %(slack)s AS versions
        FROM reference_series WHERE reference_key = ANY(%(keys)s)
    )
    UPDATE reference_series AS known
    SET observed_until = greatest(known.observed_until, newest.observed),
        versions_until = greatest(known.versions_until, newest.versions)
    FROM newest
    WHERE known.reference_key = ANY(%(keys)s)
      AND (newest.observed > coalesce(known.observed_until, '-infinity')
           OR newest.versions > coalesce(known.versions_until, '-infinity'))
"""


@dataclass(frozen=True)
class ReferenceSeries:
    """Number of series of a registered reference source.

    Attributes:
        name: of the source.
        kind: how it is read.
        forecast_of: name of the source of the observed values.
        series: that it forecasts.
        matched: those of them that are observed, in the same unit, by the source that it names.
        newest: last hour that it forecasts, None where it has none.
        removed_at: when it was removed; None while it is wanted.
    """

    name: str
    kind: str
    forecast_of: str
    series: int
    matched: int
    newest: datetime | None
    removed_at: datetime | None


def series_by_reference(connection: psycopg.Connection) -> list[ReferenceSeries]:
    """Read every registered reference source with the number of its series, by name."""
    with connection.cursor(row_factory=class_row(ReferenceSeries)) as cursor:
        return cursor.execute(BY_REFERENCE).fetchall()


def add_reference_series(connection: psycopg.Connection, source_key: int, series_ids: Sequence[str]) -> None:
    """Add the series of a reference source that are not there yet. The caller commits."""
    connection.execute(ADD, {"source": source_key, "series_ids": series_ids})


@dataclass(frozen=True)
class ChangedReference:
    """Hours of a series, observed or forecast by a reference, that were recorded since they were compared last.

    Attributes:
        reference_key: the reference of the series.
        hours: starts of the hours, each once, in their order.
        rows: number of rows; with the two moments it says whether anything came since the last look.
        observed_until: newest `recorded_at` of the observed hours; None where none was recorded.
        versions_until: newest `recorded_at` of the versions; None where none was recorded.
    """

    reference_key: int
    hours: Sequence[datetime]
    rows: int
    observed_until: datetime | None
    versions_until: datetime | None


class LookedSeries(NamedTuple):
    """An observed series of a reference, and up to where it was compared.

    Attributes:
        reference_key: the reference of the series.
        series_key: the series.
        oldest: first hour of the reference.
        observed_until: up to which `recorded_at` observed hours were compared; None: never.
        versions_until: the same of the versions.
    """

    reference_key: int
    series_key: int
    oldest: datetime
    observed_until: datetime | None
    versions_until: datetime | None


def read_looked_series(connection: psycopg.Connection, source_key: int) -> list[LookedSeries]:
    """Read the observed series of a reference source.

    Args:
        connection: an open connection.
        source_key: the reference source.
    """
    return [LookedSeries(*row) for row in connection.execute(LOOKED, [source_key]).fetchall()]


def read_changed_references(connection: psycopg.Connection, looked: Sequence[LookedSeries]) -> list[ChangedReference]:
    """Read which hours of the series of a reference source may have to be compared again.

    Of a series that never was compared, all hours that the reference has.

    Args:
        connection: an open connection.
        looked: the series.
    """
    if not looked:
        return []
    keys, series, oldest, observed, versions = (list(column) for column in zip(*looked, strict=True))
    given = {
        "reference_keys": keys,
        "series_keys": series,
        "oldest": oldest,
        "observed_until": observed,
        "versions_until": versions,
        "first": min(oldest),
        "observed_since": _since(observed),
        "versions_since": _since(versions),
        "overlap": OVERLAP,
    }
    with connection.cursor(row_factory=class_row(ChangedReference)) as cursor:
        # not prepared: a statement that knows its bounds reads what was recorded since
        return cursor.execute(CHANGED, given, prepare=False).fetchall()


def _since(cursors: Sequence[datetime | None]) -> datetime | None:
    """The moment from which on rows may be new to a series that was compared before; None if none was."""
    return min((cursor - OVERLAP for cursor in cursors if cursor is not None), default=None)


def oldest_hour_of(connection: psycopg.Connection, source_key: int) -> datetime | None:
    """Read the oldest hour that a reference source forecasts; None where it has none."""
    row = connection.execute(OLDEST, [source_key]).fetchone()
    return None if row is None else row[0]


def move_reference_cursors(
    connection: psycopg.Connection, changed: Sequence[ChangedReference], looked: Sequence[LookedSeries]
) -> None:
    """Record up to where hours were compared; a cursor never moves back. The caller commits.

    Args:
        connection: an open connection.
        changed: what was compared.
        looked: all series that were looked at, also those without a change.
    """
    if changed:
        connection.execute(
            MOVE,
            [
                [one.reference_key for one in changed],
                [one.observed_until for one in changed],
                [one.versions_until for one in changed],
            ],
        )
    if looked:
        connection.execute(KEEP_UP, {"keys": [one.reference_key for one in looked], "slack": SLACK})


def references_of_series(connection: psycopg.Connection, series_key: int) -> list[str]:
    """Read the names of the reference sources that forecast an observed series, in their order."""
    rows = connection.execute(
        "SELECT reference FROM reference_of_series WHERE series_key = %s ORDER BY reference", [series_key]
    ).fetchall()
    return [name for (name,) in rows]
