"""Table `total_cursor`: up to where the hours of a source with totals have been summed."""

from collections.abc import Mapping
from datetime import datetime

import psycopg


def read_total_cursors(connection: psycopg.Connection, source_key: int) -> dict[int, datetime]:
    """Read by partition up to which `recorded_at` the hours of a source have been summed."""
    rows = connection.execute(
        "SELECT partition, recorded_until FROM total_cursor WHERE source_key = %s", [source_key]
    ).fetchall()
    return dict(rows)


def move_total_cursors(connection: psycopg.Connection, source_key: int, recorded: Mapping[int, datetime]) -> None:
    """Move cursors forward, never back.

    Args:
        connection: an open connection.
        source_key: the source whose series are summed.
        recorded: newest `recorded_at` that was seen, by partition.
    """
    with connection.cursor() as cursor:
        cursor.executemany(
            """
            INSERT INTO total_cursor AS known (source_key, partition, recorded_until) VALUES (%s, %s, %s)
            ON CONFLICT (source_key, partition) DO UPDATE
            SET recorded_until = greatest(known.recorded_until, excluded.recorded_until)
            """,
            [[source_key, partition, moment] for partition, moment in sorted(recorded.items())],
        )
