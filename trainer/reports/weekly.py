"""The weekly report: when it is due, and its rows: what was observed and forecast lately against the weeks before."""

from datetime import datetime, timedelta

import psycopg

from dayahead.errors import ReportError
from dayahead.horizon import DAY_LEADS
from dayahead.hours import to_hour
from dayahead.storage.report_sample import SampleWindow, read_sample
from dayahead.storage.tables.model_report import ReportRecord
from dayahead.storage.tables.score import newest_scored_origins
from trainer.reports.rows import ReportRows
from trainer.settings import ReportSettings

RETRY_AFTER = timedelta(hours=6)
"""A weekly report that could not be made is tried again after this time."""


def is_due(newest: ReportRecord | None, since: datetime | None, settings: ReportSettings, now: datetime) -> bool:
    """Whether a weekly report is due.

    Args:
        newest: the newest weekly report, also one that failed; None without one.
        since: when a release was promoted first; None before.
        settings: days between two reports.
        now: the present moment.
    """
    if not settings.make or not settings.every_days or since is None:
        return False
    every = timedelta(days=settings.every_days)
    if newest is None:
        return now >= since + every
    return now >= newest.made_at + (min(every, RETRY_AFTER) if newest.failure else every)


def weekly_rows(connection: psycopg.Connection, release: str, settings: ReportSettings, seed: int) -> ReportRows:
    """Sample the forecasts of the last days and of the weeks before, up to the newest one whose day was observed.

    Args:
        connection: an open connection.
        release: that serves.
        settings: days of service, length of the reference, number of rows.
        seed: of the sample.

    Raises:
        ReportError: no forecast has been scored yet.
    """
    newest = max(newest_scored_origins(connection).values(), default=None)
    if newest is None:
        raise ReportError("no forecast has a score yet: a day after the first one, the report has something to say")
    until = newest + timedelta(hours=1 + DAY_LEADS)
    since = until - timedelta(days=settings.every_days)
    window = SampleWindow(since - timedelta(days=settings.reference_days), since, until)
    found = read_sample(connection, window, settings.rows, seed)
    return ReportRows.scaled(
        (to_hour(window.reference_from), to_hour(window.current_from), to_hour(window.current_until)),
        found.area,
        found.is_current,
        found.features,
        found.actual,
        found.forecast,
        found.level,
        found.release == release,
    )
