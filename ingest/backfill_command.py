"""`dayahead backfill` with its progress bar."""

import threading
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from dayahead.errors import SettingsError
from dayahead.hours import Hour, format_utc, from_hour, wall_clock
from dayahead.publisher import Publisher, kafka_producer
from dayahead.reading.kinds.file import FileSource
from dayahead.source import Source
from dayahead.storage.database import connect
from ingest.backfill import Backfiller, BackfillReport
from ingest.running import make_budgets, make_reader, patient
from ingest.settings import IngestSettings

ATTEMPTS = 8


def run_backfill(
    source: Source, data: Path | None, start: Hour, end: Hour, resume: bool, settings: IngestSettings
) -> BackfillReport:
    """Publish the history of a source and print the result.

    Args:
        source: what is read.
        data: file to read instead of the API.
        start: first hour.
        end: hour after the last.
        resume: continue an interrupted backfill of the same range.
        settings: of the process.

    Raises:
        SettingsError: the range is empty, or the source is a reference forecast.
        DayaheadError: the source or a server stayed unavailable.
    """
    if source.forecast_of is not None:
        raise SettingsError(
            f"source {source.name} is a reference forecast: it is not backfilled, since when a past value was known is "
            "not; `dayahead ingest` reads the last history_h hours at its first poll"
        )
    if end <= start:
        raise SettingsError(
            f"--to {format_utc(from_hour(end))} is not after --from {format_utc(from_hour(start))}: "
            "--to is the hour after the last"
        )
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with ExitStack() as resources, Progress(*columns, console=console) as progress:
        pause = threading.Event().wait
        reader = (
            FileSource(source, data)
            if data
            else make_reader(source, settings, pause, resources, make_budgets(settings))
        )
        publisher = resources.enter_context(
            Publisher(lambda: kafka_producer(settings.kafka_bootstrap), settings.topic_prefix)
        )
        connection = resources.enter_context(connect(settings.database_url, autocommit=True))
        backfiller = Backfiller(
            source=source,
            reader=patient(reader, source, pause, attempts=ATTEMPTS),
            publisher=publisher,
            connection=connection,
            clock=wall_clock,
        )
        task = progress.add_task(f"{source.name}, hours", total=end - start)

        def show(hour: Hour, rows: int) -> None:
            progress.update(task, completed=hour - start, description=f"{source.name}, {rows:,} rows; hours")

        report = backfiller.run(start, end, resume=resume, on_progress=show)
    Console(soft_wrap=True).print(sentence(source, report), highlight=False)
    return report


def sentence(source: Source, report: BackfillReport) -> str:
    """The result of a backfill as a sentence."""
    incomplete = f", {report.incomplete:,} hours left out that lack a part" if report.incomplete else ""
    if report.newest is None:
        return f"{source.name}: nothing published, {report.rejections} dead letters{incomplete}"
    resumed = "" if report.resumed_at is None else f", resumed at {format_utc(from_hour(report.resumed_at))}"
    onward = "the poller continues from there" if report.cursor_moved else "the poller's cursor is unchanged"
    return (
        f"{source.name}: {report.rows:,} rows of {report.series} series published{resumed}, {report.rejections} dead "
        f"letters{incomplete}, newest hour {format_utc(from_hour(report.newest))}; {onward}"
    )
