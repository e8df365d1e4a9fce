"""Table `training_quarantine`: observed hours excluded from a training, and why."""

from collections.abc import Iterable
from dataclasses import dataclass

import psycopg

from dayahead.hours import Hour, from_hour, to_hour


@dataclass(frozen=True)
class QuarantinedRange:
    """Hours of one series excluded from a training.

    Attributes:
        series_key: key of the series.
        series_id: its id.
        start: first hour.
        end: hour after the last.
        rule: the rule that matched, e.g. `stuck_meter`.
        hours: number of excluded values.
        reason: why, in a sentence with numbers.
    """

    series_key: int
    series_id: str
    start: Hour
    end: Hour
    rule: str
    hours: int
    reason: str


def save_quarantine(connection: psycopg.Connection, tuning_run_key: int, ranges: Iterable[QuarantinedRange]) -> None:
    """Write the hours excluded from a training; the caller commits."""
    with connection.cursor() as cursor:
        cursor.executemany(
            """
            INSERT INTO training_quarantine
                (tuning_run_key, series_key, valid_from, valid_until, rule, hours, reason)
            VALUES (%s, %s, %s, %s, %s, %s, %s)
            """,
            [
                [tuning_run_key, r.series_key, from_hour(r.start), from_hour(r.end), r.rule, r.hours, r.reason]
                for r in ranges
            ],
        )


def load_quarantine(connection: psycopg.Connection, tuning_run_key: int | None = None) -> list[QuarantinedRange]:
    """Read the hours excluded from a training, by series and time.

    Args:
        connection: an open connection.
        tuning_run_key: the training; None for the newest one with a release.
    """
    rows = connection.execute(
        """
        SELECT q.series_key, s.series_id, q.valid_from, q.valid_until, q.rule, q.hours, q.reason
        FROM training_quarantine q JOIN series s USING (series_key)
        WHERE q.tuning_run_key = coalesce(
            %s::integer, (SELECT max(tuning_run_key) FROM tuning_run WHERE release IS NOT NULL))
        ORDER BY s.series_id, q.valid_from, q.rule
        """,
        [tuning_run_key],
    ).fetchall()
    return [QuarantinedRange(row[0], row[1], to_hour(row[2]), to_hour(row[3]), *row[4:]) for row in rows]
