"""Table `total_hour`: which hours of a source have a total, of how many series, and why the others have none."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import class_row

from dayahead.hours import Hour, from_hour

WEEK_H = 168
"""Hours up to the newest of the source that figures are taken over."""

WRITE = """
    INSERT INTO total_hour AS known
        (source_key, total, valid_time, summed, missing, missing_series, published, updated_at)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (source_key, total, valid_time) DO UPDATE
    SET summed = excluded.summed, missing = excluded.missing, missing_series = excluded.missing_series,
        published = known.published OR excluded.published, updated_at = excluded.updated_at
    WHERE (known.summed, known.missing, known.missing_series) IS DISTINCT FROM
          (excluded.summed, excluded.missing, excluded.missing_series)
       OR (excluded.published AND NOT known.published)
"""

INCOMPLETE = """
    SELECT total, valid_time, summed, missing, missing_series, published FROM total_hour
    WHERE source_key = %(source)s AND missing > 0 AND (%(total)s::text IS NULL OR total = %(total)s)
    ORDER BY valid_time DESC, total COLLATE "C" LIMIT %(limit)s
"""

# The first hour of the week has no hour before it to compare with.
STEPS = """
    SELECT total, valid_time, summed, summed_before FROM (
        SELECT total, valid_time, summed,
               lag(summed) OVER (PARTITION BY total ORDER BY valid_time) AS summed_before
        FROM total_hour
        WHERE source_key = %(source)s AND published AND missing = 0 AND valid_time > %(since)s
          AND (%(total)s::text IS NULL OR total = %(total)s)
    ) AS hour
    WHERE summed <> summed_before
    ORDER BY valid_time DESC, total COLLATE "C" LIMIT %(limit)s
"""

TOTALS = """
    SELECT name.total, newest.valid_time AS newest_hour, newest.summed,
           (SELECT count(*) FROM total_hour AS hour
            WHERE hour.source_key = %(source)s AND hour.total = name.total AND missing > 0 AND valid_time > %(since)s)
               AS incomplete_hours
    FROM (SELECT DISTINCT total FROM total_hour WHERE source_key = %(source)s) AS name
    LEFT JOIN LATERAL (
        SELECT valid_time, summed FROM total_hour AS hour
        WHERE hour.source_key = %(source)s AND hour.total = name.total AND published
        ORDER BY valid_time DESC LIMIT 1
    ) AS newest ON true
    ORDER BY name.total COLLATE "C"
"""


@dataclass(frozen=True)
class TotalHour:
    """An hour of a total.

    Attributes:
        total: label of the total.
        valid_time: start of the hour.
        summed: series with a value for it.
        missing: series that lack it.
        missing_series: ids of the first few of those.
        published: whether a total of the hour was published.
    """

    total: str
    valid_time: datetime
    summed: int
    missing: int
    missing_series: Sequence[str]
    published: bool


@dataclass(frozen=True)
class TotalStep:
    """An hour that sums another number of series than the hour with a total before it."""

    total: str
    valid_time: datetime
    summed: int
    summed_before: int


@dataclass(frozen=True)
class TotalState:
    """A total as it stands.

    Attributes:
        total: its label.
        newest_hour: newest hour that was published; None where none was.
        summed: series that this hour sums.
        incomplete_hours: hours of the newest week of the source that series lack.
    """

    total: str
    newest_hour: datetime | None
    summed: int | None
    incomplete_hours: int


def write_total_hours(
    connection: psycopg.Connection, source_key: int, hours: Sequence[TotalHour], now: datetime
) -> None:
    """Write hours; an hour that was published once stays so.

    Args:
        connection: an open connection.
        source_key: the source whose series are summed.
        hours: each total and hour once.
        now: the present moment.
    """
    with connection.cursor() as cursor:
        cursor.executemany(
            WRITE,
            [
                [source_key, one.total, one.valid_time, one.summed, one.missing, list(one.missing_series),
                 one.published, now]
                for one in hours
            ],
        )  # fmt: skip


def read_incomplete_hours(
    connection: psycopg.Connection, source_key: int, limit: int, total: str | None = None
) -> list[TotalHour]:
    """Read the newest hours that series lack, of all totals of a source or of one."""
    with connection.cursor(row_factory=class_row(TotalHour)) as cursor:
        return cursor.execute(INCOMPLETE, {"source": source_key, "limit": limit, "total": total}).fetchall()


def read_steps(
    connection: psycopg.Connection, source_key: int, newest: Hour, limit: int, total: str | None = None
) -> list[TotalStep]:
    """Read the hours of a source's newest week at which the number of summed series changes, newest first."""
    given = {"source": source_key, "since": from_hour(newest - WEEK_H), "limit": limit, "total": total}
    with connection.cursor(row_factory=class_row(TotalStep)) as cursor:
        return cursor.execute(STEPS, given).fetchall()


def read_totals(connection: psycopg.Connection, source_key: int, newest: Hour) -> list[TotalState]:
    """Read the totals of a source, whose newest hour is given."""
    given = {"source": source_key, "since": from_hour(newest - WEEK_H)}
    with connection.cursor(row_factory=class_row(TotalState)) as cursor:
        return cursor.execute(TOTALS, given).fetchall()
