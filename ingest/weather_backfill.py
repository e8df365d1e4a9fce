"""Writes archived weather to TimescaleDB, chunk by chunk; what forecasts still need goes through the log as well.

A training reads `weather_run`. A worker knows the weather only from the log of its partitions, so the runs whose hours
are in the windows of today's forecasts are published like those of the poller, and workers store them.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from threading import Event

import psycopg
import structlog
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from dayahead.errors import SettingsError, SourceUnavailable
from dayahead.hours import Clock, Hour, format_utc, from_hour, to_hour, wall_clock
from dayahead.publisher import Publisher, kafka_producer
from dayahead.retry import Backoff, Pause, retry
from dayahead.storage.database import connect
from dayahead.storage.tables.weather_backfill import read_weather_progress, write_weather_progress
from dayahead.storage.tables.weather_run import WeatherRun, write_runs
from dayahead.storage.tables.weather_source import register_weather_source
from dayahead.weather.message import weather_bytes
from dayahead.weather.publication import Variables
from dayahead.weather.source import WeatherSource
from dayahead.weather.weather_kind import WeatherReader
from ingest import metrics
from ingest.running import make_budgets
from ingest.settings import IngestSettings
from ingest.weather_running import make_weather_reader

log = structlog.get_logger()

ATTEMPTS = 8


@dataclass(frozen=True)
class WeatherBackfillReport:
    """The result of a backfill.

    Attributes:
        resumed_at: hour at which an interrupted backfill resumed; None for a new one.
        written: publications written to TimescaleDB.
        published: publications sent to every partition, which workers write.
        missing: runs of the schedule, of all locations, that the archive does not have.
    """

    resumed_at: Hour | None
    written: int
    published: int
    missing: int


class WeatherBackfiller:
    """Writes one range of one weather source."""

    def __init__(
        self,
        *,
        source: WeatherSource,
        reader: WeatherReader,
        publisher: Publisher,
        connection: psycopg.Connection,
        clock: Clock,
        pause: Pause,
        attempts: int = ATTEMPTS,
    ) -> None:
        """Prepare.

        Args:
            source: what is read.
            reader: reads it.
            publisher: sends to Kafka.
            connection: to TimescaleDB, each statement committed.
            clock: the present moment.
            pause: waits between attempts.
            attempts: failures of one chunk after which to give up.
        """
        self._source, self._reader, self._publisher = source, reader, publisher
        self._connection, self._clock, self._pause, self._attempts = connection, clock, pause, attempts

    def run(
        self, start: Hour, end: Hour, *, resume: bool = False, progress: Progress | None = None
    ) -> WeatherBackfillReport:
        """Write the runs that start from `start` to before `end`.

        Args:
            start: first hour.
            end: hour after the last.
            resume: continue an interrupted backfill of the same range.
            progress: shows how far it is.

        Raises:
            SourceUnavailable: the source stayed unavailable; `resume` continues from the last chunk.
            SourceRefused: the source rejects the request.
            BrokerUnavailable: Kafka did not acknowledge; `resume` continues from the last chunk.
        """
        name = self._source.name
        register_weather_source(self._connection, self._source)
        resumed_at = read_weather_progress(self._connection, name, start, end) if resume else None
        position = start if resumed_at is None else resumed_at
        task: TaskID | None = None
        if progress is not None:
            task = progress.add_task(f"{name}, hours", total=end - start, completed=position - start)
        written = published = missing = 0
        while position < end:
            until = min(end, position + self._reader.chunk_h)
            found = self._read(position, until)
            old, recent = self._split(found)
            with self._connection.transaction(), self._connection.cursor() as cursor:
                write_runs(cursor, [WeatherRun(name, one) for each in old for one in each], self._clock())
            self._publisher.publish_everywhere([weather_bytes(name, each) for each in recent], name)
            written, published = written + len(old), published + len(recent)
            expected = len(self._source.schedule.starts(position, until)) * len(self._source.locations)
            starts = {(each[0].start, each[0].location) for each in found}
            missing += max(0, expected - len(starts))
            position = until
            write_weather_progress(self._connection, name, start, end, position, self._clock())
            if progress is not None and task is not None:
                progress.update(task, completed=position - start)
        return WeatherBackfillReport(resumed_at, written, published, missing)

    def _read(self, first: Hour, end: Hour) -> Sequence[Variables]:
        def on_failure(error: SourceUnavailable, pause_s: float) -> None:
            metrics.RETRIES.labels(self._source.name, error.cause).inc()
            log.warning("source_retry", source=self._source.name, error=str(error), pause_s=round(pause_s, 2))

        return retry(
            lambda: self._reader.archive(first, end),
            (SourceUnavailable,),
            backoff=Backoff(),
            pause=self._pause,
            on_failure=on_failure,
            attempts=self._attempts,
        )

    def _split(self, found: Sequence[Variables]) -> tuple[list[Variables], list[Variables]]:
        """Publications that no window needs any more, and those that one does."""
        edge = to_hour(self._clock()) - self._source.history_h
        return [one for one in found if one[0].end <= edge], [one for one in found if one[0].end > edge]


def run_weather_backfill(source: WeatherSource, start: Hour, end: Hour, resume: bool, settings: IngestSettings) -> str:
    """Write archived runs of a weather source; returns the result as a sentence.

    Args:
        source: what is read.
        start: first hour.
        end: hour after the last.
        resume: continue an interrupted backfill of the same range.
        settings: of the process.

    Raises:
        SettingsError: the range is empty, or older than the archive.
        DayaheadError: the source or a server stayed unavailable.
    """
    if end <= start:
        raise SettingsError(
            f"--to {format_utc(from_hour(end))} is not after --from {format_utc(from_hour(start))}: "
            "--to is the hour after the last"
        )
    first_day = source.history_start
    if first_day is not None and from_hour(start).date() < first_day:
        raise SettingsError(
            f"weather source {source.name} has archived runs from {first_day} on (history_start), and --from is "
            f"{format_utc(from_hour(start))}: begin later"
        )
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with ExitStack() as resources, Progress(*columns, console=Console(stderr=True)) as progress:
        pause = Event().wait
        reader = make_weather_reader(source, settings, pause, resources, make_budgets(settings))
        publisher = resources.enter_context(
            Publisher(lambda: kafka_producer(settings.kafka_bootstrap), settings.topic_prefix)
        )
        connection = resources.enter_context(connect(settings.database_url, autocommit=True))
        backfiller = WeatherBackfiller(
            source=source, reader=reader, publisher=publisher, connection=connection, clock=wall_clock, pause=pause
        )
        report = backfiller.run(start, end, resume=resume, progress=progress)
    return sentence(source, report)


def sentence(source: WeatherSource, report: WeatherBackfillReport) -> str:
    """The result of a backfill as a sentence."""
    resumed = "" if report.resumed_at is None else f", resumed at {format_utc(from_hour(report.resumed_at))}"
    missing = f", {report.missing:,} are not in the archive" if report.missing else ""
    return (
        f"{source.name}: {report.written:,} publications written for trainings, {report.published:,} more sent to the "
        f"workers{resumed}{missing}"
    )
