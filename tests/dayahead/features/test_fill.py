import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from dayahead.features.fill import fill

HOURS = 400


def windows_with_holes() -> st.SearchStrategy[NDArray[np.float64]]:
    value = st.one_of(st.floats(-1e15, 1e15), st.just(np.nan), st.just(np.inf))
    return arrays(np.float64, st.tuples(st.integers(1, 4), st.just(HOURS)), elements=value, fill=st.just(np.nan))


@settings(deadline=None)
@given(windows_with_holes())
def test_what_was_observed_stays_and_nothing_is_missing_after(values: NDArray[np.float64]) -> None:
    filled = fill(values)
    known = np.isfinite(values)
    assert np.array_equal(filled.observed, known)
    assert np.array_equal(filled.values[known], values[known])
    assert np.isfinite(filled.values).all()


@settings(deadline=None)
@given(windows_with_holes(), st.integers(1, HOURS - 1), st.floats(-1e6, 1e6))
def test_a_hole_is_filled_from_its_past_alone(values: NDArray[np.float64], column: int, other: float) -> None:
    before = fill(values)
    changed = values.copy()
    changed[:, column:] = np.where(np.isfinite(changed[:, column:]), other, changed[:, column:])
    after = fill(changed)
    started = before.first < column
    columns = np.arange(HOURS)[None, :]
    causal = started[:, None] & (columns >= before.first[:, None]) & (columns < column)
    assert np.array_equal(before.values[causal], after.values[causal])


@settings(deadline=None)
@given(windows_with_holes())
def test_a_row_is_filled_the_same_in_any_company(values: NDArray[np.float64]) -> None:
    together = fill(values)
    for row in range(len(values)):
        assert fill(values[row : row + 1]).values.tobytes() == together.values[row : row + 1].tobytes()


def test_a_hole_takes_the_mean_of_the_day_and_the_week_before() -> None:
    values = np.arange(HOURS, dtype=np.float64)[None, :].copy()
    values[0, 300:303] = np.nan
    filled = fill(values).values[0]
    assert filled[300:303].tolist() == [(h - 24 + h - 168) / 2 for h in (300, 301, 302)]


def test_a_hole_longer_than_a_day_is_filled_from_filled_hours() -> None:
    values = np.tile(np.arange(24.0), HOURS // 24 + 1)[None, :HOURS].copy()
    expected = values.copy()
    values[0, 200:290] = np.nan
    assert np.array_equal(fill(values).values, expected)


def test_the_hours_before_a_young_series_repeat_its_week() -> None:
    values = np.full((1, HOURS), np.nan)
    week = np.random.default_rng(0).uniform(size=200)
    values[0, -200:] = week
    filled = fill(values).values[0]
    assert np.array_equal(filled[HOURS - 200 - 168 : HOURS - 200], week[:168])


def test_nothing_observed_is_filled_with_zero() -> None:
    filled = fill(np.full((2, HOURS), np.nan))
    assert (filled.values == 0).all()
    assert (filled.first == HOURS).all()
