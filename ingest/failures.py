"""How long a source has been failing, and why: as a metric, and as a row that the API reads.

An unavailable Kafka or TimescaleDB is not a failure of the source; it has a separate metric.
"""

from datetime import datetime, timedelta

import psycopg
import structlog

from dayahead.hours import Clock
from dayahead.storage.tables.poll_failure import PollFailure, clear_failure, read_failure, record_failure
from ingest import metrics

log = structlog.get_logger()

SERVERS = ("kafka", "database")


class Failures:
    """The failed polls of one source since its last successful one."""

    def __init__(self, source: str, clock: Clock) -> None:
        """Start without a failure.

        Args:
            source: name of the source.
            clock: the present moment.
        """
        self._gauge = metrics.POLL_FAILING_SINCE.labels(source)
        self._source, self._clock = source, clock
        self._since: datetime | None = None
        self._gauge.set(0)

    def resume(self, connection: psycopg.Connection, source_key: int) -> None:
        """Load the outage that the previous process recorded, so that a restart does not reset its start."""
        if self._since is None and (recorded := read_failure(connection, source_key)):
            self._since = recorded.failing_since
            self._gauge.set(self._since.timestamp())

    def failed(self, error: Exception, pause_s: float, connection: psycopg.Connection | None, source_key: int) -> None:
        """Record a failed poll.

        Args:
            error: why it failed.
            pause_s: seconds until the next retry.
            connection: an autocommit connection; None if TimescaleDB is unavailable.
            source_key: the source.
        """
        now = self._clock()
        self._since = self._since or now
        self._gauge.set(self._since.timestamp())
        if connection is None:
            return
        try:
            record_failure(
                connection, source_key, PollFailure(self._since, str(error), now + timedelta(seconds=pause_s))
            )
        except psycopg.Error as unwritten:  # the next poll opens a new connection
            connection.close()
            log.warning("poll_failure_not_recorded", source=self._source, error=str(unwritten))

    def succeeded(self, connection: psycopg.Connection, source_key: int) -> None:
        """Record that the source answered."""
        if self._since is None:
            return
        clear_failure(connection, source_key)
        self._since = None
        self._gauge.set(0)


class Waiting:
    """How long the polls of one source have been failing because Kafka or TimescaleDB is unavailable."""

    def __init__(self, source: str, clock: Clock) -> None:
        """Start without a failure; arguments as of `Failures`."""
        self._gauges = {server: metrics.POLL_WAITING_SINCE.labels(source, server) for server in SERVERS}
        self._clock = clock
        self._server = ""
        self.over()

    def began(self, server: str) -> None:
        """Record a poll that failed because of `server`; the time of the first in a row is kept."""
        if server != self._server:
            self.over()
            self._server = server
            self._gauges[server].set(self._clock().timestamp())

    def over(self) -> None:
        """Record a poll that succeeded, or failed because of the source."""
        self._server = ""
        for gauge in self._gauges.values():
            gauge.set(0)
