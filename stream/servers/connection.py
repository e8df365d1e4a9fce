"""The worker's connections to TimescaleDB, which reconnect after the server was unreachable."""

import threading
from collections.abc import Callable
from typing import TypeVar

import psycopg
from pydantic import SecretStr

from dayahead.errors import StorageError
from dayahead.storage.checkpoint import CheckpointWriter
from dayahead.storage.database import connect
from stream.servers.server_retry import ServerRetry

T = TypeVar("T")

FIRST_WAIT_S = 60.0


class _Away(Exception):  # noqa: N818 - never leaves this module
    """The server cannot be reached."""


class _Held(threading.local):
    """The connection and the writer of one thread."""

    connection: psycopg.Connection | None = None
    writer: CheckpointWriter | None = None


class Database:
    """One connection for each thread that uses it.

    Raises:
        StorageError: the server was not reached within a minute of the start, or refuses the user.
    """

    def __init__(self, database_url: SecretStr, server_retry: ServerRetry) -> None:
        self._url, self._server_retry = database_url, server_retry
        self._held = _Held()
        self._open: set[psycopg.Connection] = set()
        self._held.connection = self._opened(FIRST_WAIT_S)

    def retry(self, operation: Callable[[psycopg.Connection], T]) -> T:
        """Run an operation on the connection of this thread; retry it until the server is back.

        Raises:
            Stopped: the worker was asked to stop while it waited.
        """
        return self._server_retry.run("TimescaleDB", lambda: self._attempt(operation), (_Away,))

    def writer(self) -> CheckpointWriter:
        """Return the checkpoint writer of this thread; call it within an operation only."""
        held = self._held
        assert held.connection is not None
        if held.writer is None:
            held.writer = CheckpointWriter(held.connection)
        return held.writer

    def _attempt(self, operation: Callable[[psycopg.Connection], T]) -> T:
        try:
            if self._held.connection is None:
                self._held.connection = self._connect()
            return operation(self._held.connection)
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            self._drop()
            raise _Away(str(error)) from error

    def _connect(self) -> psycopg.Connection:
        try:
            return self._opened(wait_s=0.0)
        except StorageError as error:
            raise _Away(str(error)) from error

    def _opened(self, wait_s: float) -> psycopg.Connection:
        connection = connect(self._url, wait_s, autocommit=True)
        # compiling a statement that reads a batch's rows takes longer than running it
        connection.execute("SET jit = off")
        self._open.add(connection)
        return connection

    def _drop(self) -> None:
        connection = self._held.connection
        if connection is not None:
            self._open.discard(connection)
            connection.close()
        self._held.connection, self._held.writer = None, None

    def close(self) -> None:
        """Close the connections of all threads; no thread may be using one."""
        for connection in list(self._open):
            self._open.discard(connection)
            connection.close()
        self._held = _Held()
