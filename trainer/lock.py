"""One training at a time over all trainers, by a PostgreSQL advisory lock."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

LOCK_KEY = 0x0DA7A4E7


@contextmanager
def training_lock(connection: psycopg.Connection) -> Iterator[bool]:
    """Try to take the training lock; it is released when the block or the connection ends.

    Args:
        connection: autocommit, used for nothing else.

    Yields:
        Whether the lock was taken; if not, another trainer holds it.
    """
    row = connection.execute("SELECT pg_try_advisory_lock(%s)", [LOCK_KEY]).fetchone()
    held = bool(row and row[0])
    try:
        yield held
    finally:
        if held and not connection.closed:
            connection.execute("SELECT pg_advisory_unlock(%s)", [LOCK_KEY])
