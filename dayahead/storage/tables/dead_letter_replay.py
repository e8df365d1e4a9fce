"""Table `dead_letter_replay`: which dead letters were replayed, and when."""

from collections.abc import Collection
from datetime import datetime

import psycopg

MARK = """
    INSERT INTO dead_letter_replay (topic, letter_offset, written_at, replayed_at, rows, replaced)
    VALUES (%s, %s, %s, %s, %s, %s)
    ON CONFLICT (topic, letter_offset) DO UPDATE SET
        written_at = excluded.written_at, replayed_at = excluded.replayed_at,
        rows = excluded.rows, replaced = excluded.replaced
"""
REPLAYED = """
    SELECT letter_offset, written_at, replayed_at FROM dead_letter_replay
    WHERE topic = %s AND letter_offset = ANY(%s)
"""


def mark_replayed(
    connection: psycopg.Connection,
    topic: str,
    letter: tuple[int, datetime],
    now: datetime,
    rows: int,
    *,
    replaced: bool,
) -> None:
    """Record that a dead letter was replayed.

    Args:
        connection: to TimescaleDB.
        topic: full name of the topic of the letter.
        letter: its offset, and when it was written.
        now: the present moment.
        rows: rows that were sent.
        replaced: whether a corrected message was sent instead.
    """
    connection.execute(MARK, [topic, *letter, now, rows, replaced])


def replayed_at(
    connection: psycopg.Connection, topic: str, letters: Collection[tuple[int, datetime]]
) -> dict[int, datetime]:
    """Read when dead letters were replayed, by offset; those that were not are left out.

    Args:
        connection: to TimescaleDB.
        topic: full name of the topic of the letters.
        letters: offset of each, and when it was written.
    """
    written = dict(letters)
    found = connection.execute(REPLAYED, [topic, list(written)])
    return {offset: moment for offset, at, moment in found if written[offset] == at}
