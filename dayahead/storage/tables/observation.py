"""Table `observation`: the current version of each hour, read as matrices, also as of a past moment."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import psycopg
from numpy.typing import NDArray

from dayahead.hours import HOUR_S, HOUR_US, Hour, from_hour, to_microseconds
from dayahead.storage.binary_copy import (
    NO_MOMENT,
    POSTGRES_EPOCH_US,
    doubles,
    hours,
    integers,
    moments,
    optional_moments,
)
from dayahead.storage.copied_table import KeyedTable, TableColumn
from dayahead.storage.tables.observation_revision import Versions

COLUMNS = (
    TableColumn("series_key", integers, "series_key"),
    TableColumn("valid_time", hours, "hour"),
    TableColumn("value", doubles, "value"),
    TableColumn("available_at", moments, "available_us"),
    TableColumn("confirmed_at", optional_moments, "confirmed_us"),
    TableColumn("recorded_at", moments, "recorded_us"),
)
OBSERVATION = KeyedTable(
    "observation",
    ("series_key", "valid_time"),
    COLUMNS,
    """value = excluded.value, available_at = excluded.available_at, confirmed_at = excluded.confirmed_at,
       recorded_at = CASE WHEN observation.value = excluded.value THEN observation.recorded_at
                          ELSE excluded.recorded_at END""",
)

POSTGRES_EPOCH_HOUR = POSTGRES_EPOCH_US // HOUR_US

COUNTED_SERIES = 20
"""Series whose hours are counted where a source has more."""

# One row a series, its hours and its values each as one block of bytes in the same order: a tenth of the time of a row
# for every hour, also by COPY, since neither the driver nor Python handles the values one by one.
BLOCKS = """
    SELECT series_key, string_agg(timestamptz_send(valid_time), ''::bytea), string_agg(float8send(value), ''::bytea)
    FROM ({version}) AS version GROUP BY series_key
"""

CURRENT = BLOCKS.format(
    version="""
    SELECT series_key, valid_time, value FROM observation
    WHERE series_key = ANY(%(keys)s) AND valid_time >= %(start)s AND valid_time < %(end)s
"""
)

AS_OF = BLOCKS.format(
    version="""
    SELECT DISTINCT ON (series_key, valid_time) series_key, valid_time, value
    FROM (
        SELECT series_key, valid_time, available_at, value FROM observation
        WHERE series_key = ANY(%(keys)s) AND valid_time >= %(start)s AND valid_time < %(end)s
        UNION ALL
        SELECT series_key, valid_time, available_at, value FROM observation_revision
        WHERE series_key = ANY(%(keys)s) AND valid_time >= %(start)s AND valid_time < %(end)s
    ) AS version
    JOIN unnest(%(keys)s::integer[], %(as_of)s::timestamptz[]) AS seen (series_key, as_of) USING (series_key)
    WHERE available_at <= seen.as_of
    ORDER BY series_key, valid_time, available_at DESC, value DESC
"""
)


CURRENT_VERSIONS = """
    SELECT wanted.place, o.value, (extract(epoch FROM o.available_at) * 1000000)::bigint,
           (extract(epoch FROM coalesce(o.confirmed_at, o.available_at)) * 1000000)::bigint
    FROM unnest(%(keys)s::integer[], %(hours)s::bigint[]) WITH ORDINALITY AS wanted (series_key, hour, place)
    JOIN observation o
        ON o.series_key = wanted.series_key AND o.valid_time = to_timestamp(wanted.hour * 3600)
    WHERE o.valid_time BETWEEN %(first)s AND %(last)s
"""

NEWEST_HOURS = """
    SELECT wanted.place, extract(epoch FROM o.valid_time)::bigint
    FROM unnest(%(keys)s::integer[]) WITH ORDINALITY AS wanted (series_key, place)
    CROSS JOIN LATERAL (
        SELECT valid_time FROM observation
        WHERE observation.series_key = wanted.series_key ORDER BY valid_time DESC LIMIT 1
    ) AS o
"""

MISSING = """
    SELECT hour FROM generate_series(
        greatest(%(end)s::timestamptz - INTERVAL '167 hours', %(first)s::timestamptz),
        %(end)s::timestamptz, INTERVAL '1 hour') AS hour
    WHERE NOT EXISTS (
        SELECT FROM observation WHERE series_key = %(key)s AND valid_time = hour)
    ORDER BY hour
