"""How much history there is: hours that exist are counted, not the time from the oldest to the newest."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from dayahead.errors import NotEnoughHistoryError
from dayahead.hours import from_hour
from dayahead.storage.tables.model_release import ReleaseRecord
from dayahead.storage.tables.source import remove_source
from dayahead.storage.tables.tuning_run import Outcome, TuningRun
from tests.trainer.filling import fill, read_sample
from trainer.schedule import Waiting, missing_history, next_training
from trainer.settings import load_training_settings
from trainer.training_set import HistoryLength, longest_history, read_training_set

pytestmark = pytest.mark.servers

SETTINGS = load_training_settings(None, [], {})
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LONE_ROW = """
    INSERT INTO observation (series_key, valid_time, value, available_at)
    SELECT min(series_key), %(hour)s, 1.0, %(hour)s FROM series
"""


@pytest.mark.parametrize("days_before", [300, 19_000])
def test_a_lone_row_long_before_the_others_is_no_growth(database_url: str, days_before: int) -> None:
    sample = read_sample()
    fill(database_url, sample.part(0, 600, every=20))
    first, until = from_hour(sample.start), from_hour(sample.start + 600)
    champion = ReleaseRecord("r-1", NOW, first, until, "abc", {}, {}, 1)
    trained = TuningRun(1, NOW, NOW, "start", "because", "r-1", True, Outcome.PROMOTED, {})
    with psycopg.connect(database_url) as connection:
        connection.execute(LONE_ROW, {"hour": first - timedelta(days=days_before)})
        history = longest_history(connection, SETTINGS, champion)
    assert history == HistoryLength(sample.source.name, 601 if days_before < SETTINGS.history_days else 600, 600)
    assert isinstance(next_training(champion, [trained], history, SETTINGS, NOW), Waiting)


def test_two_rows_that_are_a_year_apart_are_no_history(database_url: str) -> None:
    sample = read_sample()
    fill(database_url, sample.part(0, 1, every=40))
    with psycopg.connect(database_url) as connection:
        connection.execute(LONE_ROW, {"hour": from_hour(sample.start) - timedelta(days=365)})
        history = longest_history(connection, SETTINGS)
    assert "has 2 of" in (missing_history(history, SETTINGS) or "")


def test_the_hours_of_a_removed_source_are_no_history_and_nothing_is_learnt_from_them(database_url: str) -> None:
    sample = read_sample()
    fill(database_url, sample.part(0, 600, every=20))
    with psycopg.connect(database_url) as connection:
        assert longest_history(connection, SETTINGS).hours == 600
        remove_source(connection, sample.source.name)
        assert longest_history(connection, SETTINGS).hours == 0
        with pytest.raises(NotEnoughHistoryError):
            read_training_set(connection, SETTINGS)
