import numpy as np
import pytest
from numpy.typing import NDArray

from dayahead.features.fill import fill
from dayahead.features.screen import LONGEST_RUN, screen

HOURS = 912


def shape(rows: int = 3, seed: int = 0) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    hour = np.arange(HOURS)
    return 100 * (1 + 0.3 * np.sin(2 * np.pi * hour / 24)) * np.exp(rng.normal(0, 0.03, (rows, HOURS)))


@pytest.mark.parametrize("wrong", [0.0, -500.0, 1e9, 300.0])
def test_a_wild_value_is_set_aside_and_replaced(wrong: float) -> None:
    values = shape()
    expected = (values[0, 676] + values[0, 532]) / 2
    values[0, 700] = wrong
    screened, rejected = screen(fill(values))
    assert np.argwhere(rejected).tolist() == [[0, 700]]
    assert screened.values[0, 700] == expected
    assert not screened.observed[0, 700]


def test_ordinary_values_stay() -> None:
    filled = fill(shape(200))
    screened, rejected = screen(filled)
    assert not rejected.any()
    assert screened is filled


def test_a_new_level_is_believed_after_a_day() -> None:
    values = shape()
    values[1, 700:] *= 10
    screened, rejected = screen(fill(values))
    assert rejected[1].sum() <= LONGEST_RUN
    assert np.array_equal(screened.values[1, 700 + LONGEST_RUN :], values[1, 700 + LONGEST_RUN :])


def test_the_hours_after_a_long_hole_are_not_wild() -> None:
    values = shape()
    values[2, 500:680] = np.nan
    assert not screen(fill(values))[1].any()


def test_a_row_is_screened_the_same_in_any_company() -> None:
    values = shape(20)
    rng = np.random.default_rng(1)
    values[rng.uniform(size=values.shape) < 0.004] *= 40
    screened, rejected = screen(fill(values))
    assert rejected.sum() > 20
    for row in range(len(values)):
        alone, rejected_alone = screen(fill(values[row : row + 1]))
        assert alone.values.tobytes() == screened.values[row : row + 1].tobytes()
        assert np.array_equal(rejected_alone[0], rejected[row])
