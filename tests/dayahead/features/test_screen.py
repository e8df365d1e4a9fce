import numpy as np
import pytest
from numpy.typing import NDArray

from dayahead.features.screen import LONGEST_RUN
from dayahead.features.state import SeriesState, describe

HOURS = 912


def shape(rows: int = 3, seed: int = 0) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    hour = np.arange(HOURS)
    return 100 * (1 + 0.3 * np.sin(2 * np.pi * hour / 24)) * np.exp(rng.normal(0, 0.03, (rows, HOURS)))


def screened(values: NDArray[np.float64]) -> SeriesState:
    return describe(values, screened=True)


@pytest.mark.parametrize("wrong", [0.0, -500.0, 1e9, 300.0])
def test_a_wild_value_is_set_aside_and_replaced(wrong: float) -> None:
    values = shape()
    expected = (values[0, 676] + values[0, 532]) / 2
    values[0, 700] = wrong
    state = screened(values)
    assert np.argwhere(state.set_aside).tolist() == [[0, 700]]
    assert state.values[0, 700] == expected
    assert not state.observed[0, 700]


def test_a_feed_that_is_not_screened_keeps_its_wild_values() -> None:
    values = shape()
    values[0, 700] = 1e9
    state = describe(values, screened=False)
    assert not state.set_aside.any()
    assert state.values[0, 700] == 1e9


def test_ordinary_values_stay() -> None:
    values = shape(200)
    state = screened(values)
    assert not state.set_aside.any()
    assert np.array_equal(state.values, values)


def test_the_first_eight_days_of_a_series_are_never_set_aside() -> None:
    values = shape()
    values[0, :300] = np.nan
    values[0, 300 + 191] = 1e9
    values[1, :300] = np.nan
    values[1, 300 + 192] = 1e9
    assert np.argwhere(screened(values).set_aside).tolist() == [[1, 492]]


def test_a_new_level_is_believed_after_a_day() -> None:
    values = shape()
    values[1, 700:] *= 10
    state = screened(values)
    assert state.set_aside[1].sum() == LONGEST_RUN
    assert np.array_equal(state.values[1, 700 + LONGEST_RUN :], values[1, 700 + LONGEST_RUN :])


def test_the_hours_after_a_long_hole_are_not_wild() -> None:
    values = shape()
    values[2, 500:680] = np.nan
    assert not screened(values).set_aside.any()


def test_what_was_set_aside_fills_no_hole_and_makes_nothing_else_wild() -> None:
    values, clean = shape(), shape()
    values[0, 700], clean[0, 700] = 1e9, np.nan
    values[0, 724] = clean[0, 724] = np.nan
    state, expected = screened(values), screened(clean)
    assert np.array_equal(state.values, expected.values)
    assert state.set_aside.sum() == 1


def test_hours_that_fit_the_level_from_before_a_faulty_run_are_believed_at_once() -> None:
    """A feed at a tenth for two weeks and more, which is believed after a day, and back again."""
    for days in (14, 17, 21):
        values = shape()
        returned = HOURS - 30
        values[1, returned - days * 24 : returned] *= 0.1
        state = screened(values)
        assert not state.set_aside[1, returned:].any()
        assert np.array_equal(state.values[1, returned:], values[1, returned:])


def test_a_level_that_was_never_there_before_is_set_aside_for_a_day_after_a_faulty_run_too() -> None:
    values = shape()
    values[1, 400:800] *= 0.1
    values[1, 800:] *= 40
    assert np.flatnonzero(screened(values).set_aside[1, 800:]).tolist() == list(range(LONGEST_RUN))


def test_a_wild_value_of_the_first_days_makes_its_like_no_level() -> None:
    values = shape()
    hour = 700
    values[0, [hour - 4 * 168, hour]] = 0.0
    assert screened(values).set_aside[0, hour]


def test_a_wild_value_that_comes_every_week_is_set_aside_every_week() -> None:
    values = shape()
    hours = np.arange(200, HOURS, 168)
    values[0, hours] = 0.0
    assert np.flatnonzero(screened(values).set_aside[0]).tolist() == hours.tolist()
