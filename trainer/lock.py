"""One training at a time, whatever the number of trainers: an advisory lock of PostgreSQL."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

LOCK_KEY = 0x0DA7A4E7


@contextmanager
def training_lock(connection: psycopg.Connection) -> Iterator[bool]:
    """Hold the right to train, if it is free; a trainer that dies gives it back with its connection.

    Args:
        connection: in autocommit mode, and used for nothing else: a lock must not wait for a commit.

    Yields:
        Whether it was free. Where not, another trainer is at work.
    """
    row = connection.execute("SELECT pg_try_advisory_lock(%s)", [LOCK_KEY]).fetchone()
    held = bool(row and row[0])
    try:
        yield held
    finally:
        if held and not connection.closed:
            connection.execute("SELECT pg_advisory_unlock(%s)", [LOCK_KEY])
