"""The worker's connection to TimescaleDB: opened again whenever the server went away and came back."""

from collections.abc import Callable
from typing import TypeVar

import psycopg
from pydantic import SecretStr

from dayahead.errors import StorageError
from dayahead.storage.checkpoint import CheckpointWriter
from dayahead.storage.database import connect
from stream.patience import Patience

T = TypeVar("T")

FIRST_WAIT_S = 60.0


class _Away(Exception):  # noqa: N818 - never leaves this module
    """The server could not be reached."""


class Database:
    """One connection, used by one thread.

    Raises:
        StorageError: the server was not reached within a minute of the start, or refuses the user.
    """

    def __init__(self, database_url: SecretStr, patience: Patience) -> None:
        self._url, self._patience = database_url, patience
        self._connection: psycopg.Connection | None = connect(database_url, FIRST_WAIT_S, autocommit=True)
        self._writer: CheckpointWriter | None = None

    def insist(self, operation: Callable[[psycopg.Connection], T]) -> T:
        """Do something with the connection; a server that is away is waited for, and the operation repeated.

        Raises:
            Stopping: the worker was asked to end while it waited.
        """
        return self._patience.insist("TimescaleDB", lambda: self._attempt(operation), (_Away,))

    def writer(self) -> CheckpointWriter:
        """Writes checkpoints; to be called within an operation."""
        assert self._connection is not None
        if self._writer is None:
            self._writer = CheckpointWriter(self._connection)
        return self._writer

    def _attempt(self, operation: Callable[[psycopg.Connection], T]) -> T:
        try:
            if self._connection is None:
                self._connection = self._connect()
            return operation(self._connection)
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            self.close()
            raise _Away(str(error)) from error

    def _connect(self) -> psycopg.Connection:
        try:
            return connect(self._url, wait_s=0.0, autocommit=True)
        except StorageError as error:
            raise _Away(str(error)) from error

    def close(self) -> None:
        """Leave the server."""
        if self._connection is not None:
            self._connection.close()
        self._connection, self._writer = None, None
