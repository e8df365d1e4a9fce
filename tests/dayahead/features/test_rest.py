import numpy as np
import pytest
from numpy.typing import NDArray

from dayahead.features.state import describe
from dayahead.features.stuck import LONGEST_STUCK_H

HOURS = 912


def load() -> NDArray[np.float64]:
    return np.random.default_rng(3).uniform(5, 6, (1, HOURS))


def closed(values: NDArray[np.float64], first: int, hours: int = HOURS) -> NDArray[np.float64]:
    changed = values.copy()
    changed[:, first : first + hours] = 0
    return changed


def rests(values: NDArray[np.float64]) -> bool:
    return bool(describe(values, screened=True).scale[0] == 0)


def test_a_series_rests_once_its_zeros_last_longer_than_a_meter_is_stuck() -> None:
    # The first zero of a run is a measurement; the meter is stuck in the hours after it.
    assert not rests(closed(load(), HOURS - LONGEST_STUCK_H - 1))
    assert rests(closed(load(), HOURS - LONGEST_STUCK_H - 2))
    assert rests(closed(load(), 0))


def test_a_constant_load_is_no_rest() -> None:
    values = load()
    values[:, -300:] = 5.5
    assert not rests(values)


def test_a_series_with_zeros_every_night_rests_when_its_days_are_0_too() -> None:
    values = load()
    values[:, np.arange(HOURS) % 24 < 8] = 0
    assert not rests(values)
    assert rests(closed(values, HOURS - 200))


def test_a_series_that_came_back_from_a_rest_is_in_the_habit_of_it() -> None:
    assert not rests(closed(closed(load(), 400, 168), HOURS - 168))


def test_a_few_hours_of_load_do_not_end_a_rest() -> None:
    values = closed(load(), 400)
    values[:, 700:704] = 3
    assert rests(values)


@pytest.mark.parametrize("missing", [slice(HOURS - 30, HOURS - 20), slice(HOURS - 5, HOURS)])
def test_missing_hours_do_not_end_a_rest(missing: slice) -> None:
    values = closed(load(), HOURS - 200)
    values[:, missing] = np.nan
    assert rests(values)


def test_the_hours_of_a_rest_that_has_ended_are_missing_so_that_the_load_from_before_returns() -> None:
    values, missing = closed(load(), 500, 300), load()
    missing[:, 501:800] = np.nan
    missing[:, 500] = 0
    state, expected = describe(values, screened=False), describe(missing, screened=False)
    assert np.flatnonzero(state.stuck[0]).tolist() == list(range(501, 800))
    assert np.array_equal(state.values, expected.values)
    assert state.scale > 5


def test_a_series_that_returns_from_a_rest_longer_than_its_window_is_a_young_series() -> None:
    values = closed(load(), 0, HOURS - 48)
    state = describe(values, screened=False)
    assert state.history_h.tolist() == [48]
    assert (state.values > 4).all()
    barely = describe(closed(load(), 0, HOURS - 3), screened=False)
    assert barely.history_h.tolist() == [HOURS]
