from datetime import UTC, datetime, timedelta

import pytest

from dayahead.storage.tables.model_report import ReportKind, ReportRecord
from trainer.reports.weekly import is_due
from trainer.settings import ReportSettings

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def made(before: timedelta, failure: str | None = None) -> ReportRecord:
    return ReportRecord(1, "r", ReportKind.WEEKLY, None, NOW - before, None, 0, failure)


@pytest.mark.parametrize(
    ("newest", "since", "due"),
    [
        (None, None, False),
        (None, NOW - 6 * DAY, False),
        (None, NOW - 7 * DAY, True),
        (made(6 * DAY), NOW - 90 * DAY, False),
        (made(7 * DAY), NOW - 90 * DAY, True),
        (made(timedelta(hours=5), "failed"), NOW - 90 * DAY, False),
        (made(timedelta(hours=6), "failed"), NOW - 90 * DAY, True),
    ],
)
def test_a_weekly_report_is_due_a_week_after_the_last_and_sooner_after_a_failure(
    newest: ReportRecord | None, since: datetime | None, due: bool
) -> None:
    assert is_due(newest, since, ReportSettings(), NOW) is due


def test_no_weekly_report_is_due_where_none_is_wanted() -> None:
    assert not is_due(None, NOW - 90 * DAY, ReportSettings(every_days=0), NOW)
    assert not is_due(None, NOW - 90 * DAY, ReportSettings(make=False), NOW)
