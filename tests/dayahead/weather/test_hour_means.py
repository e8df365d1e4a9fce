"""Hourly means of instants, and of periods that are named by their start or end."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayahead.hours import HOUR_S
from dayahead.weather.hour_means import Stamp, hour_means

FIRST = 495_000


def times(hours: int, step_s: int = HOUR_S, offset_s: int = 0) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    return FIRST * HOUR_S + offset_s + np.arange(hours * HOUR_S // step_s, dtype=np.int64) * step_s


@pytest.mark.parametrize(
    ("stamp", "first", "means"),
    [
        (Stamp.START, FIRST, [1, 3, 7]),
        (Stamp.END, FIRST - 1, [1, 3, 7]),
        (Stamp.INSTANT, FIRST, [2, 5]),
    ],
)
def test_the_time_of_a_value_names_its_start_its_end_or_an_instant(
    stamp: Stamp, first: int, means: list[float]
) -> None:
    found_first, found = hour_means(times(3), np.array([1.0, 3.0, 7.0]), stamp)
    assert (found_first, found.tolist()) == (first, means)


def test_half_hours_are_averaged() -> None:
    values = np.array([1.0, 2.0, 3.0, 4.0])
    assert hour_means(times(2, 1800), values, Stamp.START)[1].tolist() == [1.5, 3.5]
    first, means = hour_means(times(2, 1800, 1800), values, Stamp.END)
    assert (first, means.tolist()) == (FIRST, [1.5, 3.5])
    assert hour_means(times(2, 1800), values, Stamp.INSTANT)[1].tolist() == [2.0]


def test_an_hour_that_lacks_a_part_is_missing_and_edges_are_cut() -> None:
    values = np.array([1.0, np.nan, 3.0, 4.0, np.nan, np.nan, 5.0, 6.0, 7.0, np.nan])
    first, means = hour_means(times(5, 1800), values, Stamp.START)
    assert first == FIRST + 1
    np.testing.assert_array_equal(means, np.array([3.5, np.nan, 5.5], np.float32))


def test_values_of_which_no_hour_is_whole_have_no_hours() -> None:
    assert hour_means(times(1), np.array([1.0]), Stamp.INSTANT)[1].size == 0


@pytest.mark.parametrize("wrong_s", [[0, 3601], [0, 0], [7200, 3600], [0, 7]])
def test_times_that_are_no_steps_of_an_hour_are_refused(wrong_s: list[int]) -> None:
    with pytest.raises(ValueError, match="times"):
        hour_means(FIRST * HOUR_S + np.array(wrong_s, np.int64), np.zeros(len(wrong_s)), Stamp.START)


@given(st.lists(st.floats(-40, 40, width=32), min_size=3, max_size=40))
def test_the_mean_of_instants_keeps_a_straight_line_and_shifts_nothing(slopes: list[float]) -> None:
    line = np.arange(len(slopes), dtype=np.float64) * slopes[0] + slopes[1]
    first, means = hour_means(times(len(slopes)), line, Stamp.INSTANT)
    assert first == FIRST
    np.testing.assert_allclose(means, line[:-1] + slopes[0] / 2, rtol=1e-4, atol=1e-4)
