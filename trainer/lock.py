"""One training, and one weekly report, at a time over all trainers, by PostgreSQL advisory locks."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

LOCK_KEY = 0x0DA7A4E7
REPORT_LOCK_KEY = 0x0DA7A4E8


@contextmanager
def training_lock(connection: psycopg.Connection, key: int = LOCK_KEY) -> Iterator[bool]:
    """Try to take a lock; it is released when the block or the connection ends.

    Args:
        connection: autocommit, used for nothing else.
        key: of the lock: that of trainings, or REPORT_LOCK_KEY.

    Yields:
        Whether the lock was taken; if not, another trainer holds it.
    """
    row = connection.execute("SELECT pg_try_advisory_lock(%s)", [key]).fetchone()
    held = bool(row and row[0])
    try:
        yield held
    finally:
        if held and not connection.closed:
            connection.execute("SELECT pg_advisory_unlock(%s)", [key])
