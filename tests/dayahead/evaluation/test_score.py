import numpy as np
import pytest
from numpy.typing import NDArray

from dayahead.evaluation.metrics import accuracy
from dayahead.evaluation.score import ScoreBatch, score, usual_level

WEEK_AND_DAY = 192


def scored(values: NDArray[np.float64], p50: float, half_width: float = 0.0) -> ScoreBatch:
    middle = np.full((len(values), 24), p50, np.float32)
    return score(values, middle - np.float32(half_width), middle, middle + np.float32(half_width))


def test_sums_run_over_the_leads_whose_actual_is_known() -> None:
    values = np.full((1, WEEK_AND_DAY), 10.0)
    values[0, -24:] = 8.0
    values[0, -1] = np.nan
    values[0, -2] = 0.0
    made = scored(values, 9.0, 1.0)
    assert made.hours[0] == 23
    assert made.absolute_error[0] == 22 * 1 + 9
    assert made.absolute_actual[0] == 22 * 8
    assert made.signed_error[0] == 22 * 1 + 9
    assert made.percentage_hours[0] == 23
    assert made.percentage_error[0] == pytest.approx(22 / 8 + 9 / (0.25 * 10))
    assert made.covered[0] == 22
    assert np.isnan(made.lead_error[0, 23])
    assert made.lead_error[0, 22] == 9


def test_each_naive_stands_in_for_the_other_so_that_both_are_compared_on_the_same_hours() -> None:
    values = np.full((1, WEEK_AND_DAY), 10.0)
    values[0, -24:] = 8.0
    values[0, -48:-24] = 7.0
    values[0, :4] = np.nan
    values[0, -48] = np.nan
    made = scored(values, 9.0)
    assert made.naive_hours[0] == 23
    assert made.naive_error[0] == 3 * 1 + 20 * 2
    assert made.daily_naive_error[0] == 23 * 1
    assert made.naive_actual[0] == 23 * 8
    assert made.model_error_where_naive[0] == 23


def test_one_hour_near_zero_does_not_decide_the_mape_of_an_area() -> None:
    """24 series of 26,000 kWh for a day of origins, and one faulty hour of 1 kWh, seen by 24 origins: 467 % before."""
    values = np.full((24 * 24, WEEK_AND_DAY), 26_000.0)
    forecast = np.full((len(values), 24), 26_000.0 * 1.05, np.float32)
    quiet = accuracy(score(values, forecast, forecast, forecast))
    values[np.arange(24), WEEK_AND_DAY - 24 + np.arange(24)] = 1.0
    faulty = accuracy(score(values, forecast, forecast, forecast))
    assert quiet.mape == pytest.approx(0.05, abs=1e-4)
    assert faulty.mape < 0.06
    assert faulty.wape < 0.06


@pytest.mark.parametrize("faulty_hours", [0, 1, 30])
def test_absurd_hours_within_a_week_leave_the_usual_level_as_it_is(faulty_hours: int) -> None:
    week = np.full((1, 168), 10.0)
    week[0, 60 : 60 + faulty_hours] = 10_000_000.0
    assert usual_level(week) == 10.0


def test_the_usual_level_of_a_series_that_rests_at_night_is_that_of_its_days() -> None:
    day = np.where(np.arange(24) % 24 < 12, 0.0, -8.0)
    assert usual_level(np.tile(day, 7)[None]) == 4.0


def test_the_usual_level_is_of_the_days_that_are_known() -> None:
    week = np.full((3, 168), np.nan)
    week[0, :24] = 6.0
    week[1, :30], week[1, 100:103] = 6.0, 2.0
    assert np.array_equal(usual_level(week), [6.0, 6.0, np.nan], equal_nan=True)


def test_hours_at_zero_of_a_series_that_has_always_been_zero_count_for_no_mape() -> None:
    values = np.zeros((1, WEEK_AND_DAY))
    values[0, -1] = 5.0
    made = scored(values, 4.0)
    assert made.percentage_hours[0] == 1
    assert made.percentage_error[0] == pytest.approx(1 / 5)


def test_pinball_is_the_mean_of_three_quantiles() -> None:
    values = np.full((1, WEEK_AND_DAY), 10.0)
    made = scored(values, 8.0, 1.0)
    assert made.pinball[0] == pytest.approx(24 * (0.1 * 3 + 0.5 * 2 + 0.9 * 1) / 3)


def test_a_forecast_that_was_never_made_has_no_hours() -> None:
    made = scored(np.full((1, WEEK_AND_DAY), 10.0), np.nan)
    assert made.hours[0] == 0
    assert made.naive_hours[0] == 0
    assert np.isfinite(made.pinball[0])


def test_ratios_are_of_sums() -> None:
    values = np.full((2, WEEK_AND_DAY), 1.0)
    values[1] = 99.0
    values[:, -24:] += 1
    total = accuracy(scored(values, 2.0))
    assert total.wape == pytest.approx(98 / 102)
    assert total.bias == pytest.approx(-98 / 102)
    assert total.mase == pytest.approx(98 / 2)
    assert total.skill == pytest.approx(1 - 98 / 2)
    assert total.mape == pytest.approx(0.98 / 2)
    assert total.coverage == 0.5
    assert total.naive_wape == pytest.approx(2 / 102)


@pytest.mark.parametrize(("day", "week", "skill"), [(9.0, 6.0, 0.5), (6.0, 9.0, 0.5), (8.25, 6.0, -1.0)])
def test_skill_is_measured_against_the_better_naive(day: float, week: float, skill: float) -> None:
    values = np.full((1, WEEK_AND_DAY), 8.0)
    values[0, -48:-24] = day
    values[0, :24] = week
    total = accuracy(scored(values, 8.5))
    assert total.daily_naive_wape == pytest.approx(abs(day - 8) / 8)
    assert total.weekly_naive_wape == pytest.approx(abs(week - 8) / 8)
    assert total.naive_wape == min(total.daily_naive_wape, total.weekly_naive_wape)
    assert total.daily_is_better == (total.daily_naive_wape < total.weekly_naive_wape)
    assert total.skill == pytest.approx(skill)


def test_unknown_values_are_nan_and_not_zero() -> None:
    total = accuracy(scored(np.zeros((1, WEEK_AND_DAY)), 0.0))
    assert np.isnan(total.wape)
    assert np.isnan(total.mape)
    assert np.isnan(total.skill)
