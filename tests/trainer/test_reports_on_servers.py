"""Reports of drift and accuracy: really drawn by Evidently, from trainings and forecasts in TimescaleDB."""

import psycopg
import pytest
from prometheus_client import REGISTRY
from pydantic import SecretStr

from dayahead.hours import from_hour
from dayahead.storage.tables.model_report import ReportKind, load_page, load_report, reports_of_release
from tests.trainer.conftest import FakeClock
from tests.trainer.filling import Sample, fill, issue
from tests.trainer.report_rows import report_rows
from trainer.reports.making import MadeReport, Reporter
from trainer.reports.rows import ReportRows
from trainer.reports.task import ReportTask, rows_or_error
from trainer.reports.weekly import weekly_rows
from trainer.settings import ReportSettings, TrainingSettings
from trainer.train import Training

pytestmark = pytest.mark.servers


@pytest.fixture
def reporter(database_url: str, quick: TrainingSettings, clock: FakeClock) -> Reporter:
    return Reporter(SecretStr(database_url), quick.report, clock)


@pytest.fixture
def two_areas(whole_sample: Sample) -> Sample:
    """Twelve series, half of them of each area."""
    return whole_sample.part(0, whole_sample.hours, every=6)


@pytest.fixture
def release(database_url: str, clock: FakeClock) -> str:
    """A release in the database, without an artifact."""
    name = "r-0123456789ab"
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "INSERT INTO model_release (release, artifact, created_at, trained_from, trained_until, data_fingerprint,"
            " settings, metrics) VALUES (%s, '', %s, %s, %s, 'd', '{}', '{}')",
            [name, clock(), clock(), clock()],
        )
    return name


def report_of_training(
    connection: psycopg.Connection, quick: TrainingSettings, clock: FakeClock, reporter: Reporter
) -> MadeReport:
    result = Training(connection, quick, clock).run("test", "to be reported")
    assert result.report is not None
    made = reporter.make(result.report)
    assert made.failure is None
    return made


def test_a_training_says_that_the_area_has_drifted_whose_newest_weeks_are_threefold(
    connection: psycopg.Connection,
    database_url: str,
    two_areas: Sample,
    quick: TrainingSettings,
    clock: FakeClock,
    reporter: Reporter,
) -> None:
    held_out = round(two_areas.hours * quick.holdout.share)
    of_dk2 = [name.startswith("DK2/") for name in two_areas.series_ids]
    two_areas.values[of_dk2, -held_out:] *= 3
    fill(database_url, two_areas)
    made = report_of_training(connection, quick, clock, reporter)
    assert made.summary is not None
    assert made.summary.drifted_areas == ["DK2"]
    dk1, dk2 = made.summary.areas
    assert (dk1.area, dk2.area) == ("DK1", "DK2")
    assert dk1.target is not None
    assert dk2.target is not None
    assert not dk1.target.drifted
    assert dk2.target.distance > 2
    assert dk1.quality is not None
    assert dk2.quality is not None
    assert dk1.quality.wape is not None
    assert dk1.quality.wape < 0.15
    assert dk1.reference_quality is None  # the fit has seen those hours


def test_a_report_is_kept_with_its_release_and_says_no_drift_where_there_is_none(
    connection: psycopg.Connection,
    database_url: str,
    two_areas: Sample,
    quick: TrainingSettings,
    clock: FakeClock,
    reporter: Reporter,
) -> None:
    fill(database_url, two_areas)
    made = report_of_training(connection, quick, clock, reporter)
    assert made.summary is not None
    assert made.summary.drifted_areas == []
    assert made.report is not None
    record = load_report(connection, made.report)
    assert record.kind is ReportKind.TRAINING
    assert record.summary == made.summary.model_dump(mode="json")
    assert reports_of_release(connection, record.release, 5) == [record]
    page = load_page(connection, made.report)
    assert len(page.encode()) == record.page_bytes
    assert record.page_bytes < 6_000_000
    assert "By area: " in page


def test_a_report_that_takes_too_long_is_given_up_and_the_failure_is_stored(
    connection: psycopg.Connection, database_url: str, release: str, clock: FakeClock
) -> None:
    reporter = Reporter(SecretStr(database_url), ReportSettings(timeout_s=0.1), clock)
    failed = REGISTRY.get_sample_value("dayahead_reports_total", {"kind": "training", "outcome": "failed"}) or 0
    made = reporter.make(ReportTask(release, ReportKind.TRAINING, report_rows))
    assert (made.summary, made.failure) == (
        None,
        "it took more than report.timeout_s=0.1: raise that, or lower report.rows",
    )
    (record,) = reports_of_release(connection, release, 5)
    assert (record.failure, record.page_bytes) == (made.failure, 0)
    now = REGISTRY.get_sample_value("dayahead_reports_total", {"kind": "training", "outcome": "failed"})
    assert now == failed + 1


def test_a_process_that_needs_more_memory_than_it_may_have_fails_alone(
    database_url: str, release: str, clock: FakeClock
) -> None:
    reporter = Reporter(SecretStr(database_url), ReportSettings(memory_mb=64), clock)
    made = reporter.make(ReportTask(release, ReportKind.TRAINING, report_rows))
    assert made.summary is None
    assert made.failure is not None


def test_rows_that_cannot_be_read_fail_the_report_and_not_the_training(
    database_url: str, release: str, clock: FakeClock
) -> None:
    def read() -> ReportRows:
        raise ValueError("no such rows")

    reporter = Reporter(SecretStr(database_url), ReportSettings(), clock)
    made = reporter.make(ReportTask(release, ReportKind.TRAINING, rows_or_error(read)))
    assert made.failure == "ValueError: no such rows"


def test_a_report_of_the_last_week_compares_what_was_issued_and_observed(
    connection: psycopg.Connection, database_url: str, release: str, whole_sample: Sample, clock: FakeClock
) -> None:
    """Forecasts that are a tenth too high; those of the last week are of the release, the others of one before."""
    sample = whole_sample.part(0, whole_sample.hours, every=6)
    settings = ReportSettings(reference_days=14)
    since = sample.hours - 7 * 24
    sample.values[[name.startswith("DK2/") for name in sample.series_ids], since:] *= 3
    fill(database_url, sample)
    issue(database_url, sample, release, since)
    rows = weekly_rows(connection, release, settings, 1)
    made = Reporter(SecretStr(database_url), settings, clock).make(ReportTask(release, ReportKind.WEEKLY, lambda: rows))
    assert made.summary is not None, made.failure
    assert made.summary.drifted_areas == ["DK2"]
    assert made.summary.quality is not None
    assert made.summary.quality.wape == pytest.approx(0.1, abs=1e-3)
    assert made.summary.reference_quality is not None
    assert made.summary.reference_quality.wape == pytest.approx(0.1, abs=1e-3)
    assert made.summary.own_share == 1.0
    assert made.summary.current_until == from_hour(sample.start + sample.hours)
