"""Table `observation_revision`: versions of hours that never were, or no longer are, current."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import psycopg
from numpy.typing import NDArray

from dayahead.hours import Hour, from_hour
from dayahead.storage.binary_copy import doubles, hours, integers, moments
from dayahead.storage.copied_table import IncomingTable, TableColumn

COLUMNS = (
    TableColumn("series_key", integers, "series_key"),
    TableColumn("valid_time", hours, "hour"),
    TableColumn("value", doubles, "value"),
    TableColumn("available_at", moments, "available_us"),
)
"""Without recorded_at, which the statement finds."""

OBSERVATION_REVISION = IncomingTable("observation_revision", COLUMNS)

# A version that was current takes the moment at which we learnt it along.
INSERT = """
    INSERT INTO observation_revision (series_key, valid_time, available_at, value, recorded_at)
    SELECT i.series_key, i.valid_time, i.available_at, i.value, coalesce(o.recorded_at, %(now)s)
    FROM incoming_observation_revision i
    LEFT JOIN observation o
        ON o.series_key = i.series_key AND o.valid_time = i.valid_time
        AND o.available_at = i.available_at AND o.value = i.value
    ON CONFLICT DO NOTHING
"""

FIRST_PUBLISHED = """
    SELECT series_key, min(available_at)
    FROM (
        SELECT series_key, available_at FROM observation WHERE series_key = ANY(%(keys)s) AND valid_time = %(hour)s
        UNION ALL
        SELECT series_key, available_at FROM observation_revision
        WHERE series_key = ANY(%(keys)s) AND valid_time = %(hour)s
    ) AS version
    GROUP BY series_key
"""

REVISED = """
    SELECT count(DISTINCT valid_time) FROM observation_revision
    WHERE series_key = %(key)s AND valid_time > %(end)s::timestamptz - INTERVAL '168 hours' AND valid_time <= %(end)s
"""


@dataclass(frozen=True)
class Versions:
    """Versions of hours as columns.

    Attributes:
        series_key: int64 [n].
        hour: int64 [n].
        value: float64 [n], in the unit of the series.
        available_us: int64 [n], when the value was published first, microseconds since 1970.
    """

    series_key: NDArray[np.int64]
    hour: NDArray[np.int64]
    value: NDArray[np.float64]
    available_us: NDArray[np.int64]


def write_revisions(cursor: psycopg.Cursor, rows: Versions, now: datetime) -> None:
    """Write versions that are not current, before the current ones are written.

    Args:
        cursor: of an open transaction.
        rows: the versions.
        now: when we learnt those that were never current.
    """
    if OBSERVATION_REVISION.copy_incoming(cursor, [rows]):
        cursor.execute(INSERT, {"now": now})


def first_published(
    connection: psycopg.Connection, series_keys: NDArray[np.int64], hour: Hour
) -> list[datetime | None]:
    """Read when the first version of an hour was published, by series; None where the hour is not known."""
    found: dict[int, datetime] = dict(
        connection.execute(FIRST_PUBLISHED, {"keys": series_keys.tolist(), "hour": from_hour(hour)}).fetchall()
    )
    return [found.get(int(key)) for key in series_keys]


def count_revised_hours(connection: psycopg.Connection, series_key: int, end: datetime) -> int:
    """Count the hours with more than one version in the week that ends with hour `end`."""
    row = connection.execute(REVISED, {"key": series_key, "end": end}).fetchone()
    return row[0] if row else 0
