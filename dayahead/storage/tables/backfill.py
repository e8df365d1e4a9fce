"""Table `backfill`: progress of backfills, from which an interrupted one resumes."""

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


@dataclass(frozen=True)
class Progress:
    """Progress of a backfill.

    Attributes:
        next_hour: every hour before it has been acknowledged by Kafka.
        newest: the newest hour that was published, None before the first.
    """

    next_hour: Hour
    newest: Hour | None


def read_progress(connection: psycopg.Connection, backfill: Backfill) -> Progress | None:
    """Read the progress of a backfill; None where it was never started."""
    row = connection.execute(
        "SELECT next_time, newest_time FROM backfill WHERE source_key = %s AND start_time = %s AND end_time = %s",
        [backfill.source_key, from_hour(backfill.start), from_hour(backfill.end)],
    ).fetchone()
    return None if row is None else Progress(to_hour(row[0]), None if row[1] is None else to_hour(row[1]))


def write_progress(connection: psycopg.Connection, backfill: Backfill, progress: Progress, now: datetime) -> None:
    """Write the progress of a backfill; the caller commits."""
    connection.execute(
        """
        INSERT INTO backfill (source_key, start_time, end_time, next_time, newest_time, updated_at)
        VALUES (%(source)s, %(start)s, %(end)s, %(next)s, %(newest)s, %(now)s)
        ON CONFLICT (source_key, start_time, end_time) DO UPDATE
            SET next_time = excluded.next_time, newest_time = excluded.newest_time, updated_at = excluded.updated_at
        """,
        {
            "source": backfill.source_key,
            "start": from_hour(backfill.start),
            "end": from_hour(backfill.end),
            "next": from_hour(progress.next_hour),
            "newest": None if progress.newest is None else from_hour(progress.newest),
            "now": now,
        },
    )
