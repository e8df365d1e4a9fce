from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from dayahead.contracts import Reason, Rung
from dayahead.features.calendar import Calendar
from dayahead.features.state import SeriesState
from dayahead.horizon import DAY_LEADS
from dayahead.models.history import History
from dayahead.models.serving.engine import Engine, Quantiles
from dayahead.models.serving.forecaster import ForecastBatch, Forecaster
from dayahead.models.serving.release import Release
from dayahead.models.serving.weather_days import SeriesWeather
from dayahead.models.serving.window import WINDOW_HOURS, WindowBatch

DENMARK = Calendar("Europe/Copenhagen", "DK")
ORIGIN = 465_600


def batch_of(*rows: NDArray[np.float64], calendar: Calendar = DENMARK, origin: int = ORIGIN) -> WindowBatch:
    values = np.stack([row[-WINDOW_HOURS:] for row in rows])
    return WindowBatch(values, np.full(len(rows), origin, np.int64), calendar)


@pytest.fixture(scope="module")
def forecaster(small_release: Release) -> Forecaster:
    return Forecaster(small_release)


@pytest.fixture(scope="module")
def windows(small_history: History) -> NDArray[np.float64]:
    _, batch = small_history.batch(small_history.end - 25)
    return batch.values


def assert_sound(made: ForecastBatch) -> None:
    served = made.rung < Rung.NONE
    for quantile in (made.p10, made.p50, made.p90):
        assert np.isfinite(quantile[served]).all()
        assert np.isnan(quantile[~served]).all()
    assert (made.p10[served] <= made.p50[served]).all()
    assert (made.p50[served] <= made.p90[served]).all()


def same_bits(one: ForecastBatch, other: ForecastBatch, rows: NDArray[np.int64]) -> bool:
    return all(
        getattr(one, name)[rows].tobytes() == getattr(other, name).tobytes()
        for name in ("p10", "p50", "p90", "rung", "reasons", "features")
    )


def test_whole_windows_are_forecast_by_the_full_model_and_better_than_by_the_naive(
    forecaster: Forecaster, small_history: History
) -> None:
    rows = np.arange(len(small_history.values))
    model, naive = 0.0, 0.0
    for origin in range(small_history.end - 72, small_history.end - 25, 3):
        _, batch = small_history.batch(origin)
        made = forecaster.forecast(batch)
        assert made.rung.tolist() == [Rung.FULL] * len(batch)
        assert made.reasons.tolist() == [0] * len(batch)
        assert_sound(made)
        actual = small_history.targets(rows, batch.origin)
        model += np.abs(made.p50 / actual - 1).sum()
        naive += np.abs(batch.values[:, -168:-144] / actual - 1).sum()
    assert model < 0.85 * naive


@pytest.mark.parametrize("count", [1, 2, 63, 64, 65, 200])
def test_a_series_is_forecast_the_same_bit_for_bit_in_any_company(
    forecaster: Forecaster, windows: NDArray[np.float64], count: int
) -> None:
    rng = np.random.default_rng(count)
    crowd = windows[rng.integers(0, len(windows), count)] * rng.uniform(0.5, 2, (count, 1))
    crowd[:, ::7] *= rng.uniform(0.5, 2, crowd[:, ::7].shape)
    crowd[rng.uniform(size=crowd.shape) < 0.003] *= 50
    crowd[rng.uniform(size=crowd.shape) < 0.01] = np.nan
    together = forecaster.forecast(batch_of(*crowd))
    for row in rng.permutation(count)[:10]:
        alone = forecaster.forecast(batch_of(crowd[row]))
        assert same_bits(together, alone, np.array([row]))
    order = rng.permutation(count)
    assert same_bits(together, forecaster.forecast(batch_of(*crowd[order])), order)


def test_origins_may_be_mixed_in_a_batch(forecaster: Forecaster, windows: NDArray[np.float64]) -> None:
    origins = ORIGIN + np.array([0, 5, 0, 30, 5, 0, 1, 2])
    together = forecaster.forecast(WindowBatch(windows, origins, DENMARK))
    for row, origin in enumerate(origins):
        alone = forecaster.forecast(batch_of(windows[row], origin=int(origin)))
        assert same_bits(together, alone, np.array([row]))


def test_without_a_release_the_same_hour_of_the_week_before_is_forecast(windows: NDArray[np.float64]) -> None:
    made = Forecaster(None).forecast(batch_of(*windows))
    assert made.rung.tolist() == [Rung.PROFILE] * len(windows)
    assert (made.reasons & Reason.NO_RELEASE).all()
    assert np.array_equal(made.p50, windows[:, -168:-144].astype(np.float32))
    assert_sound(made)


