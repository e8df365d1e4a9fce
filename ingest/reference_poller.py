"""Polls a reference: the forecast that another makes of our series, such as the grid operator.

Its hours lie ahead, and each may be forecast several times. Nothing of it reaches `observations`: every version is
written to TimescaleDB with the moment at which it was known.
"""

import structlog

from dayahead.hours import HOUR_S, Hour, to_hour
from dayahead.reading.blame import blamed_on
from dayahead.reading.converter import convert_answer
from dayahead.reading.published import by_publication
from dayahead.reading.reader import Answer
from dayahead.reading.records import Rejection, newest_hour, within
from dayahead.storage.tables.poll_cursor import PollCursor
from dayahead.storage.tables.reference_forecast import write_versions
from ingest import metrics
from ingest.letters import letters_of
from ingest.poller import Page, Poller

log = structlog.get_logger()


class ReferencePoller(Poller):
    """Polls one reference until it is stopped.

    Freshness, staleness and their alerts are about observed hours, so that a reference has no part in them. A poll that
    fails is one like any other.
    """

    def _first_hour(self, cursor: PollCursor | None) -> Hour:
        # the cursor is behind the last hour that was forecast: all that lies ahead may have changed
        revised = to_hour(self._clock()) - int(self._source.revision_window_h)
        return min(super()._first_hour(cursor), revised)

    def _publish(self, answer: Answer, start: Hour) -> Page:
        name, received_at = self._source.name, self._clock()
        with blamed_on(self._source):
            publications, rejections = by_publication(answer, self._source, received_at)
        converted = [(one.available_at, convert_answer(one.answer, self._source, received_at)) for one in publications]
        for _, conversion in converted:
            rejections += conversion.rejections
            metrics.REPEATED_RECORDS.labels(name).inc(conversion.repeated)
            metrics.INCOMPLETE_HOURS.labels(name).inc(conversion.incomplete_hours)
        letters = self._reject(rejections)
        versions = [(available_at, within(conversion.rows, start)) for available_at, conversion in converted]
        connection = self._connected()
        with connection.transaction():
            written = sum(
                write_versions(connection, self._source_key, rows, available_at, received_at)
                for available_at, rows in versions
            )
        metrics.REFERENCE_VERSIONS.labels(name).inc(written)
        if written or letters:
            log.info("reference_read", source=name, versions=written, dead_letters=letters)
        newest = newest_hour(row for _, rows in versions for row in rows)
        incomplete = [conversion.incomplete_sentence(self._source) for _, conversion in converted]
        return Page(written, letters, rejections, newest, max(incomplete, default=""))

    def _reject(self, rejections: list[Rejection]) -> int:
        """Send the rejections that are new to the dead letters; returns their number."""
        new = self._known.new_rejections(rejections)
        if new:
            name, now = self._source.name, self._clock()
            self._publisher.publish([], letters_of(new, now, name), name, refresh=False)
            self._known.remember([], new)
        return len(new)

    def _promise(self) -> None:
        pass

    def _wait_for_hours(self, cursor: PollCursor | None) -> None:
        pass

    def _measure(self, newest: Hour | None, advanced: bool) -> None:
        if newest is not None:
            metrics.REFERENCE_NEWEST_HOUR.labels(self._source.name).set(newest * HOUR_S)
