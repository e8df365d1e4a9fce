"""Reads the newest hours of a source once, without Kafka and TimescaleDB: the dry run of `dayahead ingest`."""

from datetime import datetime, timedelta

from dayahead.errors import SourceError
from dayahead.hours import Hour, format_utc, from_hour, to_hour
from dayahead.reading.kinds.file import FileSource
from dayahead.reading.reader import Reader
from dayahead.source import Source
from ingest.inspection.reading import ReadResult, read_result
from ingest.inspection.shown import Say, show_result

NOTHING = 1
"""Exit code where no hour could be read."""

DAYS_OF_SILENCE = 14
"""Days after which a source that is late counts as one that has ended."""

NEWEST_H = 48
"""Hours before now that are read, if the publication takes no longer."""


def check_source(source: Source, reader: Reader, now: datetime, say: Say, *, is_live: bool = True) -> int:
    """Read the newest hours of a source and show what came of them.

    Args:
        source: what is checked.
        reader: its own reader, or that of a file; a file is read as a whole.
        now: the present moment.
        say: prints a line.
        is_live: whether the newest hour says how late the source publishes.

    Returns:
        The exit code: 0, or 1 if no hour could be read.
    """
    before = source.publication_lag + timedelta(hours=max(NEWEST_H, source.publication_interval_h))
    start = 0 if isinstance(reader, FileSource) else to_hour(now - before)
    try:
        answer = reader.read(start, None)
        result = read_result(answer, answer.source or source, now)
    except SourceError as error:
        say(f"{source.name}: {error}")
        return NOTHING
    show_result(result, source, say)
    if result.last is None:
        say(f"{source.name}: no hour can be read; {_why(result)}")
        return NOTHING
    if answer.cut_at is not None:
        say(f"one request gave only the hours before {format_utc(from_hour(answer.cut_at))}")
    elif is_live:
        say(_lag(source, result.last, now) if source.forecast_of is None else _reach(result.last, now))
    return 0


def _why(result: ReadResult) -> str:
    if result.rejected:
        return "every record is rejected: see above"
    if result.conversion.incomplete_hours:
        return "every hour is incomplete: check period_minutes"
    return "the publisher has no record of these hours: check filters, and publication_lag_h against what is published"


def _reach(newest: Hour, now: datetime) -> str:
    """How far a reference forecasts."""
    ahead_h = (from_hour(newest) - now).total_seconds() / 3600
    if ahead_h < 0:
        return f"reach: the last hour started {-ahead_h:.1f} h ago, and a forecast has hours that lie ahead"
    return f"reach: the last hour that is forecast starts in {ahead_h:.1f} h"


def _lag(source: Source, newest: Hour, now: datetime) -> str:
    """The publication lag as seen, and as the source file states it."""
    seen_h = (now - from_hour(newest)).total_seconds() / 3600
    stated = (
        f"publication_lag_h is {source.publication_lag_h:g}, publication_interval_h {source.publication_interval_h:g}"
    )
    allowed_h = source.publication_lag_h + source.publication_interval_h
    if seen_h > allowed_h + 24 * DAYS_OF_SILENCE:
        advice = ": nothing newer was published"
    elif seen_h > allowed_h:
        advice = f": later than stated; if that is usual, set publication_lag_h: {seen_h:.1f}"
    elif seen_h < source.publication_lag_h - 1:
        advice = f": earlier than stated; if that is usual, set publication_lag_h: {seen_h:.1f}"
    else:
        advice = ", which fits"
    return f"lag: the newest hour started {seen_h:.1f} h ago; {stated}{advice}"
