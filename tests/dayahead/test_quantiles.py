"""Any quantile of a forecast from three, and what follows from it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from dayahead.models.fitting.bands import band_multipliers, quantile_shape
from dayahead.quantiles import LEVELS, NORMAL, peak_of_day, probability_above, quantile, shape_by_lead

SKEWED = np.array([-2.6, -1.5, -1, -0.4, 0, 0.5, 1, 1.6, 3.1])
TWO = np.stack([SKEWED, NORMAL])
P10, P50, P90 = (np.array(values, np.float32) for values in ([90, 10], [100, 20], [120, 40]))


def test_the_three_that_are_known_come_out_as_they_are() -> None:
    for level, known in ((0.1, P10), (0.5, P50), (0.9, P90)):
        assert quantile(P10, P50, P90, TWO, level).astype(np.float32).tolist() == known.tolist()


def test_each_level_of_the_shape_is_met_on_its_own_side() -> None:
    found = [quantile(P10, P50, P90, TWO, level)[0] for level in LEVELS]
    assert found == pytest.approx([100 + place * (10 if place < 0 else 20) for place in SKEWED])


@given(levels=st.lists(st.floats(0.01, 0.99), min_size=2, max_size=2).map(sorted))
def test_quantiles_rise_with_their_level(levels: list[float]) -> None:
    low, high = (quantile(P10, P50, P90, TWO, level) for level in levels)
    assert (low <= high + 1e-9).all()


@given(level=st.floats(0.01, 0.99))
def test_the_chance_to_exceed_a_quantile_is_what_is_left_of_its_level(level: float) -> None:
    for lead, limit in enumerate(quantile(P10, P50, P90, TWO, level).tolist()):
        assert probability_above(P10, P50, P90, TWO, limit)[lead] == pytest.approx(1 - level, abs=1e-6)


def test_an_hour_without_doubt_is_above_a_limit_or_not() -> None:
    known = np.full(3, 5.0)
    shape = np.stack([NORMAL] * 3)
    assert [probability_above(known, known, known, shape, limit)[0] for limit in (4.9, 5.0, 5.1)] == [1, 0.5, 0]
    assert probability_above(P10, P50, P90, TWO, 1e9).tolist() == [0, 0]
    assert probability_above(P10, P50, P90, TWO, -1e9).tolist() == [1, 1]


def test_the_peak_is_as_great_as_the_greatest_hour_at_least_and_at_the_likeliest_hour() -> None:
    p50 = np.array([10.0, 50, 80, 78, 20])
    shape = np.stack([NORMAL] * 5)
    size, chances = peak_of_day(p50 - 5, p50, p50 + 5, shape, (0.1, 0.5, 0.9))
    assert size[0] > 75
    assert size[1] >= 80
    assert size[0] < size[1] < size[2]
    assert chances.sum() == pytest.approx(1)
    assert chances.argmax() == 2
    assert chances[3] > 0.1
    assert chances[0] == 0
    known, again = peak_of_day(p50, p50, p50, shape, (0.5,))
    assert (known[0], again.tolist()) == (80, [0, 0, 1, 0, 0])


def test_days_that_no_model_forecast_or_that_the_release_lacks_have_normal_errors() -> None:
    shape = np.stack([np.tile(SKEWED, (24, 1))] * 3)
    found = shape_by_lead(shape, [False, True, False, False], 80)
    assert found.shape == (80, 9)
    for leads, expected in (
        (slice(0, 24), SKEWED),
        (slice(24, 48), NORMAL),
        (slice(48, 72), SKEWED),
        (slice(72, 80), NORMAL),
    ):
        assert (found[leads] == expected).all()
    assert (shape_by_lead(None, [False], 24) == NORMAL).all()


def _errors(rows: int) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    rng = np.random.default_rng(1)
    lead, hour = rng.integers(1, 25, rows), rng.integers(0, 24, rows)
    ratio = rng.standard_t(4, rows) * (1 + lead / 24) * np.where(rng.random(rows) < 0.5, 1.0, 1.4)
    return ratio, lead, hour


def test_a_fitted_shape_covers_new_errors_as_often_as_it_says() -> None:
    ratio, lead, hour = _errors(60_000)
    half = len(ratio) // 2
    multipliers = band_multipliers(ratio[:half], lead[:half], hour[:half], days=60)
    shape = quantile_shape(ratio[:half], lead[:half], hour[:half], multipliers)
    assert shape.shape == (24, len(LEVELS))
    assert (np.diff(shape, axis=1) >= 0).all()
    assert (shape[:, [2, 4, 6]] == [-1, 0, 1]).all()
    low, high = (multipliers[hour[half:], lead[half:] - 1, side].astype(np.float64) for side in (0, 1))
    centre = np.zeros(half)
    for tail in (0.01, 0.05, 0.1, 0.25):
        at = shape[lead[half:] - 1]
        inside = (ratio[half:] >= quantile(low, centre, high, at, tail)) & (
            ratio[half:] <= quantile(low, centre, high, at, 1 - tail)
        )
        assert inside.mean() == pytest.approx(1 - 2 * tail, abs=0.02)


def test_without_errors_the_shape_is_normal() -> None:
    nothing = np.zeros(0, np.int64)
    multipliers = band_multipliers(np.zeros(0), nothing, nothing, days=10)
    assert (quantile_shape(np.zeros(0), nothing, nothing, multipliers) == NORMAL.astype(np.float32)).all()
