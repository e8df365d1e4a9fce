"""Polls a source and publishes what is new: Kafka first, cursor second.

After a crash anywhere the poller reads again from its cursor, so an hour may be published twice (the worker drops the
second) and none is skipped.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import psycopg
import structlog

from dayahead.errors import (
    BrokerUnavailable,
    DeadLetterCode,
    SettingsError,
    SourceRefused,
    SourceUnavailable,
    Stopped,
    StorageError,
)
from dayahead.hours import HOUR_S, Clock, Hour, format_utc, from_hour, to_hour
from dayahead.limit_metrics import LOST_VALUES
from dayahead.publisher import Publication, Publisher
from dayahead.reading.blame import blamed_on
from dayahead.reading.converter import convert_answer
from dayahead.reading.reader import Answer, Reader
from dayahead.reading.records import Rejection, Row, newest_hour, within
from dayahead.retry import LONGEST_ASKED_S, LONGEST_S, Backoff, Pause
from dayahead.source import Source
from dayahead.storage.tables.poll_cursor import PollCursor, move_cursor, read_cursor
from dayahead.storage.tables.source import register_source
from dayahead.tracing import spans
from dayahead.tracing.spans import Kind
from ingest import metrics
from ingest.condition import Condition
from ingest.failures import Failures, Waiting
from ingest.known import Known
from ingest.letters import letters_of
from ingest.limit_watch import LimitWatch
from ingest.older_hours import OlderHours

log = structlog.get_logger()

Connect = Callable[[], psycopg.Connection]
"""Opens a connection that commits each statement, or raises StorageError."""

JITTER = 0.1
LONGEST_RETRY_INTERVALS = 3
"""Longest pause before a failing source is polled again, in poll intervals, unless it asks for more."""


@dataclass(frozen=True)
class PollResult:
    """The result of one poll.

    Attributes:
        rows: rows published: new ones and revisions.
        rejections: dead letters published.
        newest: the newest hour that the source shows, or None.
        advanced: whether it is newer than every hour before.
        incomplete: what is to be said about hours that lack a part; empty if none does.
    """

    rows: int
    rejections: int
    newest: Hour | None
    advanced: bool
    incomplete: str = ""


class Page(NamedTuple):
    """What one answer of a source brought.

    Attributes:
        rows: rows published.
        letters: dead letters published.
        rejections: all rejected records, also those known before.
        newest: its newest hour; None if it has none.
        incomplete: what is to be said about hours that lack a part.
    """

    rows: int
    letters: int
    rejections: list[Rejection]
    newest: Hour | None
    incomplete: str


class Poller:
    """Polls one source until it is stopped."""

    def __init__(
        self,
        *,
        source: Source,
        reader: Reader,
        publisher: Publisher,
        connect: Connect,
        clock: Clock,
        pause: Pause,
        condition: Condition,
        backoff: Backoff | None = None,
        draw: Callable[[], float] = random.random,
    ) -> None:
        """Describe a poller; nothing is connected yet.

        Args:
            source: what is polled.
            reader: reads it.
            publisher: sends to Kafka; this poller's own.
            connect: opens TimescaleDB.
            clock: the present moment: `available_at` of what is received.
            pause: waits between polls; returns early on a stop signal.
            condition: records the outcome of each poll.
            backoff: pauses while Kafka or TimescaleDB is unavailable.
            draw: a number from 0 to 1, for the jitter.
        """
        self._source, self._reader, self._publisher = source, reader, publisher
        self._connect, self._clock, self._draw = connect, clock, draw
        self._condition = condition
        self._backoff = backoff or Backoff(longest_s=30.0)
        self._source_backoff = Backoff(
            longest_s=min(LONGEST_S, LONGEST_RETRY_INTERVALS * source.poll_interval_s), draw=draw
        )
        self._failures = Failures(source.name, clock)
        self._waiting = Waiting(source.name, clock)
        self._older_hours = OlderHours(source, reader, clock)
        self._pause = _resting(pause, condition)
        self._connection: psycopg.Connection | None = None
        self._source_key = 0
        self._known = Known()
        self._limits = LimitWatch(source)
        self._waiting_since: datetime | None = None
        self._promise()

    def run(self) -> None:
        """Poll until stopped. A failed poll is retried and no hour is skipped."""
        try:
            while not self._pause(self._poll_and_judge()):
                pass
        except Stopped:
            pass
        finally:
            self.close()

    def close(self) -> None:
        """Close the connections."""
        self._drop_connection()
        self._publisher.close()

    def _poll_and_judge(self) -> float:
        """Poll once; returns the pause until the next poll, in seconds."""
        name = self._source.name
        started = time.perf_counter()
        try:
            result = self.poll_once()
        except SourceUnavailable as error:
            metrics.RETRIES.labels(name, error.cause).inc()
            return self._source_failed(error, self._source_backoff.next_pause_s(error.retry_after_s))
        except SourceRefused as error:
            metrics.RETRIES.labels(name, "refused").inc()
            return self._source_failed(error, max(self._source.poll_interval_s, self._source_backoff.next_pause_s()))
        except BrokerUnavailable as error:
            return self._waits_for("kafka", error)
        except (StorageError, psycopg.Error) as error:
            self._drop_connection()
            return self._waits_for("database", error)
        metrics.POLL_SECONDS.labels(name).observe(time.perf_counter() - started)
        metrics.POLLS.labels(name, "published" if result.rows else "unchanged").inc()
        self._waiting.over()
        self._backoff.reset()
        self._source_backoff.reset()
        newest = "no hour yet" if result.newest is None else f"newest hour {format_utc(from_hour(result.newest))}"
        incomplete = f"; {result.incomplete}" if result.incomplete else ""
        self._condition.succeeded(f"last poll brought {result.rows} rows, {newest}{incomplete}")
        return self._source.poll_interval_s * (1 + JITTER * self._draw())

    def _source_failed(self, error: Exception, pause_s: float) -> float:
        self._waiting.over()
        self._failures.failed(error, pause_s, self._connection, self._source_key)
        return self._failed("source", error, pause_s)

    def _waits_for(self, server: str, error: Exception) -> float:
        """Record a poll that failed because of Kafka or TimescaleDB; it is not a failure of the source."""
        self._waiting.began(server)
        return self._failed(server, error, self._backoff.next_pause_s())

    def _failed(self, outcome: str, error: Exception, pause_s: float) -> float:
        metrics.POLLS.labels(self._source.name, f"{outcome}_failed").inc()
        log.warning("poll_failed", source=self._source.name, what=outcome, error=str(error), pause_s=round(pause_s, 2))
        self._condition.failed(f"{error}{asked_for(error)}; next try in {pause_s:.0f} s")
        return pause_s

    def poll_once(self) -> PollResult:
        """Read from the start of the revision window before the cursor to the newest hour, and publish what changed.

        With traces, a poll is the span that all that follows from it leads back to.

        Raises:
            SourceUnavailable: the source does not answer, answers wrongly, or has no hour at the first poll.
            SourceRefused: the source rejects the request.
            BrokerUnavailable: Kafka did not acknowledge; the cursor is unchanged.
            StorageError: TimescaleDB is unavailable or rejects a statement.
            Stopped: the process was asked to stop.
        """
        with spans.span("poll", {"dayahead.source": self._source.name}) as span:
            result = self._poll()
            span.note({"dayahead.rows": result.rows, "dayahead.dead_letters": result.rejections})
            return result

    def _poll(self) -> PollResult:
        connection = self._connected()
        cursor = read_cursor(connection, self._source_key)
        self._wait_for_hours(cursor)
        start = self._first_hour(cursor)
        position, published, rejected = start, 0, 0
        seen: list[Rejection] = []
        newest: Hour | None = None
        incomplete = ""
        while True:
            with blamed_on(self._source), spans.span("read source", kind=Kind.CLIENT):
                answer = self._reader.read(position, None)
            self._condition.resting(0)
            try:
                page = self._publish(answer, start)
            except BrokerUnavailable:
                self._failures.succeeded(connection, self._source_key)  # the source has answered
                raise
            published, rejected, seen = published + page.rows, rejected + page.letters, seen + page.rejections
            incomplete = page.incomplete or incomplete
            if page.newest is not None:
                newest = page.newest if newest is None else max(newest, page.newest)
                move_cursor(connection, self._source_key, newest + 1, self._clock())
            elif cursor is not None:
                move_cursor(connection, self._source_key, cursor.next_hour, self._clock())
            if answer.cut_at is None:
                break
            position = answer.cut_at
        self._known.forget_before(start)
        self._known.forget_rejections_but(seen)
        advanced = newest is not None and (cursor is None or newest >= cursor.next_hour)
        self._measure(newest, advanced)
        self._limits.report(connection, self._source_key, self._clock())
        if newest is None and cursor is None:
            with blamed_on(self._source):
                older = self._older_hours.newest_before(start)
            raise _no_hour(self._source, start, _losses(len(seen), incomplete), older)
        self._failures.succeeded(connection, self._source_key)
        return PollResult(published, rejected, newest, advanced, incomplete)

    def _first_hour(self, cursor: PollCursor | None) -> Hour:
        if cursor is None:
            return to_hour(self._clock()) - int(self._source.history_h)
        return cursor.next_hour - int(self._source.revision_window_h)

    def _publish(self, answer: Answer, start: Hour) -> Page:
        """Publish the new and changed rows of one answer."""
        name, received_at = self._source.name, self._clock()
        conversion = convert_answer(answer, self._source, received_at)
        rows: list[Row] = within(conversion.rows, start)
        fresh = self._known.news(rows)
        rejections = self._known.new_rejections(conversion.rejections)
        self._limits.see(conversion.rejections, rows)
        if fresh or rejections:
            letters = letters_of(rejections, received_at, name)
            self._publisher.publish([Publication(received_at, fresh)], letters, name, refresh=True)
            self._known.remember(fresh, rejections)
            metrics.PUBLISHED_ROWS.labels(name).inc(len(fresh))
            LOST_VALUES.labels(name).inc(sum(one.code is DeadLetterCode.ABSURD_VALUE for one in rejections))
            log.info("published", source=name, rows=len(fresh), dead_letters=len(letters))
        metrics.REPEATED_RECORDS.labels(name).inc(conversion.repeated)
        metrics.INCOMPLETE_HOURS.labels(name).inc(conversion.incomplete_hours)
        incomplete = conversion.incomplete_sentence(self._source)
        return Page(len(fresh), len(rejections), conversion.rejections, newest_hour(rows), incomplete)

    def _promise(self) -> None:
        """Measure by when a new hour must come."""
        metrics.SILENCE_ALLOWED.labels(self._source.name).set(self._source.silence_allowed.total_seconds())

    def _wait_for_hours(self, cursor: PollCursor | None) -> None:
        """Measure since when no new hour came, before the request: a source that does not answer is silent too."""
        metrics.LAST_NEW_HOUR.labels(self._source.name).set(self._heard_at(cursor).timestamp())

    def _heard_at(self, cursor: PollCursor | None) -> datetime:
        """When a new hour last arrived; if none has, when this poller began to wait for one."""
        if cursor is not None and cursor.new_hour_at is not None:
            return cursor.new_hour_at
        if self._waiting_since is None:
            self._waiting_since = self._clock()
        return self._waiting_since

    def _measure(self, newest: Hour | None, advanced: bool) -> None:
        name = self._source.name
        if newest is not None:
            metrics.NEWEST_HOUR.labels(name).set(newest * HOUR_S)
        if advanced:
            metrics.LAST_NEW_HOUR.labels(name).set(self._clock().timestamp())

    def _connected(self) -> psycopg.Connection:
        if self._connection is None or self._connection.closed:
            connection = self._connect()
            try:
                self._source_key = register_source(connection, self._source).source_key
            except SettingsError as error:  # a retry would not help; the other sources go on
                connection.close()
                raise SourceRefused(str(error)) from error
            except BaseException:
                connection.close()
                raise
            self._connection = connection
            self._failures.resume(connection, self._source_key)
        return self._connection

    def _drop_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _losses(refused: int, incomplete: str) -> str:
    """What became of records that made no hour, as parts of a sentence."""
    rejected = f"{refused} records were rejected (`dayahead dead-letters list`)" if refused else ""
    return "".join(f"; {part}" for part in (rejected, incomplete) if part)


def _no_hour(source: Source, start: Hour, losses: str, newest: Hour | None) -> SourceUnavailable:
    """The error of a first poll that found no hour: without it, every later poll would silently find none either."""
    older = "if its newest hour is older" if newest is None else f"its newest hour is {format_utc(from_hour(newest))}"
    backfill = " or run `dayahead backfill`" if source.forecast_of is None else ""  # a reference has none
    return SourceUnavailable(
        f"source {source.name} has no hour since {format_utc(from_hour(start))}, history_h ({source.history_h:g} h) "
        f"before now{losses}; {older}: raise history_h{backfill}",
        cause="no_hours",
    )


def asked_for(error: Exception) -> str:
    """The source's Retry-After as the end of a sentence; empty if it sent none."""
    asked_s = error.retry_after_s if isinstance(error, SourceUnavailable) else None
    if asked_s is None:
        return ""
    limit = f", the wait is limited to {LONGEST_ASKED_S:.0f} s" if asked_s > LONGEST_ASKED_S else ""
    return f" (Retry-After: {asked_s:.0f} s{limit})"


def _resting(pause: Pause, condition: Condition) -> Pause:
    def rest(seconds: float) -> bool:
        condition.resting(seconds)
        return bool(pause(seconds))

    return rest
