from collections.abc import Iterator
from datetime import datetime, timedelta

import psycopg
import pytest

from tests.trainer.filling import NOW, Sample, read_sample
from trainer.settings import TrainingSettings, load_training_settings

QUICK = [
    "fit.linear.penalties=[0.03]",
    "fit.linear.passes=1",
    "fit.linear.blocks=2",
    "fit.trees.trees=10",
    "fit.trees.rows=5000",
    "fit.bands.trees=5",
]
"""A fit that takes a second, for tests of everything around it."""


class FakeClock:
    """A clock that a test moves; it never stands still, since no two moments of a real one are the same."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now

    def pass_hours(self, hours: float) -> None:
        self.now += timedelta(hours=hours)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="session")
def whole_sample() -> Sample:
    """76 series, 823 hours."""
    return read_sample()


@pytest.fixture
def sample(whole_sample: Sample) -> Sample:
    """Every eighth series of the sample."""
    return whole_sample.part(0, whole_sample.hours, every=8)


@pytest.fixture
def quick() -> TrainingSettings:
    """The shipped settings with a small fit."""
    return load_training_settings(None, QUICK, {})


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _logs_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command run in-process must not bind the log to an output that ends with the test."""
    monkeypatch.setattr("dayahead.telemetry.configure_logging", lambda *_: None)
