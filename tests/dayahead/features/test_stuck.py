import numpy as np
import pytest
from numpy.typing import NDArray

from dayahead.features.state import describe
from dayahead.features.stuck import LONGEST_STUCK_H, STUCK_STEPS


def moving(hours: int = 912) -> NDArray[np.float64]:
    return np.random.default_rng(6).uniform(1, 2, (1, hours))


def standing(values: NDArray[np.float64], first: int, hours: int) -> NDArray[np.float64]:
    """The values with one run of so many equal hours, the first of them measured."""
    still = values.copy()
    still[:, first : first + hours] = still[:, first : first + 1]
    return still


def marked(values: NDArray[np.float64]) -> list[int]:
    return np.flatnonzero(describe(values, screened=False).stuck[0]).tolist()


def test_what_follows_the_first_hour_of_a_run_is_stuck() -> None:
    assert marked(standing(moving(), 900, 12)) == list(range(901, 912))


def test_a_run_that_has_ended_is_still_no_measurement() -> None:
    assert marked(standing(moving(), 700, 10)) == list(range(701, 710))


def test_a_few_equal_hours_are_believed() -> None:
    assert marked(standing(moving(), 800, STUCK_STEPS + 1)) == list(range(801, 801 + STUCK_STEPS))
    assert marked(standing(moving(), 800, STUCK_STEPS)) == []


def test_a_series_that_stands_still_twice_has_the_habit() -> None:
    assert marked(standing(standing(moving(), 900, 12), 300, 7)) == []


def test_a_value_that_lasts_for_days_is_believed() -> None:
    assert marked(standing(moving(), 800, LONGEST_STUCK_H + 1)) == list(range(801, 801 + LONGEST_STUCK_H))
    assert marked(standing(moving(), 800, LONGEST_STUCK_H + 2)) == []
    assert marked(np.full((1, 912), 5.0)) == []


def test_a_missing_hour_ends_a_run() -> None:
    values = standing(moving(), 900, 12)
    values[:, 905] = np.nan
    assert marked(values) == []


@pytest.mark.parametrize("first", range(850, 860))
def test_a_run_is_found_wherever_it_begins(first: int) -> None:
    assert marked(standing(moving(), first, STUCK_STEPS + 1)) == list(range(first + 1, first + 1 + STUCK_STEPS))


def test_a_run_at_the_start_of_the_window_is_found() -> None:
    assert marked(standing(moving(), 0, 12)) == list(range(1, 12))


def test_stuck_hours_are_filled_as_missing_ones_are() -> None:
    values = moving()
    missing = values.copy()
    missing[:, 901:] = np.nan
    expected = describe(missing, screened=True)
    state = describe(standing(values, 900, 12), screened=True)
    assert np.array_equal(state.values, expected.values)
    assert np.array_equal(state.observed, expected.observed)
    assert state.stuck.sum() == 11
    assert not state.set_aside.any()