@pytest.mark.parametrize(
    ("history_h", "rung"),
    [
        (0, Rung.NONE),
        (1, Rung.NONE),
        (23, Rung.NONE),
        (24, Rung.PROFILE),
        (167, Rung.PROFILE),
        (191, Rung.PROFILE),
        (192, Rung.DEGRADED_INPUT),
        (671, Rung.DEGRADED_INPUT),
        (672, Rung.FULL),
    ],
)
def test_the_rung_follows_the_history(
    forecaster: Forecaster, windows: NDArray[np.float64], history_h: int, rung: Rung
) -> None:
    young = windows.copy()
    young[:, : WINDOW_HOURS - history_h] = np.nan
    made = forecaster.forecast(batch_of(*young))
    assert made.rung.tolist() == [rung] * len(windows)
    assert bool((made.reasons & Reason.SHORT_HISTORY).all()) == (history_h < 672)
    assert not (made.reasons & Reason.GAP).any()  # the hours before the first one are not missing
    assert_sound(made)


def test_a_hole_after_the_first_hour_of_a_young_series_is_a_gap(
    forecaster: Forecaster, windows: NDArray[np.float64]
) -> None:
    young = windows.copy()
    young[:, :-5] = np.nan
    young[:, -3] = np.nan
    made = forecaster.forecast(batch_of(*young))
    assert made.reasons.tolist() == [Reason.GAP | Reason.SHORT_HISTORY] * len(windows)


def test_a_hole_in_the_last_week_degrades_and_says_so(forecaster: Forecaster, windows: NDArray[np.float64]) -> None:
    holed = windows.copy()
    holed[:, -50] = np.nan
    made = forecaster.forecast(batch_of(*holed))
    assert made.rung.tolist() == [Rung.DEGRADED_INPUT] * len(windows)
    assert made.reasons.tolist() == [Reason.GAP] * len(windows)


def test_a_hole_longer_ago_is_no_reason(forecaster: Forecaster, windows: NDArray[np.float64]) -> None:
    holed = windows.copy()
    holed[:, -200] = np.nan
    assert forecaster.forecast(batch_of(*holed)).rung.tolist() == [Rung.FULL] * len(windows)


def test_with_most_of_the_week_missing_the_profile_of_the_day_forecasts(
    forecaster: Forecaster, windows: NDArray[np.float64]
) -> None:
    holed = windows.copy()
    holed[:, -168:-24] = np.nan
    made = forecaster.forecast(batch_of(*holed))
    assert made.rung.tolist() == [Rung.PROFILE] * len(windows)
    assert np.array_equal(made.p50, windows[:, -24:].astype(np.float32))


def test_with_only_the_newest_hours_the_last_value_forecasts(
    forecaster: Forecaster, windows: NDArray[np.float64]
) -> None:
    holed = windows.copy()
    holed[:, -168:-3] = np.nan
    made = forecaster.forecast(batch_of(*holed))
    assert made.rung.tolist() == [Rung.LAST_VALUE] * len(windows)
    assert np.array_equal(made.p50, np.repeat(windows[:, -1:], 24, axis=1).astype(np.float32))


def test_a_stuck_meter_is_a_reason(forecaster: Forecaster, windows: NDArray[np.float64]) -> None:
    stuck = windows.copy()
    stuck[:, -8:] = stuck[:, -8:-7]
    made = forecaster.forecast(batch_of(*stuck))
    assert (made.reasons == Reason.STUCK_METER).all()
    assert (made.rung == Rung.DEGRADED_INPUT).all()


def test_a_stuck_meter_forecasts_as_if_its_hours_were_missing(
    forecaster: Forecaster, windows: NDArray[np.float64]
) -> None:
    stuck, missing = windows.copy(), windows.copy()
    stuck[:, -12:] = stuck[:, -13:-12]
    missing[:, -12:] = np.nan
    made, expected = forecaster.forecast(batch_of(*stuck)), forecaster.forecast(batch_of(*missing))
    assert np.array_equal(made.p50, expected.p50)
    assert np.array_equal(made.p90, expected.p90)


def test_a_series_at_rest_is_forecast_to_stay_0_on_every_day_of_the_horizon(
    small_release: Release, windows: NDArray[np.float64]
) -> None:
    resting = windows.copy()
    resting[::2, -100:] = 0
    made = Forecaster(small_release).forecast(replace(batch_of(*resting), leads=408))
    for quantile in (made.p10, made.p50, made.p90):
        assert (quantile[::2] == 0).all()
    assert (made.p50[1::2] > 0).all()
    assert (made.floor_days[::2] == 0).all()


