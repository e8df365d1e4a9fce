"""Polls a weather source and publishes what is new into every partition of `observations`: Kafka first, state second.

After a crash anywhere a run may be published twice; a worker that has it drops the second one. It reaches every
partition, since a worker knows the weather only from the log of its own partitions.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import psycopg
import structlog

from dayahead.errors import BrokerUnavailable, SourceRefused, SourceUnavailable, Stopped, StorageError
from dayahead.hours import HOUR_S, Clock, Hour, format_utc, from_hour, to_hour
from dayahead.publisher import Publisher
from dayahead.retry import LONGEST_S, Backoff, Pause
from dayahead.storage.tables.weather_poll import (
    WeatherPoll,
    read_weather_poll,
    record_weather_failure,
    record_weather_poll,
)
from dayahead.storage.tables.weather_source import register_weather_source
from dayahead.tracing import spans
from dayahead.tracing.spans import Kind
from dayahead.weather.message import weather_bytes
from dayahead.weather.publication import Variables
from dayahead.weather.schedule import DAY_H
from dayahead.weather.source import WeatherSource
from dayahead.weather.values import WeatherKind
from dayahead.weather.weather_kind import WeatherReader
from ingest import metrics
from ingest.condition import Condition
from ingest.poller import JITTER, Connect, asked_for

log = structlog.get_logger()

AT_ONCE = 100
"""Publications that are acknowledged before the next ones are sent: a first poll has hundreds."""


@dataclass(frozen=True)
class WeatherPollResult:
    """The result of one poll.

    Attributes:
        publications: published into every partition: a run, or observed hours, of one location each.
        newest: start of the newest run, or the newest observed hour, that was ever published; None before the first.
        missed_runs: runs that were due and were not published.
    """

    publications: int
    newest: Hour | None
    missed_runs: int


class WeatherPoller:
    """Polls one weather source until it is stopped."""

    def __init__(
        self,
        *,
        source: WeatherSource,
        reader: WeatherReader,
        publisher: Publisher,
        connect: Connect,
        clock: Clock,
        pause: Pause,
        condition: Condition,
        draw: Callable[[], float] = random.random,
    ) -> None:
        """Describe a poller; nothing is connected yet.

        Args:
            source: what is polled.
            reader: reads it.
            publisher: sends to Kafka; this poller's own.
            connect: opens TimescaleDB.
            clock: the present moment.
            pause: waits between polls; returns early on a stop signal.
            condition: records the outcome of each poll.
            draw: a number from 0 to 1, for the jitter.
        """
        self._source, self._reader, self._publisher = source, reader, publisher
        self._connect, self._clock, self._pause, self._draw = connect, clock, pause, draw
        self._condition = condition
        self._backoff = Backoff(longest_s=min(LONGEST_S, 3 * source.poll_interval_s), draw=draw)
        self._connection: psycopg.Connection | None = None
        self._unsent: Sequence[Variables] = ()
        self._newest: Hour | None = None
        metrics.WEATHER_FAILING_SINCE.labels(source.name).set(0)

    @property
    def name(self) -> str:
        """Name of the weather source."""
        return self._source.name

    def run(self) -> None:
        """Poll until stopped. A failed poll is retried and no run is skipped."""
        try:
            while not self._rest(self._poll_and_judge()):
                pass
        except Stopped:
            pass
        finally:
            self.close()

    def close(self) -> None:
        """Close the connections."""
        self._drop_connection()
        self._publisher.close()

    def poll_once(self) -> WeatherPollResult:
        """Publish what is new, into every partition.

        Raises:
            SourceUnavailable: the source does not answer, or answers wrongly.
            SourceRefused: the source rejects the request.
            BrokerUnavailable: Kafka did not acknowledge; the same is published with the next poll.
            StorageError: TimescaleDB is unavailable or rejects a statement.
            Stopped: the process was asked to stop.
        """
        with spans.span("poll", {"dayahead.source": self._source.name}) as span:
            result = self._poll()
            span.note({"dayahead.publications": result.publications})
            return result

    def _poll(self) -> WeatherPollResult:
        name = self._source.name
        connection = self._connected()
        if not self._unsent:
            with spans.span("read source", kind=Kind.CLIENT):
                self._unsent = self._reader.news(self._newest, self._clock())
        published = 0
        while self._unsent:
            part = self._unsent[:AT_ONCE]
            self._publisher.publish_everywhere([weather_bytes(name, one) for one in part], name)
            self._newest = max(newest_of(part), self._newest if self._newest is not None else newest_of(part))
            self._unsent = self._unsent[AT_ONCE:]
            published += len(part)
            metrics.WEATHER_PUBLICATIONS.labels(name).inc(len(part))
            self._condition.resting(0)
        now = self._clock()
        record_weather_poll(connection, name, self._newest, self._missed(), now)
        self._measure()
        if published:
            log.info("weather_published", source=name, publications=published, newest=self._newest_text())
        return WeatherPollResult(published, self._newest, self._missed())

    def _poll_and_judge(self) -> float:
        """Poll once; returns the pause until the next poll, in seconds."""
        name = self._source.name
        try:
            result = self.poll_once()
        except (SourceUnavailable, SourceRefused) as error:
            return self._source_failed(error)
        except BrokerUnavailable as error:
            return self._failed("kafka", error, self._backoff.next_pause_s())
        except (StorageError, psycopg.Error) as error:
            self._drop_connection()
            return self._failed("database", error, self._backoff.next_pause_s())
        self._backoff.reset()
        metrics.WEATHER_FAILING_SINCE.labels(name).set(0)
        metrics.WEATHER_POLLS.labels(name, "published" if result.publications else "unchanged").inc()
        missed = f", {result.missed_runs} runs missed" if result.missed_runs else ""
        self._condition.succeeded(f"newest run {self._newest_text()}{missed}")
        return self._until_next_s()

    def _source_failed(self, error: SourceUnavailable | SourceRefused) -> float:
        name = self._source.name
        refused = isinstance(error, SourceRefused)
        metrics.RETRIES.labels(name, "refused" if refused else error.cause).inc()  # type: ignore[union-attr]
        pause_s = self._backoff.next_pause_s(None if refused else error.retry_after_s)  # type: ignore[union-attr]
        if refused:
            pause_s = max(self._source.poll_interval_s, pause_s)
        now = self._clock()
        if self._connection is not None:
            try:
                retry_at = now + timedelta(seconds=pause_s)
                record_weather_failure(self._connection, name, str(error), self._missed(), now, retry_at)
                since = read_weather_poll(self._connection, name).failing_since or now
                metrics.WEATHER_FAILING_SINCE.labels(name).set(since.timestamp())
            except psycopg.Error as unwritten:
                self._drop_connection()
                log.warning("weather_failure_not_recorded", source=name, error=str(unwritten))
        self._measure()
        return self._failed("source", error, pause_s)

    def _failed(self, outcome: str, error: Exception, pause_s: float) -> float:
        name = self._source.name
        metrics.WEATHER_POLLS.labels(name, f"{outcome}_failed").inc()
        log.warning("weather_poll_failed", source=name, what=outcome, error=str(error), pause_s=round(pause_s, 2))
        self._condition.failed(f"{error}{asked_for(error)}; next try in {pause_s:.0f} s")
        return pause_s

    def _until_next_s(self) -> float:
        """The usual pause; less where a run is due before."""
        usual_s = self._source.poll_interval_s * (1 + JITTER * self._draw())
        due_s = (self._source.schedule.next_due(self._clock()) - self._clock()).total_seconds()
        return min(usual_s, max(due_s, 1.0) + usual_s * JITTER * self._draw())

    def _missed(self) -> int:
        """Runs that were due and were not published; before the first one, those of the last day."""
        now = self._clock()
        return self._source.schedule.missed(to_hour(now) - DAY_H if self._newest is None else self._newest, now)

    def _measure(self) -> None:
        name = self._source.name
        metrics.WEATHER_NEWEST.labels(name).set(0 if self._newest is None else self._newest * HOUR_S)
        metrics.WEATHER_MISSED.labels(name).set(self._missed())

    def _newest_text(self) -> str:
        return "none yet" if self._newest is None else format_utc(from_hour(self._newest))

    def _rest(self, seconds: float) -> bool:
        self._condition.resting(seconds)
        return bool(self._pause(seconds))

    def _connected(self) -> psycopg.Connection:
        if self._connection is None or self._connection.closed:
            connection = self._connect()
            self._connection = connection
            register_weather_source(connection, self._source)
            known: WeatherPoll = read_weather_poll(connection, self._source.name)
            self._newest = known.newest if self._newest is None else max(self._newest, known.newest or self._newest)
            if known.failing_since is not None:
                metrics.WEATHER_FAILING_SINCE.labels(self._source.name).set(known.failing_since.timestamp())
        return self._connection

    def _drop_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def newest_of(publications: Sequence[Variables]) -> Hour:
    """The start of the newest run among publications, or their newest observed hour."""
    return max(one[0].start if one[0].kind is WeatherKind.RUN else one[0].end - 1 for one in publications)
