"""Table `weather_backfill`: progress of backfills of archived weather, from which an interrupted one resumes."""

from datetime import datetime

import psycopg

from dayahead.hours import Hour, from_hour, to_hour


def read_weather_progress(connection: psycopg.Connection, source: str, start: Hour, end: Hour) -> Hour | None:
    """Read up to which hour a backfill has written; None where it was never started."""
    row = connection.execute(
        "SELECT next_time FROM weather_backfill WHERE source = %s AND start_time = %s AND end_time = %s",
        [source, from_hour(start), from_hour(end)],
    ).fetchone()
    return None if row is None else to_hour(row[0])


def write_weather_progress(
    connection: psycopg.Connection, source: str, start: Hour, end: Hour, reached: Hour, now: datetime
) -> None:
    """Write the progress of a backfill; the caller commits.

    Args:
        connection: an open connection.
        source: name of the weather source.
        start: first hour of the backfill.
        end: hour after the last.
        reached: everything before it is written.
        now: the present moment.
    """
    connection.execute(
        """
        INSERT INTO weather_backfill (source, start_time, end_time, next_time, updated_at)
        VALUES (%s, %s, %s, %s, %s)
        ON CONFLICT (source, start_time, end_time) DO UPDATE
            SET next_time = excluded.next_time, updated_at = excluded.updated_at
        """,
        [source, from_hour(start), from_hour(end), from_hour(reached), now],
    )
