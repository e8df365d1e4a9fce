"""Reads what totals are made of: hours that changed, their sums, series that lack one, and the totals that stand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import psycopg
from numpy.typing import NDArray

from dayahead.hours import HOUR_S, HOUR_US, Hour, from_hour, to_hour, to_microseconds
from dayahead.storage.tables.observation import POSTGRES_EPOCH_HOUR

OVERLAP = timedelta(seconds=60)
"""How far the clocks of two workers may differ: the owner of a partition writes `recorded_at`, and owners change."""

# The bound for all partitions is what the index is asked with.
CHANGED = """
    SELECT series.partition, count(*), max(recorded_at), array_agg(DISTINCT extract(epoch FROM valid_time)::bigint)
    FROM observation
    JOIN series USING (series_key)
    LEFT JOIN total_cursor AS cursor
        ON cursor.source_key = %(source)s AND cursor.partition = series.partition
    WHERE series.source_key = ANY(%(sources)s) AND recorded_at >= %(since)s::timestamptz
      AND (cursor.recorded_until IS NULL OR recorded_at >= cursor.recorded_until - %(overlap)s)
    GROUP BY series.partition
"""

UNSEEN = """
    SELECT EXISTS (
        SELECT FROM series
        WHERE source_key = ANY(%(sources)s) AND partition <> ALL(%(partitions)s::integer[])
          AND EXISTS (SELECT FROM observation WHERE observation.series_key = series.series_key)
    )
"""

NEWEST = """
    SELECT valid_time FROM observation JOIN series USING (series_key)
    WHERE series.source_key = %s ORDER BY valid_time DESC LIMIT 1
"""

# As decimal numbers: a sum of floating point numbers depends on their order, and a total must not.
SUMS = """
    SELECT series.area, extract(epoch FROM valid_time)::bigint, count(*), sum(value::numeric)::float8, max(available_at)
    FROM observation JOIN series USING (series_key)
    WHERE series.source_key = %(source)s AND valid_time >= %(first)s AND valid_time <= %(last)s
    GROUP BY GROUPING SETS ((series.area, valid_time), (valid_time))
"""

# Of a series with all hours of the range nothing is missing; most are.
HOLED = """
    SELECT series.series_id, series.area, string_agg(timestamptz_send(valid_time), ''::bytea)
    FROM observation JOIN series ON series.series_key = observation.series_key
    WHERE series.source_key = %(source)s AND valid_time >= %(first)s AND valid_time <= %(last)s
    GROUP BY series.series_key HAVING count(*) < %(hours)s
    ORDER BY series.series_id COLLATE "C"
"""

STANDING = """
    SELECT series_id, extract(epoch FROM valid_time)::bigint, value, available_at, coalesce(confirmed_at, available_at)
    FROM observation JOIN series USING (series_key)
    WHERE series.source_key = %(totals)s AND valid_time >= %(first)s AND valid_time <= %(last)s
"""


@dataclass(frozen=True)
class ChangedHours:
    """Hours of a source that were recorded since its cursors.

    Attributes:
        hours: int64 [n], each once.
        recorded: newest `recorded_at`, by partition.
        rows: number of rows, by partition; with `recorded` it says whether anything came since the last look.
    """

    hours: NDArray[np.int64]
    recorded: Mapping[int, datetime]
    rows: Mapping[int, int]


@dataclass(frozen=True)
class HourSum:
    """The sum of an hour.

    Attributes:
        series: number of series with a value.
        value: their sum, in the unit of the source.
        available_us: when the newest of them was published, microseconds since 1970.
    """

    series: int
    value: float
    available_us: int


@dataclass(frozen=True)
class TotalVersion:
    """A total that is in the table, or on the way there.

    Attributes:
        value: in the unit of the source.
        available_us: when it was published first, microseconds since 1970.
        confirmed_us: when it was published last; a version that is to replace it must be newer.
    """

    value: float
    available_us: int
    confirmed_us: int


@dataclass(frozen=True)
class SummedHours:
    """Some hours of a source, read at one moment.

    Attributes:
        sums: by area and hour; area None for the whole source.
        series_ids: of the m series that have some of the hours and not all, sorted.
        areas: of the m series.
        present: bool [m, hours], with `reach` hours of context before and after; True after the newest hour.
        standing: totals by series_id and hour.
    """

    sums: Mapping[tuple[str | None, Hour], HourSum]
    series_ids: Sequence[str]
    areas: Sequence[str]
    present: NDArray[np.bool_]
    standing: Mapping[tuple[str, Hour], TotalVersion]


def read_changed_hours(
    connection: psycopg.Connection, source_key: int, totals_key: int, cursors: Mapping[int, datetime]
) -> ChangedHours:
    """Read which hours of a source, or of its totals, were recorded since the cursors.

    Those of totals too: a total that reached the table after it was summed again is looked at once more.

    Args:
        connection: an open connection.
        source_key: the source whose series are summed.
        totals_key: the source of its totals.
        cursors: by partition, as in `total_cursor`.
    """
    sources = [source_key, totals_key]
    unseen = connection.execute(UNSEEN, {"sources": sources, "partitions": list(cursors)}).fetchone()
    since = "-infinity" if unseen == (True,) or not cursors else min(cursors.values()) - OVERLAP
    rows = connection.execute(
        CHANGED, {"source": source_key, "sources": sources, "since": since, "overlap": OVERLAP}
    ).fetchall()
    hours = {second // HOUR_S for *_, seconds in rows for second in seconds}
    return ChangedHours(
        np.array(sorted(hours), np.int64),
        {partition: newest for partition, _, newest, _ in rows},
        {partition: count for partition, count, _, _ in rows},
    )


def newest_hour_of(connection: psycopg.Connection, source_key: int) -> Hour | None:
    """Read the newest hour of a source; None before the first."""
    row = connection.execute(NEWEST, [source_key]).fetchone()
    return None if row is None else to_hour(row[0])


def read_summed_hours(
    connection: psycopg.Connection, source_key: int, totals_key: int, first: Hour, last: Hour, reach: int
) -> SummedHours:
    """Read the sums of a range of hours, and what is needed to judge whether they are complete, at one moment.

    Args:
        connection: that commits each statement.
        source_key: the source whose series are summed.
        totals_key: the source of its totals.
        first: first hour.
        last: last hour.
        reach: hours of context before and after.
    """
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        newest = newest_hour_of(connection, source_key)
        within = {"source": source_key, "totals": totals_key, "first": from_hour(first), "last": from_hour(last)}
        sums = {
            (area, second // HOUR_S): HourSum(count, value, to_microseconds(available))
            for area, second, count, value, available in connection.execute(SUMS, within)
        }
        standing = {
            (series_id, second // HOUR_S): TotalVersion(value, to_microseconds(available), to_microseconds(confirmed))
            for series_id, second, value, available, confirmed in connection.execute(STANDING, within)
        }
        start, end = first - reach, last + reach
        around = {
            "source": source_key,
            "first": from_hour(start),
            "last": from_hour(end),
            "hours": max(0, min(end, end if newest is None else newest) - start + 1),
        }
        with connection.cursor(binary=True) as cursor:
            holed = cursor.execute(HOLED, around).fetchall()
    present = np.zeros((len(holed), end - start + 1), bool)
    for row, (_, _, times) in enumerate(holed):
        present[row, np.frombuffer(times, ">i8") // HOUR_US + POSTGRES_EPOCH_HOUR - start] = True
    if newest is not None:
        present[:, max(0, newest + 1 - start) :] = True
    return SummedHours(sums, [one[0] for one in holed], [one[1] for one in holed], present, standing)
