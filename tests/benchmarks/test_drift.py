"""The drift benchmark finds what was changed, and nothing where nothing was."""

import numpy as np
import pytest

from benchmarks import drift
from dayahead.drift.days import DAY_H
from dayahead.features.calendar import Calendar
from dayahead.models.history import History
from dayahead.models.serving.forecaster import Forecaster
from tests.stream.drift.test_detecting import START, hourly

DAYS = 90


@pytest.fixture(name="part")
def _part() -> drift.Part:
    values = np.array([hourly(seed, DAYS) for seed in range(2)])
    history = History(("A", "B"), START, values, (Calendar("UTC", "US"),))
    return drift.Part("made up", history, START, START + DAYS * DAY_H)


def test_quiet_data_give_no_alarm_and_a_lasting_change_is_found(part: drift.Part) -> None:
    judge = drift._Judge(part, None)
    assert set(drift._false_alarms(judge).values()) == {0.0}
    found = drift._found(judge, drift.CHANGES["level x3"], cases=6)
    assert found["within_4_days"] == 1.0
    assert found["first_by"] == {"page-hinkley:level": 6}


def test_nothing_is_found_where_the_change_changes_nothing(part: drift.Part) -> None:
    found = drift._found(drift._Judge(part, None), lambda hours, _: hours[:-DAY_H], cases=6)
    assert (found["within_8_days"], found["median_days"]) == (0.0, None)


def test_errors_are_those_of_the_forecasts_at_every_origin(part: drift.Part) -> None:
    judge = drift._Judge(part, Forecaster(None))
    begun = START + 70 * DAY_H
    end = begun + 8 * DAY_H
    after = part.history.values[0, begun - START : end - START] * 1.0
    after[::2] *= 1.5
    after[1::2] *= 0.5
    assert "page-hinkley:error" in {detector for _, detector in judge.changed(0, begun, end, after)}


def test_every_quiet_day_is_judged(part: drift.Part) -> None:
    """A change in the middle of a long stretch is an alarm of it, not only one of its last four weeks."""
    part.history.values[0, 52 * DAY_H :] *= 3
    alarms = drift._Judge(part, None).events(0, START + 50 * DAY_H, START + 90 * DAY_H)
    assert alarms[0] == (START + 54 * DAY_H, "page-hinkley:level")
