"""Table `poll_cursor`: up to which hour a source has been published; moves only after Kafka has acknowledged."""

from dataclasses import dataclass
from datetime import datetime

import psycopg

from dayahead.hours import Hour, from_hour, to_hour


@dataclass(frozen=True)
class PollCursor:
    """Progress of a source.

    Attributes:
        next_hour: every hour before it has been published.
        polled_at: when the source was last polled.
        new_hour_at: when an hour newer than all before was last published; None before the first; of a source that
            began with a backfill, when that ended.
    """

    next_hour: Hour
    polled_at: datetime
    new_hour_at: datetime | None


def read_cursor(connection: psycopg.Connection, source_key: int) -> PollCursor | None:
    """Read the cursor of a source; None before its first poll or backfill."""
    row = connection.execute(
        "SELECT next_time, polled_at, new_hour_at FROM poll_cursor WHERE source_key = %s", [source_key]
    ).fetchone()
    return None if row is None else PollCursor(to_hour(row[0]), row[1], row[2])


def move_cursor(connection: psycopg.Connection, source_key: int, next_hour: Hour, polled_at: datetime) -> None:
    """Move the cursor of a source forward, never back; the caller commits.

    Args:
        connection: an open connection.
        source_key: the source.
        next_hour: hour after the newest that Kafka has acknowledged.
        polled_at: the present moment; also `new_hour_at` where the cursor moves.
    """
    connection.execute(
        """
        INSERT INTO poll_cursor AS cursor (source_key, next_time, polled_at, new_hour_at)
        VALUES (%(source)s, %(next)s, %(now)s, %(now)s)
        ON CONFLICT (source_key) DO UPDATE SET
            next_time = greatest(cursor.next_time, excluded.next_time),
            polled_at = excluded.polled_at,
            new_hour_at = CASE WHEN excluded.next_time > cursor.next_time
                               THEN excluded.new_hour_at ELSE cursor.new_hour_at END
        """,
        {"source": source_key, "next": from_hour(next_hour), "now": polled_at},
    )


def join_backfill(connection: psycopg.Connection, source_key: int, start: Hour, end: Hour, now: datetime) -> bool:
    """Let the poller continue after a backfill; the caller commits.

    The cursor moves only from within the backfilled hours: from further back it would jump over hours that were never
    published.

    Args:
        connection: an open connection.
        source_key: the source.
        start: first hour of the backfill.
        end: hour after the newest that it published.
        now: the present moment; also `new_hour_at` of a source that had no cursor: if it never publishes anything more,
            it has been silent since then. Later history is no news.

    Returns:
        Whether the cursor moved.
    """
    moved = connection.execute(
        """
        INSERT INTO poll_cursor AS cursor (source_key, next_time, polled_at, new_hour_at)
        VALUES (%(source)s, %(end)s, %(now)s, %(now)s)
        ON CONFLICT (source_key) DO UPDATE SET next_time = excluded.next_time
        WHERE cursor.next_time >= %(start)s AND cursor.next_time < excluded.next_time
        """,
        {"source": source_key, "start": from_hour(start), "end": from_hour(end), "now": now},
    )
    return moved.rowcount == 1
