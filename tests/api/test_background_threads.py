"""The threads of the API go on after an error that their code does not foresee."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from api.feed import ForecastFeed
from api.staleness import StalenessJudge
from tests.api.fakes import NOW
from tests.waiting import wait_until


def test_the_reader_of_forecasts_goes_on_after_an_error_that_is_not_kafka_s(monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[int] = []

    def fail(*_: object) -> None:
        tries.append(1)
        raise TypeError("not foreseen")

    monkeypatch.setattr(ForecastFeed, "_end", fail)
    feed = ForecastFeed("127.0.0.1:1", "", 0, answer_s=0.05, retry_s=0.01)
    feed.start()
    wait_until(lambda: len(tries) > 2, 10, "the reader to try again")
    feed.close()


def test_the_judge_of_staleness_goes_on_after_an_error_that_is_not_the_database_s(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tries: list[int] = []

    class Broken:
        @contextmanager
        def connection(self) -> Iterator[psycopg.Connection]:
            tries.append(1)
            raise TypeError("not foreseen")
            yield

    monkeypatch.setattr("api.staleness.REST_S", 0.01)
    monkeypatch.setattr("api.staleness.REFRESH_S", 0.02)
    with StalenessJudge(Broken(), lambda: NOW, 1.0):
        wait_until(lambda: len(tries) > 2, 10, "the judge to look again")
