"""Publishes history page by page; only the last message of each series asks for a forecast."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import psycopg
import structlog

from dayahead.hours import Clock, Hour
from dayahead.publisher import Publisher
from dayahead.reading.blame import blamed_on
from dayahead.reading.converter import convert_answer
from dayahead.reading.reader import Answer, Reader
from dayahead.reading.records import Row, newest_hour, within
from dayahead.source import Source
from dayahead.storage.tables.backfill import Backfill, Progress, read_progress, write_progress
from dayahead.storage.tables.observation import read_known_values
from dayahead.storage.tables.poll_cursor import join_backfill
from dayahead.storage.tables.source import register_source
from ingest.known import Known
from ingest.letters import letters_of
from ingest.publication import publications_of_history

log = structlog.get_logger()


@dataclass(frozen=True)
class BackfillReport:
    """The result of a backfill.

    Attributes:
        resumed_at: hour at which an interrupted backfill resumed; None for a new one.
        rows: rows that Kafka acknowledged.
        series: number of series in these rows.
        rejections: dead letters published.
        incomplete: number of hours that lack a part; left out.
        newest: the newest hour published, also before an interruption; None if no row was.
        cursor_moved: whether the poller's cursor was moved to the newest hour.
    """

    resumed_at: Hour | None
    rows: int
    series: int
    rejections: int
    incomplete: int
    newest: Hour | None
    cursor_moved: bool


class _Page(NamedTuple):
    """What one page of a source brought: see `BackfillReport`."""

    rows: int
    rejections: int
    incomplete: int
    newest: Hour | None


class Backfiller:
    """Publishes one range of one source with `refresh: false`.

    The newest hour of each series in the last page follows with `refresh: true`, so that the series is forecast when
    its history is there, and not only with its next new hour.

    Several backfills may run at once, also while the poller runs: each has its own range; they share only the
    poller's cursor, which each moves forward from within its own range and never back.
    """

    def __init__(
        self, *, source: Source, reader: Reader, publisher: Publisher, connection: psycopg.Connection, clock: Clock
    ) -> None:
        """Prepare.

        Args:
            source: what is read.
            reader: reads it.
            publisher: sends to Kafka.
            connection: to TimescaleDB, each statement committed.
            clock: the present moment.
        """
        self._source, self._reader, self._publisher = source, reader, publisher
        self._connection, self._clock = connection, clock
        self._known = Known()
        self._series: set[str] = set()

    def run(
        self, start: Hour, end: Hour, *, resume: bool = False, on_progress: Callable[[Hour, int], None] | None = None
    ) -> BackfillReport:
        """Publish the hours from `start` to `end`.

        Args:
            start: first hour.
            end: hour after the last.
            resume: continue an interrupted backfill of the same source and range.
            on_progress: called with the hour reached and the rows so far.

        Raises:
            SourceUnavailable: the source stayed unavailable; `resume` continues from the last published page.
            SourceRefused: the source rejects the request.
            BrokerUnavailable: Kafka did not acknowledge; `resume` continues from the last published page.
        """
        source_key = register_source(self._connection, self._source).source_key
        backfill = Backfill(source_key, start, end)
        before = read_progress(self._connection, backfill) if resume else None
        position, newest = (before.next_hour, before.newest) if before else (start, None)
        rows = rejections = incomplete = 0
        while position < end:
            page_end = min(end, position + max(1, int(self._source.page_h)))
            with blamed_on(self._source):
                answer = self._reader.read(position, page_end)
            reached = page_end if answer.cut_at is None else min(page_end, answer.cut_at)
            page = self._publish(answer, position, reached, is_last=reached >= end)
            rows, rejections, incomplete = rows + page.rows, rejections + page.rejections, incomplete + page.incomplete
            newest = max((hour for hour in (newest, page.newest) if hour is not None), default=None)
            position = reached
            write_progress(self._connection, backfill, Progress(position, newest), self._clock())
            if on_progress:
                on_progress(position, rows)
        moved = newest is not None and join_backfill(self._connection, source_key, start, newest + 1, self._clock())
        resumed_at = None if before is None else before.next_hour
        return BackfillReport(resumed_at, rows, len(self._series), rejections, incomplete, newest, moved)

    def _publish(self, answer: Answer, start: Hour, end: Hour, *, is_last: bool) -> _Page:
        """Publish one page."""
        name, received_at = self._source.name, self._clock()
        conversion = convert_answer(answer, self._source, received_at)
        rows = within(conversion.rows, start, end)
        rejections = self._known.new_rejections(conversion.rejections)
        letters = letters_of(rejections, received_at, name)
        if rows or letters:
            known = read_known_values(self._connection, {row.series_id for row in rows}, start, end)
            newest = _newest_of_each(rows) if is_last else set()
            for refresh, part in ((False, [row for row in rows if row not in newest]), (True, sorted(newest))):
                # in this order: a message that asks for a forecast must not arrive before its history
                publications = publications_of_history(part, known, self._source, received_at)
                self._publisher.publish(publications, [] if refresh else letters, name, refresh=refresh)
        self._known.remember((), rejections)
        self._series.update(row.series_id for row in rows)
        log.debug("backfilled", source=name, rows=len(rows), dead_letters=len(letters))
        # an answer may reach beyond the page: its hours outside are no hours of this page
        incomplete = conversion.incomplete_within(start, end)
        return _Page(len(rows), len(letters), incomplete, newest_hour(rows))


def _newest_of_each(rows: Iterable[Row]) -> set[Row]:
    """The newest row of each series."""
    newest: dict[str, Row] = {}
    for row in rows:
        if row.series_id not in newest or row.hour > newest[row.series_id].hour:
            newest[row.series_id] = row
    return set(newest.values())
