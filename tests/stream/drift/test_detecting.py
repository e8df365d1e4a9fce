"""The detectors find a step within two days and leave noise, single bad days and short histories alone."""

import numpy as np
import pytest
from numpy.typing import NDArray

from dayahead.contracts import DriftKind
from dayahead.drift.days import DAY_H, Days
from dayahead.storage.tables.drift_watched import DueSeries, WatchedValues
from stream.drift.detecting import ERROR, LEVEL, PATTERN, SPREAD, Measure, detect
from stream.drift.watch import judge_series

START = 20_000 * DAY_H
DAYS = 44
STEP = 36
"""The day on which the series change."""


def errors(seed: int, factor: float = 1.0, days: range = range(STEP, DAYS)) -> NDArray[np.float64]:
    """Scaled errors by origin: means over the 24 hours after each, of noise with good and bad days."""
    chance = np.random.default_rng(seed)
    hourly = np.abs(chance.normal(0, 0.1, (DAYS + 1) * DAY_H)) * np.repeat(
        np.exp(chance.normal(0, 0.15, DAYS + 1)), DAY_H
    )
    hourly[days.start * DAY_H : days.stop * DAY_H] *= factor
    return np.array([hourly[origin + 1 : origin + 1 + DAY_H].mean() for origin in range(DAYS * DAY_H)])


def levels(seed: int, factor: float = 1.0) -> NDArray[np.float64]:
    """Logarithms of daily means with quieter weekends."""
    chance = np.random.default_rng(seed)
    level = np.where(np.arange(DAYS) % 7 >= 5, 80.0, 100.0) * np.exp(chance.normal(0, 0.04, DAYS))
    level[STEP:] *= factor
    return np.log(level)


def detected_days(values: NDArray[np.float64], measure: Measure) -> list[int]:
    """The days on which drift is detected."""
    by_origin = len(values) > DAYS
    hours = START + (np.arange(len(values)) if by_origin else np.arange(DAYS) * DAY_H + DAY_H - 1)
    return [day for day in range(30, DAYS) if detect(hours, values, START + day * DAY_H, measure)]


@pytest.mark.parametrize("seed", range(6))
def test_a_step_in_the_error_is_detected_once_and_within_two_days(seed: int) -> None:
    [day] = detected_days(np.log(errors(seed, 3.0)), ERROR)
    assert STEP - 1 <= day <= STEP + 1


@pytest.mark.parametrize("seed", range(6))
def test_stationary_errors_and_levels_are_left_alone(seed: int) -> None:
    assert detected_days(np.log(errors(seed)), ERROR) == []
    assert detected_days(levels(seed), LEVEL) == []


@pytest.mark.parametrize("seed", range(3))
def test_an_error_that_became_smaller_is_no_event(seed: int) -> None:
    assert detected_days(np.log(errors(seed, 0.2)), ERROR) == []


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("factor", [0.3, 2.0])
def test_a_level_that_rises_or_falls_is_detected_once(seed: int, factor: float) -> None:
    [day] = detected_days(levels(seed, factor), LEVEL)
    assert STEP + 1 <= day <= STEP + 2


def test_one_bad_hour_is_no_drift_although_24_origins_feel_it() -> None:
    values = errors(0)
    values[(STEP - 1) * DAY_H : STEP * DAY_H] = 1e6
    assert detected_days(np.log(values), ERROR) == []


def test_a_source_with_one_origin_a_day_is_judged_by_days_as_well() -> None:
    daily = np.log(errors(2, 3.0))[DAY_H - 2 :: DAY_H]
    [day] = detected_days(daily, ERROR)
    assert STEP <= day <= STEP + 1


def test_a_short_history_and_one_without_change_say_nothing() -> None:
    hours = START + np.arange(DAYS * DAY_H)
    young = hours >= START + (STEP - 8) * DAY_H
    values = np.log(errors(3, 3.0))
    assert not any(detect(hours[young], values[young], START + day * DAY_H, ERROR) for day in range(STEP, STEP + 4))
    assert detected_days(np.zeros(DAYS), LEVEL) == []
    assert detected_days(np.full(DAYS, np.nan), LEVEL) == []


