"""Reports of drift and accuracy: really drawn by Evidently, from trainings and forecasts in TimescaleDB."""

import psycopg
import pytest
from pydantic import SecretStr

from dayahead.storage.tables.model_report import ReportKind, load_page, load_report, reports_of_release
from tests.trainer.conftest import FakeClock
from tests.trainer.filling import Sample, fill
from trainer.reports.making import MadeReport, Reporter
from trainer.settings import TrainingSettings
from trainer.train import Training

pytestmark = pytest.mark.servers


@pytest.fixture
def reporter(database_url: str, quick: TrainingSettings, clock: FakeClock) -> Reporter:
    return Reporter(SecretStr(database_url), quick.report, clock)


@pytest.fixture
def two_areas(whole_sample: Sample) -> Sample:
    """Twelve series, half of them of each area."""
    return whole_sample.part(0, whole_sample.hours, every=6)


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
