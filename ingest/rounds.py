"""Work on TimescaleDB that repeats in rounds; a round that fails because a server is away is run again."""

from abc import ABC, abstractmethod
from typing import ClassVar

import psycopg
import structlog
from prometheus_client import Counter

from dayahead.errors import BrokerUnavailable, StorageError
from dayahead.retry import Pause
from ingest.poller import Connect

log = structlog.get_logger()


class Rounds(ABC):
    """Repeats rounds, on one connection that is opened again after an error.

    Attributes:
        failed_event: name of the log line of a failed round.
        failures: counts failed rounds.
    """

    failed_event: ClassVar[str]
    failures: ClassVar[Counter]

    def __init__(self, connect: Connect) -> None:
        """Prepare; nothing is connected yet.

        Args:
            connect: opens TimescaleDB.
        """
        self._connect = connect
        self._connection: psycopg.Connection | None = None

    @abstractmethod
    def round(self) -> int:
        """Do what is due; returns how much that was.

        Raises:
            BrokerUnavailable: Kafka did not acknowledge.
            StorageError: TimescaleDB is unavailable.
            psycopg.Error: TimescaleDB failed.
        """

    def run(self, pause: Pause, interval_s: float) -> None:
        """Run rounds until `pause` says that the process stops.

        Args:
            pause: waits between two rounds; returns True on a stop signal.
            interval_s: seconds between two rounds.
        """
        try:
            while not pause(interval_s):
                self.try_round()
        finally:
            self.close()

    def try_round(self) -> bool:
        """Run a round, and log it where a server is away; returns whether it was run."""
        try:
            self.round()
        except (StorageError, BrokerUnavailable, psycopg.Error) as error:
            self._drop_connection()
            self.failures.inc()
            log.warning(self.failed_event, error=str(error))
            return False
        return True

    def close(self) -> None:
        """Close the connection."""
        self._drop_connection()

    def _connected(self) -> psycopg.Connection:
        if self._connection is None or self._connection.closed:
            self._connection = self._connect()
        return self._connection

    def _drop_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
