"""Table `drift_watched`: up to which day each series has been judged for drift, and the values to judge."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import psycopg
from numpy.typing import NDArray

from dayahead.contracts import DriftKind, Rung
from dayahead.hours import Hour, from_hour, to_hour

# A day is over for a series once the row of its last hour, or of a later one, is there. Totals drift with their parts,
# which are watched.
DUE = """
    SELECT series.series_key, series.area, watched.watched_until, date_trunc('day', newest.hour + INTERVAL '1 hour')
    FROM series
    JOIN source ON source.source_key = series.source_key AND NOT source.definition ? 'totals_of'
    LEFT JOIN drift_watched AS watched ON watched.series_key = series.series_key AND watched.kind = %(kind)s
    CROSS JOIN LATERAL (
        SELECT {hour} AS hour FROM {table} AS kept WHERE kept.series_key = series.series_key ORDER BY 1 DESC LIMIT 1
    ) AS newest
    WHERE series.partition = ANY(%(partitions)s)
      AND (watched.watched_until IS NULL
           OR newest.hour + INTERVAL '1 hour' >= watched.watched_until + INTERVAL '1 day')
    ORDER BY series.series_key LIMIT %(limit)s
"""

ERRORS = f"""
    SELECT series_key, array_agg(extract(epoch FROM origin)::bigint / 3600 ORDER BY origin),
           array_agg(absolute_error / absolute_actual ORDER BY origin)
    FROM score
    WHERE series_key = ANY(%(keys)s) AND origin >= %(start)s AND origin < %(end)s
      AND rung < {Rung.NONE:d} AND absolute_actual > 0
    GROUP BY series_key
"""  # noqa: S608 - a number of the code's own

# What was observed, not snapshots of it: a backfilled series has a reference at once, and the screen of the features
# holds a new level back for a day.
INPUTS = """
    SELECT series_key, array_agg(extract(epoch FROM valid_time)::bigint / 3600 ORDER BY valid_time),
           array_agg(value ORDER BY valid_time)
    FROM observation
    WHERE series_key = ANY(%(keys)s) AND valid_time >= %(start)s AND valid_time < %(end)s
    GROUP BY series_key
"""

WATCHED = """
    INSERT INTO drift_watched AS known (series_key, kind, watched_until) VALUES (%s, %s, %s)
    ON CONFLICT (series_key, kind) DO UPDATE SET watched_until = excluded.watched_until
    WHERE known.watched_until < excluded.watched_until
"""

# Days are those of the data, so that a replay is judged fairly.
COUNTS = """
    SELECT series.area, watched.kind, count(DISTINCT series.series_key),
           count(DISTINCT event.series_key) FILTER (WHERE event.valid_time >= watched.watched_until - INTERVAL '1 day'),
           count(DISTINCT event.series_key)
    FROM drift_watched AS watched
    JOIN series ON series.series_key = watched.series_key AND series.partition = ANY(%s)
    LEFT JOIN drift_event AS event ON event.series_key = watched.series_key AND event.kind = watched.kind
      AND event.valid_time >= watched.watched_until - INTERVAL '7 days'
    GROUP BY 1, 2
"""


@dataclass(frozen=True)
class DueSeries:
    """A series with days that were not judged yet.

    Attributes:
        series_key: of the series.
        area: of the series.
        start: first hour of the first such day; None for a series that was never judged.
        end: the hour after the last such day.
    """

    series_key: int
    area: str
    start: Hour | None
    end: Hour


@dataclass(frozen=True)
class WatchedValues:
    """Values that a series is judged by.

    Attributes:
        hours: int64 [n], rising.
        values: float64 [n]: `|error| / |actual|` by origin, or what was observed, in the unit of the series.
    """

    hours: NDArray[np.int64]
    values: NDArray[np.float64]


@dataclass(frozen=True)
class DriftCounts:
    """Number of series of an area, and of those that drifted in the last day and the last 7 days of their data."""

    area: str
    kind: DriftKind
    series: int
    last_day: int
    last_week: int


def due_series(
    connection: psycopg.Connection, kind: DriftKind, partitions: Collection[int], limit: int
) -> list[DueSeries]:
    """Read series of some partitions that have days to judge, up to a limit."""
    table, hour = ("score", "origin") if kind is DriftKind.CONCEPT else ("observation", "valid_time")
    rows = connection.execute(
        DUE.format(table=table, hour=hour).encode(), {"kind": kind, "partitions": list(partitions), "limit": limit}
    ).fetchall()
    return [
        DueSeries(key, area, None if until is None else to_hour(until), to_hour(end)) for key, area, until, end in rows
    ]


def read_watched(
    connection: psycopg.Connection, kind: DriftKind, series_keys: Sequence[int], start: Hour, end: Hour
) -> dict[int, WatchedValues]:
    """Read the values of some series in a range of hours; a series without any is left out."""
    given = {
        "keys": list(series_keys),
        "start": from_hour(start),
        "end": from_hour(end),
    }
    with connection.cursor(binary=True) as cursor:
        cursor.execute((ERRORS if kind is DriftKind.CONCEPT else INPUTS).encode(), given)
        return {
            key: WatchedValues(np.array(hours, np.int64), np.array(values, np.float64))
            for key, hours, values in cursor.fetchall()
        }


def note_watched(cursor: psycopg.Cursor, kind: DriftKind, judged: Sequence[DueSeries]) -> None:
    """Record that the days of some series have been judged.

    Args:
        cursor: of the transaction that writes what was found.
        kind: of drift.
        judged: the series; one that was judged further already is not moved back.
    """
    cursor.executemany(WATCHED, [[one.series_key, kind, from_hour(one.end)] for one in judged])


def read_drift_counts(connection: psycopg.Connection, partitions: Collection[int]) -> list[DriftCounts]:
    """Count by area and kind the series of some partitions that drifted recently."""
    rows = connection.execute(COUNTS, [list(partitions)]).fetchall()
    return [DriftCounts(area, DriftKind(kind), *counts) for area, kind, *counts in rows]
