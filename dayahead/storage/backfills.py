"""How far a backfill has come, so that one that was interrupted goes on where it stood."""

from dataclasses import dataclass
from datetime import datetime

import psycopg

from dayahead.hours import Hour, from_hour, to_hour


@dataclass(frozen=True)
class Backfill:
    """A backfill is named by its source and its range.

    Attributes:
        source_key: the source.
        start: first hour.
        end: hour after the last.
    """

    source_key: int
    start: Hour
    end: Hour


def read_progress(connection: psycopg.Connection, backfill: Backfill) -> Hour | None:
    """The hour that the backfill stood at, or None where it was never begun."""
    row = connection.execute(
        "SELECT next_time FROM backfill WHERE source_key = %s AND start_time = %s AND end_time = %s",
        [backfill.source_key, from_hour(backfill.start), from_hour(backfill.end)],
    ).fetchone()
    return None if row is None else to_hour(row[0])


def write_progress(connection: psycopg.Connection, backfill: Backfill, next_hour: Hour, now: datetime) -> None:
    """Remember that every hour before `next_hour` has been acknowledged by Kafka; the caller commits."""
    connection.execute(
        """
        INSERT INTO backfill (source_key, start_time, end_time, next_time, updated_at) VALUES (%s, %s, %s, %s, %s)
        ON CONFLICT (source_key, start_time, end_time)
        DO UPDATE SET next_time = excluded.next_time, updated_at = excluded.updated_at
        """,
        [backfill.source_key, from_hour(backfill.start), from_hour(backfill.end), from_hour(next_hour), now],
    )
