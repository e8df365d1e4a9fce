import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from dayahead.weather.choice import Choice, choose, difference, explained, hinge_differences, summed_by_area

HOURS = 90 * 24


def temperatures(locations: int, seed: int = 1, hours: int = HOURS) -> NDArray[np.float32]:
    """Daily cycles, and weather of each location's own that stays for days."""
    random = np.random.default_rng(seed)
    own = np.zeros((locations, hours))
    for hour in range(1, hours):
        own[:, hour] = 0.98 * own[:, hour - 1] + random.normal(0, 1, locations)
    return (8 + 5 * np.sin(2 * np.pi * np.arange(hours) / 24) + own).astype(np.float32)


def load_of(temperature: NDArray[np.floating], noise: float = 5.0, seed: int = 2) -> NDArray[np.float64]:
    """Heats below 16 degrees, works by day and rests at the weekend."""
    hours = np.arange(len(temperature))
    usual = 500 + 100 * np.sin(2 * np.pi * (hours - 6) / 24) - 80 * (hours // 24 % 7 >= 5)
    return usual + 8 * np.maximum(16 - temperature, 0) + np.random.default_rng(seed).normal(0, noise, len(hours))


def only(load: NDArray[np.float64], temperature: NDArray[np.float32]) -> Choice:
    return choose(load[None], temperature)[0]


def test_a_series_follows_the_location_that_heats_it() -> None:
    weather = temperatures(4)
    chosen = only(load_of(weather[2]), weather)
    assert chosen.locations == (2,)
    assert chosen.r2 > 0.6
    assert chosen.helps
    assert np.argmax(chosen.by_location) == 2


def test_a_region_follows_the_mean_of_its_locations() -> None:
    weather = temperatures(5)
    chosen = only(load_of(weather[[1, 3]].mean(axis=0)), weather)
    assert set(chosen.locations) == {1, 3}
    assert chosen.by_count[1] > chosen.by_count[0]
    assert chosen.r2 == chosen.by_count[1]


def test_a_mean_has_the_location_that_helps_it_most_not_the_next_best_alone() -> None:
    weather = temperatures(3)
    twin = (weather[0] + np.random.default_rng(3).normal(0, 1, HOURS)).astype(np.float32)
    chosen = only(load_of(0.6 * weather[0] + 0.4 * weather[1]), np.stack([weather[0], twin, weather[1]]))
    assert chosen.by_location[1] > chosen.by_location[2]
    assert chosen.locations == (0, 2)


def test_a_series_without_heating_has_no_location_that_helps() -> None:
    weather = temperatures(3)
    chosen = only(load_of(np.full(HOURS, 20.0), noise=40.0), weather)
    assert not chosen.helps
    assert abs(chosen.r2) < 0.03


def test_four_weeks_without_heating_do_not_look_like_heating() -> None:
    weather = temperatures(8, hours=28 * 24)
    assert not only(load_of(np.full(28 * 24, 20.0), noise=40.0), weather).helps


def test_a_series_with_too_few_hours_has_no_place() -> None:
    weather = temperatures(2, hours=20 * 24)
    chosen = only(load_of(weather[0]), weather)
    assert chosen.locations == ()
    assert np.isnan(chosen.r2)
    assert not chosen.helps


def test_missing_hours_and_an_outage_do_not_change_the_choice() -> None:
    weather = temperatures(4)
    load = load_of(weather[2])
    load[500:520] = np.nan
    load[900:930] = 0.0
    weather[3, 700:720] = np.nan
    assert only(load, weather).locations == (2,)


@given(order=st.permutations(range(4)), unit=st.sampled_from([0.001, 1.0, 1000.0]))
def test_neither_order_of_locations_nor_unit_changes_the_choice(order: list[int], unit: float) -> None:
    weather = temperatures(4, hours=60 * 24)
    load = load_of(weather[[0, 1]].mean(axis=0))
    chosen = only(load * unit, weather[order])
    expected = only(load, weather)
    assert {order[place] for place in chosen.locations} == set(expected.locations)
    assert chosen.r2 == pytest.approx(expected.r2, abs=1e-9)


def test_what_repeats_by_day_and_week_has_no_difference() -> None:
    hours = np.arange(HOURS)
    made = difference(np.sin(2 * np.pi * hours / 24))
    assert np.isnan(made[:168]).all()
    np.testing.assert_allclose(made[168:], 0, atol=1e-12)


def test_a_warm_day_shows_in_the_mean_of_the_day_after_it_ended() -> None:
    weather = np.full(HOURS, 20.0, np.float32)
    weather[960:984] = 30.0
    features = hinge_differences(weather)
    hour = 984 + 6
    assert features[0, hour] == 0.0 - 0.5 * 1.0
    assert features[5, hour] == pytest.approx((17 / 24 - 0.5 * 7 / 24), abs=1e-6)


def test_r2_of_a_regression_that_has_learnt_noise_is_not_above_0() -> None:
    random = np.random.default_rng(4)
    r2 = explained(random.normal(size=15 * 24), random.normal(size=(10, 15 * 24)))
    assert -0.2 < r2 < 0.01


def test_an_area_is_the_sum_of_its_series_and_its_gaps_change_no_difference() -> None:
    hours = np.arange(HOURS)
    load = np.stack([100 + 10 * np.sin(2 * np.pi * hours / 24), np.full(HOURS, 5.0), np.full(HOURS, 7.0)])
    gap = load.copy()
    gap[1, 300:310] = np.nan
    summed = summed_by_area(gap, np.array([0, 0, 1]))
    np.testing.assert_allclose(summed[0], load[:2].sum(axis=0))
    gap[0, 400:410] = np.nan
    assert np.isnan(summed_by_area(gap, np.array([0, 0, 1]))[0, 400:410]).all()


def test_load_and_temperature_of_other_hours_are_refused() -> None:
    with pytest.raises(ValueError, match="same hours"):
        choose(np.zeros((1, 400)), np.zeros((1, 401), np.float32))