@pytest.mark.parametrize("change", [466_585, 471_793])  # 2023-03-26T01Z and 2023-10-29T01Z
def test_a_day_of_23_or_25_hours_is_forecast_as_any_other(
    forecaster: Forecaster, windows: NDArray[np.float64], change: int
) -> None:
    usual = forecaster.forecast(batch_of(*windows, origin=change - 14 * 24))
    for origin in (change - 20, change - 1, change, change + 1, change + 20, change + 100):
        made = forecaster.forecast(batch_of(*windows, origin=origin))
        assert_sound(made)
        assert (made.rung == Rung.FULL).all()
    shifted = forecaster.forecast(batch_of(*windows, origin=change + 14 * 24))
    assert np.abs(shifted.p50 / usual.p50 - 1).mean() < 0.1


def test_an_outlier_is_excluded_and_is_a_reason(forecaster: Forecaster, windows: NDArray[np.float64]) -> None:
    clean = forecaster.forecast(batch_of(*windows))
    spiked = windows.copy()
    spiked[:, -10] = 1e9 * windows.mean(axis=1)
    made = forecaster.forecast(batch_of(*spiked))
    assert (made.reasons == Reason.OUTLIER).all()
    assert np.abs(made.p50 / clean.p50 - 1).max() < 0.3


def test_a_source_without_holidays_is_a_reason(forecaster: Forecaster, windows: NDArray[np.float64]) -> None:
    made = forecaster.forecast(batch_of(*windows, calendar=Calendar("Europe/Copenhagen")))
    assert (made.reasons == Reason.NO_CALENDAR).all()
    assert (made.rung == Rung.DEGRADED_INPUT).all()


class _Mad(Engine):
    """An engine whose answers are beyond all capacity for some series."""

    def quantiles(
        self,
        state: SeriesState,
        calendar: Calendar,
        origin: NDArray[np.int64],
        leads: int = DAY_LEADS,
        weather: SeriesWeather | None = None,
    ) -> Quantiles:
        made = super().quantiles(state, calendar, origin, leads, weather)
        made.p50[::2] = 1e30
        return made


class _Broken(Engine):
    def quantiles(
        self,
        state: SeriesState,
        calendar: Calendar,
        origin: NDArray[np.int64],
        leads: int = DAY_LEADS,
        weather: SeriesWeather | None = None,
    ) -> Quantiles:
        raise ValueError("damaged trees")


def with_engine(engine: type[Engine], release: Release, previous: Release | None) -> Forecaster:
    forecaster = Forecaster(release, previous)
    forecaster._engines[0] = (engine(release), Rung.FULL)
    return forecaster


