import numpy as np
import pytest
from numpy.typing import NDArray

from dayahead.source import Source
from dayahead.storage.tables.series import RegisteredSeries
from trainer.quarantine import IMPLAUSIBLE_ZERO, IMPOSSIBLE_VALUE, LEVEL_BREAK, SPIKE, STUCK_METER, Cleaned, clean
from trainer.settings import QuarantineSettings

START = 400_000
SOURCE = Source.model_validate(
    {
        "name": "test",
        "kind": "file",
        "title": "test",
        "path": "x.csv",
        "time_column": "time",
        "key_columns": ["area"],
        "value_column": "value",
        "unit": "kWh",
    }
)


def ordinary(days: int = 42, seed: int = 0) -> NDArray[np.float64]:
    """A series with a daily and a weekly rhythm and a little noise."""
    hours = np.arange(days * 24)
    rhythm = 100 + 30 * np.sin(hours / 24 * 2 * np.pi) - 25 * (hours // 24 % 7 >= 5)
    return rhythm + np.random.default_rng(seed).normal(0, 3, len(hours))


def cleaned(values: NDArray[np.float64], source: Source = SOURCE) -> Cleaned:
    rows = np.atleast_2d(values)
    series = [RegisteredSeries(10 + n, f"A{n}", 1, "A", "kWh", 0) for n in range(len(rows))]
    return clean(rows, START, series, source, QuarantineSettings())


def test_an_ordinary_series_is_left_alone() -> None:
    values = np.array([ordinary(seed=seed) for seed in range(20)])
    result = cleaned(values)
    assert result.ranges == []
    assert np.array_equal(result.values, values)


def test_what_the_source_calls_impossible_is_set_aside_with_its_hour_and_its_limit() -> None:
    values = ordinary()
    values[[100, 101]] = -5.0
    result = cleaned(values, SOURCE.model_copy(update={"minimum": 0.0, "maximum": 1000.0}))
    assert [(r.rule, r.start, r.end, r.hours) for r in result.ranges] == [
        (IMPOSSIBLE_VALUE, START + 100, START + 102, 2)
    ]
    assert result.ranges[0].series_id == "A0"
    assert result.ranges[0].series_key == 10
    assert "outside 0 to 1000" in result.ranges[0].reason
    assert np.isnan(result.values[0, 100:102]).all()


def test_infinity_is_impossible_without_any_limit() -> None:
    values = ordinary()
    values[7] = np.inf
    assert [r.rule for r in cleaned(values).ranges] == [IMPOSSIBLE_VALUE]


@pytest.mark.parametrize("broken", [1e9, -400.0, 1000.0])
def test_a_single_wild_value_is_a_spike(broken: float) -> None:
    values = ordinary()
    values[500] = broken
    result = cleaned(values)
    assert [(r.rule, r.start, r.hours) for r in result.ranges] == [(SPIKE, START + 500, 1)]
    assert np.isfinite(np.delete(result.values[0], 500)).all()


def test_a_zero_in_a_series_that_never_comes_near_it_is_a_lost_reading() -> None:
    values = ordinary()
    values[[500, 501, 700]] = 0.0
    result = cleaned(values)
    assert [(r.rule, r.start, r.hours) for r in result.ranges] == [
        (IMPLAUSIBLE_ZERO, START + 500, 2),
        (IMPLAUSIBLE_ZERO, START + 700, 1),
    ]


def test_the_zeros_of_a_series_that_rests_at_night_are_its_nature() -> None:
    hours = np.arange(42 * 24)
    values = np.maximum(0, np.sin(hours / 24 * 2 * np.pi)) * 50
    assert cleaned(values).ranges == []


def test_a_zero_in_a_series_that_is_often_near_zero_is_kept() -> None:
    values = np.abs(np.random.default_rng(0).normal(10, 8, 42 * 24))
    values[500] = 0.0
    assert cleaned(values).ranges == []


def test_many_wild_values_do_not_hide_each_other() -> None:
    values = ordinary()
    at = np.arange(30, 1000, 211)
    values[at] = 1e9
    assert [r.start - START for r in cleaned(values).ranges] == at.tolist()


def test_a_series_that_often_jumps_keeps_its_jumps() -> None:
    values = np.zeros(42 * 24)
    jumps = np.random.default_rng(1).random(len(values)) < 0.05
    values[jumps] = 500.0
    assert [r for r in cleaned(values).ranges if r.rule == SPIKE] == []


def test_a_stuck_meter_is_set_aside_but_for_its_first_hour() -> None:
    values = ordinary()
    values[300:340] = values[300]
    result = cleaned(values)
    assert [(r.rule, r.start, r.hours) for r in result.ranges] == [(STUCK_METER, START + 301, 39)]
    assert "40 hours in a row" in result.ranges[0].reason


def test_a_short_pause_is_no_stuck_meter() -> None:
    values = ordinary()
    values[300:310] = values[300]
    assert cleaned(values).ranges == []


def test_a_constant_series_is_no_stuck_meter() -> None:
    assert cleaned(np.full(42 * 24, 7.0)).ranges == []


def test_a_series_that_often_repeats_itself_is_no_stuck_meter() -> None:
    values = np.repeat(np.random.default_rng(0).integers(1, 5, 42 * 6), 4).astype(float)
    values[200:240] = 2.0
    assert [r for r in cleaned(values).ranges if r.rule == STUCK_METER] == []


def test_hours_before_a_change_of_level_that_stays_are_not_learnt_from() -> None:
    values = ordinary(60)
    values[: 30 * 24] *= 10
    result = cleaned(values)
    assert [(r.rule, r.start, r.end) for r in result.ranges] == [(LEVEL_BREAK, START, START + 30 * 24)]
    assert np.isfinite(result.values[0, 30 * 24 :]).all()


def test_a_shutdown_of_a_week_is_no_change_of_level() -> None:
    values = ordinary(60)
    values[30 * 24 : 37 * 24] *= 0.1
    assert [r for r in cleaned(values).ranges if r.rule == LEVEL_BREAK] == []


def test_gaps_break_no_rule() -> None:
    values = ordinary()
    values[200:290] = np.nan
    values[:50] = np.nan
    assert cleaned(values).ranges == []
    assert cleaned(np.full(42 * 24, np.nan)).ranges == []


def test_the_values_that_are_given_are_not_changed() -> None:
    values = ordinary()
    values[500] = 1e9
    before = values.copy()
    cleaned(values)
    assert np.array_equal(values, before)


def net_load(days: int = 60) -> NDArray[np.float64]:
    """A load with so much solar power behind its meter that the sun takes it down to 0 at noon on a few days."""
    hours = np.arange(days * 24)
    rng = np.random.default_rng(2)
    load = 100 + 25 * np.sin((hours % 24 - 10) / 24 * 2 * np.pi) + rng.normal(0, 2, len(hours))
    brightness = rng.uniform(0.3, 0.7, days)
    brightness[[40, 47, 55]] = 1.0
    sun = np.maximum(np.sin((hours % 24 - 6) / 12 * np.pi), 0) ** 1.5 * np.repeat(brightness, 24)
    return np.maximum(load - 115 * sun, 0.0)


def test_zeros_at_noon_that_the_sun_leads_to_are_believed() -> None:
    values = net_load()
    assert 3 < (values == 0).sum() < 0.02 * len(values)
    assert np.quantile(values[values > 0], 0.01) > 0.2 * np.median(values)
    assert cleaned(values).ranges == []


def test_a_lost_reading_at_night_is_found_in_a_series_with_zeros_at_noon() -> None:
    values = net_load()
    values[[30 * 24 + 2, 30 * 24 + 3]] = 0.0
    assert [(r.rule, r.start, r.hours) for r in cleaned(values).ranges] == [(IMPLAUSIBLE_ZERO, START + 30 * 24 + 2, 2)]


def test_a_series_that_becomes_zero_permanently_is_kept() -> None:
    values = ordinary(80)
    values[40 * 24 :] = 0.0
    assert cleaned(values).ranges == []
    year = ordinary(365)
    year[-5 * 24 :] = 0.0  # too few to be usual
    assert cleaned(year).ranges == []


def test_a_load_that_became_constant_is_kept_after_two_weeks() -> None:
    values = ordinary(80)
    values[60 * 24 :] = 90.0
    assert cleaned(values).ranges == []
    values[60 * 24 + 300 :] = ordinary(80)[60 * 24 + 300 :]
    assert [(r.rule, r.hours) for r in cleaned(values).ranges] == [(STUCK_METER, 299)]
