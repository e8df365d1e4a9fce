"""Since when a source cannot be polled, and why: as a metric, and as a row that the API reads.

A server of ours that is away is no failure of a source: it has a metric of its own.
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
    """The polls that one source failed since the newest that it answered."""

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
        """Take up what the process before this one recorded, so that a restart does not shorten an outage."""
        if self._since is None and (recorded := read_failure(connection, source_key)):
            self._since = recorded.failing_since
            self._gauge.set(self._since.timestamp())

    def failed(self, error: Exception, pause_s: float, connection: psycopg.Connection | None, source_key: int) -> None:
        """Record a failed poll.

        Args:
            error: why it failed.
            pause_s: seconds to the next try.
            connection: an open connection that commits each statement; None where TimescaleDB is away.
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
    """Since when the polls of one source fail for a server of ours, Kafka or TimescaleDB."""

    def __init__(self, source: str, clock: Clock) -> None:
        """Start without a failure; arguments as of `Failures`."""
        self._gauges = {server: metrics.POLL_WAITING_SINCE.labels(source, server) for server in SERVERS}
        self._clock = clock
        self._server = ""
        self.over()

    def began(self, server: str) -> None:
        """A poll failed for `server`; the time of the first one in a row is kept."""
        if server != self._server:
            self.over()
            self._server = server
            self._gauges[server].set(self._clock().timestamp())

    def over(self) -> None:
        """A poll succeeded, or failed for the source."""
        self._server = ""
        for gauge in self._gauges.values():
            gauge.set(0)
