"""Features of the weather: made-up places and series whose answers are known, and the same written with NumPy."""

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dayahead.features import weather
from dayahead.features.fill import DAY, WEEK
from dayahead.features.state import LAG_HOURS
from dayahead.features.weather import (
    CLIPPED_CHANGES,
    LONGEST_GAP_H,
    MOST_MISSING_H,
    PRIOR_HOURS,
    RESPONSE_HOURS,
    SLOPES,
    WEATHER_FEATURES,
    WEATHER_TREE_FEATURES,
    PlaceWeather,
    ResponsePrior,
    describe_places,
    hinges,
    response_changes,
    responses,
    weather_features,
    weather_tree_features,
)
from dayahead.models.serving.window import WINDOW_HOURS

AHEAD = 48
PLACES = 3
SERIES = 7
NO_PRIOR = ResponsePrior(np.zeros(4, np.float32), np.zeros((4, 4), np.float32))
PRIOR = ResponsePrior(np.array([0.3, 0.1, 0.2, 0.05], np.float32), 0.05 * np.eye(4, dtype=np.float32))
SLOPES_OF_SERIES = np.array([0.31, 0.17, 0.08, 0.12])
"""Shares of the scale per 10 K, in the order of SLOPES."""


@pytest.fixture
def temperature() -> NDArray[np.float32]:
    """Around the hinges, so that each slope has something to be read from."""
    rng = np.random.default_rng(3)
    hour = np.arange(WINDOW_HOURS + AHEAD)
    days = rng.normal(18, 5, (PLACES, len(hour) // DAY + 1)).repeat(DAY, axis=1)[:, : len(hour)]
    return (days + 6 * np.sin(2 * np.pi * hour / DAY) + rng.normal(0, 1, days.shape)).astype(np.float32)


def places(temperature: NDArray[np.float32], prior: ResponsePrior = PRIOR) -> PlaceWeather:
    return describe_places(temperature, WINDOW_HOURS, prior)


def day_means(temperature: NDArray[np.float32]) -> NDArray[np.float64]:
    """Mean of the 24 hours that end with each; NaN for the first 23."""
    made = np.full(temperature.shape, np.nan)
    whole = np.lib.stride_tricks.sliding_window_view(temperature.astype(np.float64), DAY, axis=1)
    made[:, DAY - 1 :] = whole.mean(axis=2)
    return made


def hinges_of(temperature: NDArray[np.float32]) -> NDArray[np.float64]:
    """By the definition: tens of kelvin below 16 and above 20 degrees; [places, hours, 4]."""
    t, s = temperature.astype(np.float64), day_means(temperature)
    return np.stack([np.fmax(16 - t, 0), np.fmax(t - 20, 0), np.fmax(16 - s, 0), np.fmax(s - 20, 0)], axis=2) / 10


def heated(temperature: NDArray[np.float32], slopes: NDArray[np.float64] = SLOPES_OF_SERIES) -> NDArray[np.float32]:
    """Windows of series, one at each place, that are the same each week but for the weather."""
    window = hinges_of(temperature)[:, WINDOW_HOURS - LAG_HOURS : WINDOW_HOURS]
    week = np.tile(np.random.default_rng(4).normal(0, 0.3, WEEK), LAG_HOURS // WEEK + 1)[:LAG_HOURS]
    return (week + window @ slopes).astype(np.float32)


def test_the_response_of_a_series_that_follows_the_weather_alone_is_its_slopes() -> None:
    # Cold, mild and hot days: the changes are so alike that none is clipped.
    drawn = np.random.default_rng(10).choice([0, 18, 30], (PLACES, (WINDOW_HOURS + AHEAD) // DAY))
    days = drawn.repeat(DAY, axis=1).astype(np.float32)
    z = heated(days)
    change = np.abs(z[:, WEEK:] - z[:, :-WEEK])
    assert (change.max(axis=1) < CLIPPED_CHANGES * change.mean(axis=1)).all()
    found = responses(z, np.arange(PLACES), places(days, NO_PRIOR))
    np.testing.assert_allclose(found, np.tile(SLOPES_OF_SERIES, (PLACES, 1)), rtol=1e-3)
    pulled = responses(z, np.arange(PLACES), places(days))
    off = [np.linalg.norm(one - PRIOR.slopes, axis=1) for one in (pulled, found)]
    assert (off[0] < off[1]).all()


def test_a_series_that_does_not_change_keeps_the_share_of_the_prior_that_its_hours_leave(
    temperature: NDArray[np.float32],
) -> None:
    found = responses(np.ones((1, LAG_HOURS), np.float32), np.zeros(1, np.int64), places(temperature))
    at = hinges_of(temperature)[0, WINDOW_HOURS - LAG_HOURS : WINDOW_HOURS]
    changes = at[WEEK:] - at[:-WEEK]
    strength = PRIOR_HOURS * PRIOR.strength.astype(np.float64)
    kept = np.linalg.solve(changes.T @ changes + strength, strength @ PRIOR.slopes.astype(np.float64))
    np.testing.assert_allclose(found[0], kept, rtol=1e-4)


def test_without_a_change_of_the_weather_the_response_is_the_prior(temperature: NDArray[np.float32]) -> None:
    still = np.full_like(temperature, 12.0)
    z = np.random.default_rng(5).normal(0, 1, (1, LAG_HOURS)).astype(np.float32)
    np.testing.assert_allclose(responses(z, np.zeros(1, np.int64), places(still))[0], PRIOR.slopes, rtol=1e-6)


def test_responses_are_the_clipped_shrunken_regression(temperature: NDArray[np.float32]) -> None:
    rng = np.random.default_rng(6)
    z = (heated(temperature) + rng.normal(0, 0.1, (PLACES, LAG_HOURS))).astype(np.float32)
    z[:, 700] = 40.0  # one hour counts for no more than three usual ones
    at = np.array([2, 0, 1])
    described = places(temperature)
    found = responses(z, at, described)
    window = hinges_of(temperature)[:, WINDOW_HOURS - LAG_HOURS : WINDOW_HOURS]
    slopes = PRIOR.slopes.astype(np.float64)
    for row, place in enumerate(at):
        change = z[row, WEEK:].astype(np.float64) - z[row, :-WEEK]
        limit = CLIPPED_CHANGES * np.abs(change).mean()
        assert (np.abs(change) > limit).any()
        changes = window[place, WEEK:] - window[place, :-WEEK]
        left = changes.T @ changes + PRIOR_HOURS * PRIOR.strength
        right = changes.T @ (np.clip(change, -limit, limit) - changes @ slopes)
        np.testing.assert_allclose(found[row], slopes + np.linalg.solve(left, right), rtol=1e-4, atol=1e-6)
    change, changes = response_changes(z, described, at)
    assert change.shape == (PLACES, RESPONSE_HOURS)
    np.testing.assert_allclose(changes, window[at, WEEK:] - window[at, :-WEEK], atol=1e-6)


def test_temperatures_are_degrees_celsius_and_hinges_tens_of_kelvin() -> None:
    np.testing.assert_allclose(hinges(np.array([6.0]), np.array([11.0])), [[1.0, 0.0, 0.5, 0.0]])
    np.testing.assert_allclose(hinges(np.array([30.0]), np.array([21.0])), [[0.0, 1.0, 0.0, 0.1]])
    np.testing.assert_allclose(hinges(np.array([18.0]), np.array([18.0])), [[0.0, 0.0, 0.0, 0.0]])


def test_each_feature_is_what_its_name_says(temperature: NDArray[np.float32]) -> None:
    described = places(temperature)
    slopes = np.random.default_rng(7).normal(0.2, 0.1, (SERIES, 4)).astype(np.float32)
    at = np.arange(SERIES) % PLACES
    for day, day_back, week_back in ((1, DAY, WEEK), (2, 2 * DAY, WEEK)):
        made = weather_features(described.of_day(day), described.recent, at, slopes)
        first = WINDOW_HOURS + (day - 1) * DAY
        target = first + np.arange(DAY)
        now, before, week = target, target - day_back, target - week_back
        expected = {}
        for name, values in (("temperature", temperature.astype(np.float64)), ("day_mean", day_means(temperature))):
            for part, knot in (("", None), ("_above_10", 10), ("_above_15", 15), ("_above_20", 20), ("_above_25", 25)):
                shaped = (values if knot is None else np.fmax(values - knot, 0)) / 10
                expected[name + part] = shaped[:, now] - (shaped[:, before] + shaped[:, week]) / 2
        effect = np.einsum("nhs,ns->nh", hinges_of(temperature)[at], slopes.astype(np.float64))
        wanted = {name: values[at] for name, values in expected.items()}
        wanted |= {
            "effect": effect[:, now],
            "effect_day_before": effect[:, before],
            "effect_week_before": effect[:, week],
        }
        origin = WINDOW_HOURS
        for name, hours in (
            ("now", slice(origin - 1, origin)),
            ("0_7h", slice(origin - 8, origin)),
            ("8_15h", slice(origin - 16, origin - 8)),
            ("16_23h", slice(origin - 24, origin - 16)),
            ("0_167h", slice(origin - WEEK, origin)),
        ):
            wanted[f"effect_{name}"] = np.broadcast_to(effect[:, hours].mean(axis=1, keepdims=True), (SERIES, DAY))
        assert tuple(wanted) == WEATHER_FEATURES
        for place, (name, values) in enumerate(wanted.items()):
            np.testing.assert_allclose(made[:, :, place], values, atol=2e-5, err_msg=f"{name}, day {day}")


def test_each_tree_feature_is_what_its_name_says(temperature: NDArray[np.float32]) -> None:
    described = places(temperature)
    made = weather_tree_features(described.of_day(1), described.day_mean[:, WINDOW_HOURS - 1])
    target, mean = WINDOW_HOURS + np.arange(DAY), day_means(temperature)
    expected: dict[str, NDArray[Any]] = {
        "temperature": temperature[:, target],
        "temperature_day_mean": mean[:, target],
        "temperature_minus_day_before": temperature[:, target] - temperature[:, target - DAY],
        "temperature_minus_week_before": temperature[:, target] - temperature[:, target - WEEK],
        "day_mean_minus_day_before": mean[:, target] - mean[:, target - DAY],
        "day_mean_now": np.broadcast_to(mean[:, WINDOW_HOURS - 1, None], (PLACES, DAY)),
    }
    assert tuple(expected) == WEATHER_TREE_FEATURES
    for place, (name, values) in enumerate(expected.items()):
        np.testing.assert_allclose(made[place], values, atol=2e-5, err_msg=name)


def test_short_gaps_are_interpolated_and_longer_ones_filled_from_the_day_before(
    temperature: NDArray[np.float32],
) -> None:
    holed = temperature.copy()
    short, long = slice(500, 500 + LONGEST_GAP_H), slice(600, 600 + LONGEST_GAP_H + 1)
    holed[0, short], holed[0, long] = np.nan, np.nan
    described = places(holed)
    assert described.usable.all()
    line = np.linspace(temperature[0, 499], temperature[0, 500 + LONGEST_GAP_H], LONGEST_GAP_H + 2)
    np.testing.assert_allclose(described.temperature[0, short], line[1:-1], rtol=1e-6)
    np.testing.assert_array_equal(described.temperature[0, long], temperature[0, long.start - DAY : long.stop - DAY])
    np.testing.assert_array_equal(described.temperature[1:], temperature[1:])


def test_a_gap_ahead_is_not_filled_from_the_day_before(temperature: NDArray[np.float32]) -> None:
    holed = temperature.copy()
    holed[0, WINDOW_HOURS + 6 : WINDOW_HOURS + 6 + LONGEST_GAP_H + 1] = np.nan
    known = np.isfinite(places(holed).of_day(1)[:, 0, 1])
    # a lead needs its hour and the 23 before it
    assert known[0].tolist() == [True] * 6 + [False] * 18
    assert known[1:].all()


def test_a_day_that_the_run_reaches_in_part_is_known_in_part(temperature: NDArray[np.float32]) -> None:
    described = places(temperature[:, : WINDOW_HOURS + 30])
    assert np.isfinite(described.of_day(1)).all()
    second = described.of_day(2)
    assert np.isfinite(second[..., :6]).all()
    assert np.isnan(second[..., 6:]).all()
    assert np.isnan(described.of_day(3)).all()
    slopes = np.ones((1, 4), np.float32)
    made = weather_features(second, described.recent, np.zeros(1, np.int64), slopes)
    assert (made[0, 6:] == 0).all()
    assert (made[0, :6] != 0).any(axis=1).all()


@pytest.mark.parametrize(
    ("missing", "usable"),
    [
        (slice(WINDOW_HOURS - MOST_MISSING_H, WINDOW_HOURS), True),
        (slice(WINDOW_HOURS - MOST_MISSING_H - 1, WINDOW_HOURS), False),
        (slice(100, 191), True),
        (slice(100, 192), False),
        (slice(0, WINDOW_HOURS), False),
    ],
)
def test_a_place_with_too_many_holes_has_no_weather(
    temperature: NDArray[np.float32], missing: slice, *, usable: bool
) -> None:
    holed = temperature.copy()
    holed[1, missing] = np.nan
    described = places(holed)
    assert described.usable.tolist() == [True, usable, True]
    assert np.isfinite(described.of_day(1)[1]).all() == usable
    if not usable:
        z = heated(temperature)
        found = responses(z, np.full(PLACES, 1), described)
        assert (found == PRIOR.slopes).all()
        assert np.isnan(described.temperature[1]).all()


def test_a_temperature_that_cannot_be_counts_as_missing(temperature: NDArray[np.float32]) -> None:
    absurd, holed = temperature.copy(), temperature.copy()
    absurd[0, 400], absurd[0, 401] = 66.0, -91.0
    holed[0, 400:402] = np.nan
    assert places(absurd).temperature.tobytes() == places(holed).temperature.tobytes()


def test_a_place_does_not_depend_on_other_places(temperature: NDArray[np.float32]) -> None:
    holed = temperature.copy()
    holed[1, 100:300] = np.nan
    holed[2, 640:650] = np.nan
    together = places(holed)
    for row in range(PLACES):
        alone = places(holed[row : row + 1])
        for name in (field.name for field in fields(PlaceWeather) if field.name != "past"):
            assert getattr(alone, name)[0].tobytes() == getattr(together, name)[row].tobytes(), name


def test_a_series_does_not_depend_on_other_series(temperature: NDArray[np.float32]) -> None:
    described = places(temperature)
    rng = np.random.default_rng(8)
    z = rng.normal(0, 0.3, (SERIES, LAG_HOURS)).astype(np.float32)
    at = rng.integers(0, PLACES, SERIES)
    slopes = responses(z, at, described)
    targets = described.of_day(1)
    features = weather_features(targets, described.recent, at, slopes)
    order = rng.permutation(SERIES)
    assert responses(z[order], at[order], described).tobytes() == slopes[order].tobytes()
    for row in range(SERIES):
        own = slice(row, row + 1)
        alone = replace(described, gain=described.gain[at[own]], start=described.start[at[own]])
        one = responses(z[own], np.zeros(1, np.int64), alone)
        assert one.tobytes() == slopes[own].tobytes()
        made = weather_features(targets[at[own]], described.recent[at[own]], np.zeros(1, np.int64), one)
        assert made.tobytes() == features[own].tobytes()


def test_machine_code_answers_what_the_rules_answer(temperature: NDArray[np.float32]) -> None:
    holed = temperature.copy()
    holed[0, 600:610] = np.nan
    described = places(holed)
    for row in range(PLACES):
        same = replace(
            described,
            temperature=np.empty_like(described.temperature[row]),
            day_mean=np.empty_like(described.day_mean[row]),
            recent=np.empty_like(described.recent[row]),
            gain=np.empty_like(described.gain[row]),
            start=np.empty_like(described.start[row]),
        )
        usable = weather.describe_place(
            WINDOW_HOURS,
            holed[row],
            PRIOR.slopes.astype(np.float64),
            PRIOR.strength.astype(np.float64),
            same.temperature,
            same.day_mean,
            same.recent,
            same.gain,
            same.start,
            np.empty((2, len(SLOPES), len(SLOPES))),
        )
        assert usable == described.usable[row]
        for name in ("temperature", "day_mean", "recent"):
            assert getattr(same, name).tobytes() == getattr(described, name)[row].tobytes(), name
        for name in ("gain", "start"):
            np.testing.assert_allclose(getattr(same, name), getattr(described, name)[row], rtol=1e-6, atol=1e-9)
    z = heated(temperature)
    slopes = responses(z, np.arange(PLACES), described)
    table = weather_features(described.of_day(1), described.recent, np.arange(PLACES), slopes)
    for row in range(PLACES):
        own = np.empty(len(SLOPES), np.float32)
        weather.respond(
            z[row], described.gain[row], described.start[row], np.empty(RESPONSE_HOURS // 2, np.float32), own
        )
        assert own.tobytes() == slopes[row].tobytes()
        features = np.empty((DAY, len(WEATHER_FEATURES)), np.float32)
        weather.describe_weather(described.of_day(1)[row], described.recent[row], own, features)
        assert features.tobytes() == table[row].tobytes()