"""


@dataclass(frozen=True)
class CurrentRows(Versions):
    """Current versions of hours, each series and hour once.

    Attributes:
        confirmed_us: int64 [n], when the value was published last, no earlier than available_us.
    """

    confirmed_us: NDArray[np.int64]

    def take(self, rows: NDArray[np.bool_]) -> "CurrentRows":
        """Some of the rows."""
        return CurrentRows(**{name: column[rows] for name, column in vars(self).items()})


@dataclass(frozen=True)
class _RecordedRows(CurrentRows):
    """Rows of one part of a COPY, with the moment at which we learnt them; confirmed_us may be NO_MOMENT."""

    recorded_us: NDArray[np.int64]


@dataclass(frozen=True)
class CurrentVersions:
    """Current versions of hours as columns.

    Attributes:
        value: float64 [n], in the unit of the series; NaN where the hour is not known.
        available_us: int64 [n], when the value was published first, microseconds since 1970; 0 where it is not known.
        confirmed_us: int64 [n], when it was published last, without another value in between; no earlier than that.
    """

    value: NDArray[np.float64]
    available_us: NDArray[np.int64]
    confirmed_us: NDArray[np.int64]

    @classmethod
    def unknown(cls, count: int) -> "CurrentVersions":
        """Return unknown hours."""
        return cls(np.full(count, np.nan), np.zeros(count, np.int64), np.zeros(count, np.int64))


@dataclass(frozen=True)
class ObservationMatrix:
    """Hourly values of several series as a matrix.

    Attributes:
        series_keys: int64 [n], the rows.
        start: hour of column 0.
        values: float64 [n, hours], in the unit of each series; NaN where nothing is known.
    """

    series_keys: NDArray[np.int64]
    start: Hour
    values: NDArray[np.float64]


def write_observations(cursor: psycopg.Cursor, rows: CurrentRows, new: NDArray[np.bool_], now: datetime) -> None:
    """Write current versions.

    Args:
        cursor: of an open transaction.
        rows: each series and hour once.
        new: bool [n], those that the table cannot have yet.
        now: when we learnt them.
    """
    OBSERVATION.write(cursor, _parts(rows.take(new), now), _parts(rows.take(~new), now))


def _parts(rows: CurrentRows, now: datetime) -> list[_RecordedRows]:
    """Split into rows that were published once, of which confirmed_at is NULL, and the others."""
    again = rows.confirmed_us != rows.available_us
    once, twice = rows.take(~again), rows.take(again)
    once = replace(once, confirmed_us=np.full(len(once.hour), NO_MOMENT, np.int64))
    recorded_us = to_microseconds(now)
    return [
        _RecordedRows(**vars(part), recorded_us=np.full(len(part.hour), recorded_us, np.int64))
        for part in (once, twice)
    ]


def read_current_versions(
    connection: psycopg.Connection, series_keys: NDArray[np.int64], valid_hours: NDArray[np.int64]
) -> CurrentVersions:
    """Read the current versions of given hours of given series.

    Args:
        connection: an open connection.
        series_keys: int64 [n].
        valid_hours: int64 [n].
    """
    found = CurrentVersions.unknown(len(valid_hours))
    if len(valid_hours):
        parameters = {
            "keys": series_keys.tolist(),
            "hours": valid_hours.tolist(),
            # stated so that the planner excludes chunks
            "first": from_hour(int(valid_hours.min())),
            "last": from_hour(int(valid_hours.max())),
        }
        with connection.cursor(binary=True) as cursor:
            rows = cursor.execute(CURRENT_VERSIONS, parameters).fetchall()
        if rows:
            place, value, available, confirmed = zip(*rows, strict=True)
            places = np.array(place, np.int64) - 1
            found.value[places], found.available_us[places], found.confirmed_us[places] = value, available, confirmed
    return found


def read_observations(
    connection: psycopg.Connection,
    series_keys: NDArray[np.int64],
    start: Hour,
    end: Hour,
    as_of: datetime | Sequence[datetime] | None = None,
) -> ObservationMatrix:
    """Read values of given series from `start` (inclusive) to `end` (exclusive).

    Args:
        connection: an open connection.
        series_keys: int64 [n].
        start: first hour.
        end: hour after the last.
        as_of: leave out what was published later than this, one moment for all or one a series; None reads what is
            known now.
    """
    keys = np.asarray(series_keys, np.int64)
    values = np.full((len(keys), max(0, end - start)), np.nan)
    row_of = {key: row for row, key in enumerate(keys.tolist())}
    parameters = {
        "keys": keys.tolist(),
        "start": from_hour(start),
        "end": from_hour(end),
        "as_of": [as_of] * len(keys) if isinstance(as_of, datetime) else list(as_of or ()),
    }
    with connection.cursor(binary=True) as cursor:
        for key, times, block in cursor.execute((CURRENT if as_of is None else AS_OF).encode(), parameters):
            column = np.frombuffer(times, ">i8") // HOUR_US + POSTGRES_EPOCH_HOUR - start
            values[row_of[key], column] = np.frombuffer(block, ">f8")
    return ObservationMatrix(keys, start, values)


def read_known_values(
    connection: psycopg.Connection, series_ids: Iterable[str], start: Hour, end: Hour
) -> dict[tuple[str, Hour], float]:
    """Read current values of given series from `start` (inclusive) to `end` (exclusive), by series_id and hour."""
    rows = connection.execute(
        """
        SELECT series_id, extract(epoch FROM valid_time)::bigint, value FROM observation JOIN series USING (series_key)
        WHERE series_id = ANY(%(ids)s) AND valid_time >= %(start)s AND valid_time < %(end)s
        """,
        {"ids": list(series_ids), "start": from_hour(start), "end": from_hour(end)},
    )
    return {(series_id, second // HOUR_S): value for series_id, second, value in rows}


def observed_range(connection: psycopg.Connection, source_key: int | None = None) -> tuple[datetime, datetime] | None:
    """Read the first and last observed hour, of one source or of all; None where there is none."""
    row = connection.execute(
        """
        SELECT min(valid_time), max(valid_time) FROM observation JOIN series USING (series_key)
        WHERE %(source)s::integer IS NULL OR source_key = %(source)s
        """,
        {"source": source_key},
    ).fetchone()
    return None if row is None or row[0] is None else (row[0], row[1])


def observed_hours(connection: psycopg.Connection, source_key: int, first: datetime, last: datetime) -> int:
    """Count the hours of a range for which a source has a value.

    Of a source with more than twenty series, twenty that are spread evenly are counted: the trainer polls this.
    """
    row = connection.execute(
        """
        WITH numbered AS (
            SELECT series_key, row_number() OVER (ORDER BY series_key) - 1 AS place, count(*) OVER () AS number
            FROM series WHERE source_key = %(source)s
        ), chosen AS (
            SELECT series_key FROM numbered WHERE place %% greatest(1, number / %(sample)s) = 0 LIMIT %(sample)s
        )
        SELECT count(DISTINCT valid_time) FROM observation JOIN chosen USING (series_key)
        WHERE valid_time BETWEEN %(first)s AND %(last)s
        """,
        {"source": source_key, "sample": COUNTED_SERIES, "first": first, "last": last},
    ).fetchone()
    return 0 if row is None else int(row[0])


def newest_hours(connection: psycopg.Connection, series_keys: NDArray[np.int64]) -> list[Hour | None]:
    """Read the newest observed hour of each of some series, None where there is none.

    Args:
        connection: an open connection.
        series_keys: int64 [n].
    """
    newest: list[Hour | None] = [None] * len(series_keys)
    with connection.cursor(binary=True) as cursor:
        for place, second in cursor.execute(NEWEST_HOURS, {"keys": series_keys.tolist()}).fetchall():
            newest[place - 1] = second // HOUR_S
    return newest


def read_newest_hour(connection: psycopg.Connection, series_key: int) -> datetime | None:
    """Read the newest observed hour of a series; None where there is none."""
    row = connection.execute(
        "SELECT valid_time FROM observation WHERE series_key = %s ORDER BY valid_time DESC LIMIT 1", [series_key]
    ).fetchone()
    return None if row is None else row[0]


def read_first_hour(connection: psycopg.Connection, series_key: int) -> datetime | None:
    """Read the first observed hour of a series; None where there is none."""
    row = connection.execute(
        "SELECT valid_time FROM observation WHERE series_key = %s ORDER BY valid_time LIMIT 1", [series_key]
    ).fetchone()
    return None if row is None else row[0]


def missing_hours(connection: psycopg.Connection, series_key: int, first: datetime, end: datetime) -> list[datetime]:
    """Read the hours without a value in the week that ends with hour `end`; none before `first`, that of the series."""
    return [hour for (hour,) in connection.execute(MISSING, {"key": series_key, "first": first, "end": end})]
