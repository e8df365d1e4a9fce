"""Backtests on a real TimescaleDB: what a forecast may see is decided by when it was published."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import numpy as np
import psycopg
import pytest
from pydantic import SecretStr

from dayahead.errors import NotEnoughHistoryError, SettingsError
from dayahead.hours import from_hour, to_microseconds
from dayahead.storage.tables.limit_rejection import LimitRejection, write_rejections
from dayahead.storage.tables.series import load_series
from tests.trainer.backtest.conftest import FIRST_H, Run
from tests.trainer.backtest.same import differences
from tests.trainer.conftest import QUICK
from tests.trainer.filling import NOW, Sample, fill
from trainer.backtest.cluster import local_cluster
from trainer.backtest.fitting import do_fit, fit_before
from trainer.backtest.plan import Plan
from trainer.backtest.published import DatabaseReader
from trainer.backtest.reader import FileReader
from trainer.backtest.walk import Walk
from trainer.settings import TrainingSettings

pytestmark = pytest.mark.servers

HOUR = timedelta(hours=1)


@pytest.fixture
def five(whole_sample: Sample) -> Sample:
    """Five series of the sample."""
    return whole_sample.part(0, whole_sample.hours, every=16)


class Database:
    """Observations that a test dates as it likes."""

    def __init__(self, url: str, sample: Sample) -> None:
        self.url, self.sample = url, sample
        fill(url, sample)

    @contextmanager
    def _connection(self) -> Iterator[psycopg.Connection]:
        with psycopg.connect(self.url) as connection:
            yield connection

    def publish_again(self, series: int, column: int, value: float, at: datetime) -> None:
        """A revision: what was there before goes to the versions that are not current."""
        where = {"name": self.sample.series_ids[series], "hour": from_hour(self.sample.start + column)}
        with self._connection() as connection:
            connection.execute(
                """
                INSERT INTO observation_revision (series_key, valid_time, available_at, value, recorded_at)
                SELECT series_key, valid_time, available_at, value, now()
                FROM observation JOIN series USING (series_key)
                WHERE series_id = %(name)s AND valid_time = %(hour)s
                """,
                where,
            )
            connection.execute(
                """
                UPDATE observation SET value = %(value)s, available_at = %(at)s FROM series
                WHERE series.series_key = observation.series_key AND series_id = %(name)s AND valid_time = %(hour)s
                """,
                where | {"value": value, "at": at},
            )

    def publish_late(self, series: int, column: int, at: datetime) -> None:
        """The hour came only then."""
        with self._connection() as connection:
            connection.execute(
                """
                UPDATE observation SET available_at = %(at)s FROM series
                WHERE series.series_key = observation.series_key AND series_id = %(name)s AND valid_time = %(hour)s
                """,
                {"name": self.sample.series_ids[series], "hour": from_hour(self.sample.start + column), "at": at},
            )

    def forget(self, series: int, column: int) -> None:
        """The hour never came."""
        with self._connection() as connection:
            connection.execute(
                """
                DELETE FROM observation USING series
                WHERE series.series_key = observation.series_key AND series_id = %(name)s AND valid_time = %(hour)s
                """,
                {"name": self.sample.series_ids[series], "hour": from_hour(self.sample.start + column)},
            )

    def lose(self, series: int, hours: int, value: float) -> str:
        """The newest hours never came: the worker rejected their values. Returns the series."""
        columns = range(self.sample.hours - hours, self.sample.hours)
        for column in columns:
            self.forget(series, column)
        with self._connection() as connection:
            (one,) = load_series(connection, [self.sample.series_ids[series]])
            late = to_microseconds(NOW)
            write_rejections(
                connection,
                [LimitRejection(one.series_key, self.sample.start + column, value, late) for column in columns],
            )
        return one.series_id

    def reader(self, settings: TrainingSettings, known_at: datetime = NOW, first_h: int = FIRST_H) -> DatabaseReader:
        return DatabaseReader(SecretStr(self.url), settings, self.sample.start + first_h, known_at)


@pytest.fixture
def held(database_url: str, five: Sample) -> Database:
    return Database(database_url, five)


def published(sample: Sample, column: int) -> datetime:
    """When an hour of the sample was published first."""
    return from_hour(sample.start + column) + HOUR


def test_a_revision_after_the_origin_is_not_seen_and_judges(
    held: Database, five: Sample, quickly: TrainingSettings
) -> None:
    column = FIRST_H - 3
    held.publish_again(0, column, 99.0, published(five, FIRST_H + 4))
    reader = held.reader(quickly)
    assert reader.at(five.start + FIRST_H).read()[0, -4] == five.values[0, column]
    assert reader.at(five.start + FIRST_H + 3).read()[0, -7] == five.values[0, column]
    assert reader.at(five.start + FIRST_H + 4).read()[0, -8] == 99.0
    assert reader.known.observed.values[0, five.start + column - reader.known.observed.start] == 99.0


def test_an_hour_that_came_after_the_origins_own_was_missing_then(
    held: Database, five: Sample, quickly: TrainingSettings
) -> None:
    held.publish_late(1, FIRST_H - 2, published(five, FIRST_H) + HOUR)
    window = held.reader(quickly).at(five.start + FIRST_H).read()
    assert np.isnan(window[1, -3])
    assert np.isfinite(window[0, -100:]).all()
    assert np.isfinite(held.reader(quickly).at(five.start + FIRST_H + 1).read()[1, -100:]).all()


def test_each_series_sees_what_was_there_when_its_own_hour_came(
    held: Database, five: Sample, quickly: TrainingSettings
) -> None:
    """Two series were corrected at one moment; the one whose hour came later was forecast with the correction."""
    corrected_at = published(five, FIRST_H) + HOUR / 2
    for series in (0, 1):
        held.publish_again(series, FIRST_H - 1, 99.0, corrected_at)
    held.publish_late(1, FIRST_H, corrected_at)
    window = held.reader(quickly).at(five.start + FIRST_H).read()
    assert window[0, -2] == five.values[0, FIRST_H - 1]
    assert window[1, -2] == 99.0


def test_a_series_whose_hour_never_came_is_forecast_when_it_was_due(
    held: Database, five: Sample, quickly: TrainingSettings
) -> None:
    held.forget(2, FIRST_H)
    window = held.reader(quickly).at(five.start + FIRST_H).read()
    assert np.isnan(window[2, -1])
    assert window[2, -2] == five.values[2, FIRST_H - 1]


def test_nothing_is_learnt_from_what_was_published_after_the_first_origin(
    held: Database, five: Sample, quickly: TrainingSettings
) -> None:
    first = five.start + FIRST_H
    before = do_fit(fit_before(held.reader(quickly), first, quickly)).release
    assert before.trained_until == first
    for column in range(300, 400):
        held.publish_again(0, column, 5.0, published(five, FIRST_H) + HOUR)
    assert do_fit(fit_before(held.reader(quickly), first, quickly)).release.release_id == before.release_id
    assert (
        do_fit(fit_before(held.reader(quickly), first + 24, quickly)).release.data_fingerprint
        != before.data_fingerprint
    )


def test_hours_that_came_when_they_were_due_give_what_a_file_gives(
    held: Database, five: Sample, quickly: TrainingSettings
) -> None:
    from_database = held.reader(quickly)
    plan = Plan(five.start + FIRST_H, five.start + FIRST_H + 72, 12, refit_h=36)
    observed = from_database.known.observed
    assert np.array_equal(observed.values, five.values[:, observed.start - five.start :])
    from_file = FileReader(from_database.known, "file", five.source, quickly.quarantine)
    assert (
        differences(Walk(from_database, plan, quickly).run().result, Walk(from_file, plan, quickly).run().result) == []
    )


def test_windows_that_other_processes_read_give_what_this_one_reads(
    held: Database, five: Sample, quickly: TrainingSettings
) -> None:
    held.publish_again(0, FIRST_H + 5, 99.0, published(five, FIRST_H + 20))
    plan = Plan(five.start + FIRST_H, five.start + FIRST_H + 72, 12)
    reader = held.reader(quickly)
    with local_cluster(2) as mapped:
        there = Walk(reader, plan, quickly, mapped=mapped).run()
    assert differences(there.result, Walk(reader, plan, quickly).run().result) == []


def test_a_database_without_hours_is_an_error(database_url: str, five: Sample, quickly: TrainingSettings) -> None:
    with pytest.raises(NotEnoughHistoryError, match="needs 1 hours"):
        DatabaseReader(SecretStr(database_url), quickly, five.start, NOW)


def test_a_backtest_of_the_database_resumes(
    held: Database, five: Sample, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAYAHEAD_DATABASE_URL", held.url)
    quick = [option for override in QUICK for option in ("--set", override)]
    command = ["--from", "2023-01-18", "--every", "24h", *quick, "--out", "out"]
    losing = held.lose(2, hours=30, value=9e9)
    output = run(*command, "--to", "2023-01-20").output
    assert re.search(rf"Warning: {losing} loses \d+\.\d% of its values \(30 of 168\).*up to 9e\+09 kWh", output), output
    assert "1 series are judged without the values that the limits of the source reject" in output
    assert "5 series" in output
    assert "WAPE" in output

    # published after the start of the run: the resumed run still uses the data known then
    held.publish_again(0, FIRST_H + 90, 1.0, datetime.now(NOW.tzinfo) + timedelta(days=1))
    assert "2 of 6 windows are reused from an earlier run" in run(*command).output

    # dated back to before it was begun: what the finished windows were judged by is no more
    held.publish_again(1, FIRST_H + 90, 1.0, published(five, FIRST_H + 100))
    with pytest.raises(SettingsError, match="the data have changed"):
        run(*command)