def test_the_judgement_of_a_day_does_not_depend_on_the_batch() -> None:
    hours = START + np.arange(DAYS * DAY_H)
    watched = WatchedValues(hours, errors(4, 3.0))
    end = START + DAYS * DAY_H
    at_once = judge_series(DriftKind.CONCEPT, DueSeries(1, "DK1", end - 14 * DAY_H, end), watched)
    one_by_one = [
        found
        for day in range(end - 14 * DAY_H, end, DAY_H)
        for found in judge_series(
            DriftKind.CONCEPT,
            DueSeries(1, "DK1", day, day + DAY_H),
            WatchedValues(hours[hours < day + DAY_H], watched.values[hours < day + DAY_H]),
        )
    ]
    assert at_once == one_by_one
    assert len(at_once) == 1


def hourly(seed: int, days: int = DAYS) -> NDArray[np.float64]:
    """Consumption with a morning and an evening, and quieter weekends."""
    chance = np.random.default_rng(seed)
    hour = np.arange(days * DAY_H)
    shape = 1 + 0.4 * np.sin((hour - 9) / DAY_H * 2 * np.pi) + 0.15 * np.sin((hour - 4) / 12 * 2 * np.pi)
    weekday = np.where(hour // DAY_H % 7 >= 5, 0.8, 1.0)
    return 100 * shape * weekday * np.exp(chance.normal(0, 0.04, len(hour)))


def detectors(values: NDArray[np.float64], since: int = STEP) -> dict[str, int]:
    """The first day, counted from STEP, on which each detector fires."""
    watched = WatchedValues(START + np.flatnonzero(np.isfinite(values)), values[np.isfinite(values)])
    due = DueSeries(1, "DK1", START + since * DAY_H, START + len(values))
    found: dict[str, int] = {}
    for one in judge_series(DriftKind.DATA, due, watched):
        found.setdefault(one.detector, (one.hour - START) // DAY_H - STEP)
    return found


@pytest.mark.parametrize("seed", range(3))
def test_quiet_days_are_left_alone(seed: int) -> None:
    values = hourly(seed)
    values[700:705] = np.nan
    assert detectors(values, since=30) == {}


@pytest.mark.parametrize("begins_at", [0, 9, 18])
def test_a_series_at_three_times_its_level_is_found_within_four_days(begins_at: int) -> None:
    values = hourly(1)
    values[STEP * DAY_H + begins_at :] *= 3
    assert detectors(values)[LEVEL.detector] <= 2


def test_another_pattern_at_the_same_level_is_found_within_four_days() -> None:
    values = hourly(1)
    values[STEP * DAY_H :] = np.roll(hourly(1), 8)[STEP * DAY_H :]
    found = detectors(values)
    assert found[PATTERN.detector] <= 3
    assert LEVEL.detector not in found


def test_a_day_that_became_flat_is_found() -> None:
    values = hourly(1)
    by_day = values[STEP * DAY_H :].reshape(-1, DAY_H)
    flat = by_day.mean(axis=1, keepdims=True) + 0.1 * (by_day - by_day.mean(axis=1, keepdims=True))
    values[STEP * DAY_H :] = flat.ravel()
    assert detectors(values)[SPREAD.detector] <= 3


def test_a_series_that_falls_silent_is_found() -> None:
    values = hourly(1)
    values[STEP * DAY_H :] = 0.0
    assert detectors(values)[LEVEL.detector] <= 2


def test_the_values_of_a_day_depend_on_the_three_weeks_before_it_alone() -> None:
    hours, values = START + np.arange(DAYS * DAY_H), hourly(2)
    whole = Days.of(hours, values)
    part = Days.of(hours[10 * DAY_H :], values[10 * DAY_H :])
    for name in ("level", "spread", "pattern"):
        assert np.array_equal(getattr(whole, name)[31:], getattr(part, name)[21:])


def test_a_day_with_too_few_hours_says_nothing() -> None:
    hours, values = START + np.arange(DAYS * DAY_H), hourly(2)
    values[:7] = np.nan
    days = Days.of(hours, values)
    assert np.isnan([days.level[0], days.spread[0], days.pattern[0]]).all()
    assert np.isfinite(days.level[1:]).all()
