"""Reads observations as matrices: the one way from TimescaleDB to a model, as known now or as of a past moment."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import psycopg
from numpy.typing import NDArray

from dayahead.hours import HOUR_S, Hour, from_hour
from dayahead.storage.binary_copy import POSTGRES_EPOCH_US

HOUR_US = HOUR_S * 1_000_000
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


@dataclass(frozen=True)
class ObservationMatrix:
    """Hourly values of several series side by side.

    Attributes:
        series_keys: int64 [n], the rows.
        start: hour of column 0.
        values: float64 [n, hours], in the unit of each series; NaN where nothing is known.
    """

    series_keys: NDArray[np.int64]
    start: Hour
    values: NDArray[np.float64]


def read_observations(
    connection: psycopg.Connection,
    series_keys: NDArray[np.int64],
    start: Hour,
    end: Hour,
    as_of: datetime | Sequence[datetime] | None = None,
) -> ObservationMatrix:
    """Values of given series from `start` (inclusive) to `end` (exclusive).

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
        for key, moments, block in cursor.execute((CURRENT if as_of is None else AS_OF).encode(), parameters):
            column = np.frombuffer(moments, ">i8") // HOUR_US + POSTGRES_EPOCH_HOUR - start
            values[row_of[key], column] = np.frombuffer(block, ">f8")
    return ObservationMatrix(keys, start, values)


def first_published(
    connection: psycopg.Connection, series_keys: NDArray[np.int64], hour: Hour
) -> list[datetime | None]:
    """When the first version of an hour was published, by series; None where the hour is not known."""
    found: dict[int, datetime] = dict(
        connection.execute(FIRST_PUBLISHED, {"keys": series_keys.tolist(), "hour": from_hour(hour)}).fetchall()
    )
    return [found.get(int(key)) for key in series_keys]


def read_known_values(
    connection: psycopg.Connection, series_ids: Iterable[str], start: Hour, end: Hour
) -> dict[tuple[str, Hour], float]:
    """Current values of given series from `start` (inclusive) to `end` (exclusive), by series_id and hour."""
    rows = connection.execute(
        """
        SELECT series_id, extract(epoch FROM valid_time)::bigint, value FROM observation JOIN series USING (series_key)
        WHERE series_id = ANY(%(ids)s) AND valid_time >= %(start)s AND valid_time < %(end)s
        """,
        {"ids": list(series_ids), "start": from_hour(start), "end": from_hour(end)},
    )
    return {(series_id, second // HOUR_S): value for series_id, second, value in rows}


def observed_range(connection: psycopg.Connection, source_key: int | None = None) -> tuple[datetime, datetime] | None:
    """First and last hour that is observed, of one source or of all; None where there is none."""
    row = connection.execute(
        """
        SELECT min(valid_time), max(valid_time) FROM observation JOIN series USING (series_key)
        WHERE %(source)s::integer IS NULL OR source_key = %(source)s
        """,
        {"source": source_key},
    ).fetchone()
    return None if row is None or row[0] is None else (row[0], row[1])


def observed_hours(connection: psycopg.Connection, source_key: int, first: datetime, last: datetime) -> int:
    """How many hours of a range a source has a value for; hours without any do not count.

    Of a source with more than twenty series, twenty that are spread evenly stand for all: the trainer asks every look.
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
