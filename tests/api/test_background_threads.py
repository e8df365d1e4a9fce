"""The threads of the API continue after any error, and the metrics of repeated work count it."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from prometheus_client import REGISTRY

from api.feed import ForecastFeed
from api.staleness import StalenessJudge
from tests.api.fakes import NOW
from tests.waiting import wait_until


def rounds(task: str, outcome: str) -> float:
    return REGISTRY.get_sample_value("dayahead_task_rounds_total", {"task": task, "outcome": outcome}) or 0.0


def test_the_reader_of_forecasts_continues_after_an_error_that_is_not_from_kafka(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise TypeError("not foreseen")

    monkeypatch.setattr(ForecastFeed, "_end", fail)
    before = rounds("forecast_feed", "failed")
    with ForecastFeed("127.0.0.1:1", "", 0, answer_s=0.05, retry_s=0.01):
        wait_until(lambda: rounds("forecast_feed", "failed") > before + 2, 10, "the reader to try again")
        assert REGISTRY.get_sample_value("dayahead_task_alive", {"task": "forecast_feed"}) == 1


def test_the_reader_of_forecasts_counts_each_time_that_kafka_does_not_answer() -> None:
    before = rounds("forecast_feed", "failed")
    with ForecastFeed("127.0.0.1:1", "", 0, answer_s=0.05, retry_s=0.01) as feed:
        wait_until(lambda: feed.attempts > 2, 10, "the reader to try again")
    assert before < rounds("forecast_feed", "failed") <= before + feed.attempts


class Database:
    """Raises an error for each connection."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection]:
        raise self.error
        yield


@pytest.mark.parametrize("error", [TypeError("not foreseen"), psycopg.OperationalError("away")])
def test_the_staleness_judge_continues_after_any_error(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.staleness.REST_S", 0.01)
    before = rounds("staleness", "failed")
    with StalenessJudge(Database(error), lambda: NOW):
        wait_until(lambda: rounds("staleness", "failed") > before + 2, 10, "the judge to look again")
        assert REGISTRY.get_sample_value("dayahead_task_alive", {"task": "staleness"}) == 1