def test_an_absurd_output_is_rejected_and_the_previous_release_takes_over(
    small_release: Release, windows: NDArray[np.float64]
) -> None:
    made = with_engine(_Mad, small_release, small_release).forecast(batch_of(*windows))
    assert made.rung.tolist() == [Rung.PREVIOUS_RELEASE, Rung.FULL] * (len(windows) // 2)
    assert made.reasons.tolist() == [Reason.OUTPUT_REJECTED, 0] * (len(windows) // 2)
    assert_sound(made)


def test_a_model_that_fails_leaves_the_previous_release_and_then_the_profile(
    small_release: Release, windows: NDArray[np.float64]
) -> None:
    made = with_engine(_Broken, small_release, small_release).forecast(batch_of(*windows))
    assert (made.rung == Rung.PREVIOUS_RELEASE).all()
    assert (made.reasons == Reason.MODEL_FAILED).all()
    made = with_engine(_Broken, small_release, None).forecast(batch_of(*windows))
    assert (made.rung == Rung.PROFILE).all()


def test_strange_series_get_sound_forecasts(forecaster: Forecaster, windows: NDArray[np.float64]) -> None:
    hour = np.arange(WINDOW_HOURS)
    base = windows[0] / windows[0].mean()
    strange = {
        "constant": np.full(WINDOW_HOURS, 7.5),
        "zero": np.zeros(WINDOW_HOURS),
        "intermittent": np.where(hour % 37 == 0, 5.0, 0.0),
        "silent for a week": np.where(hour < WINDOW_HOURS - 200, base, 0.0),
        "awake for an hour": np.where(hour == WINDOW_HOURS - 1, 1e6, 0.0),
        "one watt": base,
        "one terawatt": base * 1e12,
        "tiny": base * 1e-9,
        "level shift": np.where(hour > WINDOW_HOURS - 100, 8 * base, base),
        "negative": -base,
        "both signs": base - 1,
        "wild": base * np.where(hour % 101 == 0, 1e9, 1.0),
        "doubled": base * np.where(hour % 53 == 0, 2.0, 1.0),
    }
    made = forecaster.forecast(batch_of(*strange.values()))
    assert_sound(made)
    assert (made.rung <= Rung.PROFILE).all()
    by_name = dict(zip(strange, made.p50, strict=True))
    assert (by_name["zero"] == 0).all()
    assert np.abs(by_name["constant"] / 7.5 - 1).max() < 0.05
    assert np.abs(by_name["one terawatt"] / 1e12 / by_name["one watt"] - 1).max() < 1e-5
    assert np.abs(by_name["tiny"] * 1e9 / by_name["one watt"] - 1).max() < 1e-5
    never_negative = np.array([values.min() >= 0 for values in strange.values()])
    assert (made.p10[never_negative] >= 0).all()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    values=arrays(
        np.float64,
        st.tuples(st.integers(1, 3), st.just(WINDOW_HOURS)),
        elements=st.one_of(st.floats(-1e15, 1e15), st.just(np.nan), st.just(0.0), st.floats(0, 10), st.just(np.inf)),
    ),
    origin=st.integers(400_000, 500_000),
)
def test_no_window_whatever_raises_or_yields_an_unsound_forecast(
    forecaster: Forecaster, values: NDArray[np.float64], origin: int
) -> None:
    assert_sound(forecaster.forecast(WindowBatch(values, np.full(len(values), origin, np.int64), DENMARK)))


def test_an_empty_batch_is_an_empty_forecast(forecaster: Forecaster) -> None:
    made = forecaster.forecast(WindowBatch(np.empty((0, WINDOW_HOURS)), np.empty(0, np.int64), DENMARK))
    assert len(made) == 0


def test_the_windows_are_left_as_they_were(forecaster: Forecaster, windows: NDArray[np.float64]) -> None:
    given_values = windows.copy()
    given_values[:, 5:9] = np.nan
    kept = given_values.copy()
    forecaster.forecast(batch_of(*given_values))
    assert np.array_equal(given_values, kept, equal_nan=True)


def test_the_band_is_that_of_the_local_hour_of_the_origin_and_of_every_hour_in_older_releases(
    small_release: Release, small_history: History
) -> None:
    _, batch = small_history.batch(small_history.end - 25)
    hour = int(batch.calendar.at(batch.origin[:1]).hour[0])
    multipliers = small_release.band_multipliers
    older = replace(small_release, band_multipliers=multipliers[hour])
    elsewhere = np.where(np.arange(24)[:, None, None] == hour, multipliers, 9 * multipliers).astype(np.float32)
    here = np.where(np.arange(24)[:, None, None] == hour, 9 * multipliers, multipliers).astype(np.float32)
    made = Forecaster(small_release).forecast(batch)
    every = np.arange(len(batch.origin))
    for release in (Release.from_bytes(older.to_bytes()), replace(small_release, band_multipliers=elsewhere)):
        assert same_bits(made, Forecaster(release).forecast(batch), every)
    wider = Forecaster(replace(small_release, band_multipliers=here)).forecast(batch)
    assert ((wider.p90 - wider.p50) > (made.p90 - made.p50)).all()


def test_a_slightly_negative_reading_is_no_reason_to_forecast_below_zero(
    forecaster: Forecaster, windows: NDArray[np.float64]
) -> None:
    """A consumption between nothing and much, whose band would go below 0."""
    consumed = np.random.default_rng(3).choice([0.0, 0.1, 3.0], WINDOW_HOURS) + 0.01 * windows[0] / windows[0].max()
    noisy, negative = consumed.copy(), consumed.copy()
    noisy[-30] = -0.001
    negative[-30] = -1.0
    made = forecaster.forecast(batch_of(consumed, noisy, negative))
    assert made.rung.tolist() == [Rung.FULL] * 3
    assert made.p10[:2].min(axis=1).tolist() == [0.0, 0.0]
    assert made.p10[2].min() < 0


def test_no_forecast_goes_below_three_times_the_lowest_hour(
    forecaster: Forecaster, windows: NDArray[np.float64]
) -> None:
    net = windows[0] / windows[0].mean() - 0.9
    made = forecaster.forecast(batch_of(net))
    assert made.p50.min() < 0
    assert made.p10.min() >= 3 * net[-WINDOW_HOURS:].min()


@pytest.mark.parametrize("days", [14, 21])
def test_the_day_after_a_feed_at_a_tenth_is_not_forecast_at_a_tenth(
    forecaster: Forecaster, windows: NDArray[np.float64], days: int
) -> None:
    faulty = windows.copy()
    faulty[:, -24 - days * 24 : -24] *= 0.1
    made, well = forecaster.forecast(batch_of(*faulty)), forecaster.forecast(batch_of(*windows))
    level = made.p50.sum(axis=1) / well.p50.sum(axis=1)
    assert (level > 0.25).all()  # it was 0.1
    assert (level < 1.5).all()
    assert not (made.reasons & Reason.OUTLIER).any()
