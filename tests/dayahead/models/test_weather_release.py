from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from dayahead.contracts import Reason, Rung
from dayahead.models.fitting.fit import fit_release
from dayahead.models.history import History
from dayahead.models.serving.forecaster import ForecastBatch, Forecaster
from dayahead.models.serving.linear_day import LinearDay
from dayahead.models.serving.release import Release
from dayahead.models.serving.window import WINDOW_HOURS, WindowBatch, WindowWeather
from dayahead.models.settings import ModelSettings
from tests.dayahead.models.serving.test_blas import blas_threads
from tests.dayahead.models.weather_load import weather_history

pytestmark = pytest.mark.timeout(900)  # three fits of three days of the horizon

LEADS = 72
SERIES = 6


@pytest.fixture(scope="module")
def history(history_with_weather: History) -> History:
    return history_with_weather


@pytest.fixture(scope="module")
def release(weather_release: Release) -> Release:
    return weather_release


@pytest.fixture(scope="module")
def plain(plain_release: Release) -> Release:
    return plain_release


@pytest.fixture(scope="module")
def batch(history: History) -> WindowBatch:
    return history.batch(history.end - 80)[1]


def weather_of(batch: WindowBatch) -> WindowWeather:
    assert batch.weather is not None
    return batch.weather


def with_temperature(batch: WindowBatch, temperature: NDArray[np.float32]) -> WindowBatch:
    return replace(batch, weather=replace(weather_of(batch), temperature=temperature))


def same(one: ForecastBatch, other: ForecastBatch, rows: object = slice(None)) -> bool:
    return all(
        getattr(one, name)[rows].tobytes() == getattr(other, name).tobytes()
        for name in ("p10", "p50", "p90", "rung", "reasons", "floor_days")
    )


def test_a_release_with_weather_has_the_same_part_without_it_byte_for_byte(release: Release, plain: Release) -> None:
    assert release.weather is not None
    assert plain.weather is None
    for name in ("coefficients", "band_multipliers", "quantile_shape"):
        assert getattr(release, name).tobytes() == getattr(plain, name).tobytes()
    assert (release.correction, release.spread, release.optimism) == (plain.correction, plain.spread, plain.optimism)
    assert len(release.later_days) == len(plain.later_days) == 2
    for mine, theirs in zip(release.later_days, plain.later_days, strict=True):
        assert mine.coefficients.tobytes() == theirs.coefficients.tobytes()
        assert mine.band_multipliers.tobytes() == theirs.band_multipliers.tobytes()
        assert mine.beats_naive == theirs.beats_naive
    bare = replace(release, weather=None, metrics=plain.metrics, data_fingerprint=plain.data_fingerprint)
    assert bare.release_id == plain.release_id


def test_every_day_that_the_weather_reaches_is_forecast_with_it_and_better(
    release: Release, plain: Release, history: History
) -> None:
    assert release.weather_days == (1, 2, 3)
    errors = []
    for one in (release, plain):
        forecaster = Forecaster(one)
        missed = []
        for origin in range(history.end - 5 * 24, history.end - LEADS, 7):
            series, windows = history.batch(origin)
            actual = history.targets(series, windows.origin, LEADS)
            missed.append(
                np.abs(forecaster.forecast(windows).p50[:-1] / actual[:-1] - 1).reshape(-1, 3, 24).mean((0, 2))
            )
        errors.append(np.mean(missed, axis=0))
    assert (errors[0] < 0.8 * errors[1]).all(), errors


def test_an_artifact_with_weather_is_read_as_it_was_written(release: Release, batch: WindowBatch) -> None:
    back = Release.from_bytes(release.to_bytes())
    assert back.release_id == release.release_id
    assert same(Forecaster(back).forecast(batch), Forecaster(release).forecast(batch))


def test_a_series_has_the_same_forecast_alone_as_in_any_company(release: Release, batch: WindowBatch) -> None:
    forecaster = Forecaster(release)
    together = forecaster.forecast(batch)
    order = np.array([4, 0, 5, 2, 1, 3])
    weather = weather_of(batch)
    other_rows = np.where(weather.place < 0, -1, len(weather.temperature) - 1 - weather.place)[order]
    backwards = WindowWeather(weather.temperature[::-1], other_rows, weather.stale)
    shuffled = WindowBatch(batch.values[order], batch.origin[order], batch.calendar, LEADS, backwards)
    assert same(forecaster.forecast(shuffled), rows_of(together, order))
    for row in range(SERIES):
        assert same(forecaster.forecast(batch.take(slice(row, row + 1))), rows_of(together, np.array([row])))


def rows_of(made: ForecastBatch, rows: NDArray[np.int64]) -> ForecastBatch:
    return ForecastBatch(
        *(getattr(made, name)[rows] for name in ("p50", "p10", "p90", "rung", "floor_days", "reasons", "features"))
    )


def test_blas_has_one_thread_while_a_release_is_unpacked_and_forecasts(
    release: Release, batch: WindowBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[set[int]] = []

    def noting(compute: Callable[..., Any]) -> Callable[..., Any]:
        def note(*arguments: Any) -> Any:
            threads.append(blas_threads())
            return compute(*arguments)

        return note

    for name in ("_as_maps", "_make_plan"):
        monkeypatch.setattr(LinearDay, name, noting(vars(LinearDay)[name]))
    with threadpool_limits(limits=2, user_api="blas"):
        if blas_threads() != {2}:
            pytest.skip("BLAS here has one thread at most")
        forecaster = Forecaster(release)
        unpacked = len(threads)
        forecaster.forecast(batch)
    assert len(threads) > unpacked > 0
    assert threads == [{1}] * len(threads)


def test_a_batch_of_many_origins_and_places_has_the_forecasts_of_each_origin(
    release: Release, history: History
) -> None:
    forecaster = Forecaster(release)
    origins = np.repeat(np.arange(history.end - 100, history.end - 80), SERIES)
    series = np.tile(np.arange(SERIES), 20)
    many = forecaster.forecast(history.window_batch(series, origins))
    for place, origin in enumerate(range(history.end - 100, history.end - 80, 6)):
        rows = np.arange(SERIES) + 6 * place * SERIES
        assert same(forecaster.forecast(history.batch(origin)[1]), rows_of(many, rows))


def test_a_series_without_a_place_is_forecast_as_by_a_release_without_weather(
    release: Release, plain: Release, batch: WindowBatch
) -> None:
    with_weather, without = Forecaster(release).forecast(batch), Forecaster(plain).forecast(batch)
    assert (with_weather.p50[:-1] != without.p50[:-1]).all()
    assert same(with_weather, rows_of(without, np.array([SERIES - 1])), slice(SERIES - 1, SERIES))
    assert same(
        Forecaster(release).forecast(replace(batch, weather=None)),
        Forecaster(plain).forecast(replace(batch, weather=None)),
    )
    assert same(Forecaster(plain).forecast(batch), without)


def test_leads_beyond_the_run_are_forecast_without_weather_and_the_forecast_says_so(
    release: Release, plain: Release, batch: WindowBatch
) -> None:
    known = Forecaster(release).forecast(batch)
    without = Forecaster(plain).forecast(batch)
    cut = weather_of(batch).temperature.copy()
    cut[:, WINDOW_HOURS + 30 :] = np.nan
    made = Forecaster(release).forecast(with_temperature(batch, cut))
    first_day, partly, other = slice(0, 24), slice(24, 30), slice(30, LEADS)
    for name in ("p10", "p50", "p90"):
        assert (getattr(made, name)[:-1, first_day] == getattr(known, name)[:-1, first_day]).all()
        assert (getattr(made, name)[:-1, other] == getattr(without, name)[:-1, other]).all()
    # the trees of these ask for the mean of their day, which the weather reaches in part
    np.testing.assert_allclose(made.p50[:-1, partly], known.p50[:-1, partly], rtol=0.15)
    assert (made.p50[:-1, partly] != without.p50[:-1, partly]).all()
    assert (made.reasons[:-1] == known.reasons[:-1] | Reason.NO_WEATHER).all()
    assert (made.rung[:-1] == Rung.DEGRADED_INPUT).all()
    assert made.reasons[-1] == known.reasons[-1]
    assert (known.reasons & Reason.NO_WEATHER == 0).all()


def test_a_stale_run_is_not_used(release: Release, plain: Release, batch: WindowBatch) -> None:
    stale = replace(batch, weather=replace(weather_of(batch), stale=np.ones(len(weather_of(batch).stale), np.bool_)))
    made, without = Forecaster(release).forecast(stale), Forecaster(plain).forecast(batch)
    assert made.p50.tobytes() == without.p50.tobytes()
    assert (made.reasons[:-1] == without.reasons[:-1] | Reason.WEATHER_STALE).all()
    assert made.reasons[-1] == without.reasons[-1]


def test_a_past_with_too_many_holes_is_no_weather_and_a_few_are_filled(release: Release, batch: WindowBatch) -> None:
    known = Forecaster(release).forecast(batch)
    holes = weather_of(batch).temperature.copy()
    holes[:, WINDOW_HOURS - 40 : WINDOW_HOURS - 30] = np.nan
    made = Forecaster(release).forecast(with_temperature(batch, holes))
    assert (made.reasons == known.reasons).all()
    np.testing.assert_allclose(made.p50[:-1], known.p50[:-1], rtol=0.05)
    holes[:, WINDOW_HOURS - 60 : WINDOW_HOURS - 30] = np.nan
    made = Forecaster(release).forecast(with_temperature(batch, holes))
    assert (made.reasons[:-1] & Reason.NO_WEATHER != 0).all()


def test_a_warmer_day_than_expected_lowers_the_load_of_what_heats(release: Release, batch: WindowBatch) -> None:
    weather = weather_of(batch).temperature
    cold, warm = weather.copy(), weather.copy()
    cold[:, WINDOW_HOURS:] = 2.0
    warm[:, WINDOW_HOURS:] = 16.0
    forecaster = Forecaster(release)
    p50 = [forecaster.forecast(with_temperature(batch, one)).p50[:-1] for one in (cold, warm)]
    assert (p50[0] > p50[1]).all()


def test_absurd_temperatures_count_as_unknown(release: Release, plain: Release, batch: WindowBatch) -> None:
    absurd = np.where(np.arange(WINDOW_HOURS + LEADS) >= WINDOW_HOURS, np.float32(1e30), weather_of(batch).temperature)
    made = Forecaster(release).forecast(with_temperature(batch, absurd.astype(np.float32)))
    assert made.p50.tobytes() == Forecaster(plain).forecast(batch).p50.tobytes()
    assert (made.reasons[:-1] & Reason.NO_WEATHER != 0).all()


def test_a_day_whose_weather_does_not_help_is_left_to_the_member_without(
    release: Release, plain: Release, batch: WindowBatch
) -> None:
    made = Forecaster(release.with_floor([3])).forecast(batch)
    assert release.with_floor([3]).weather_days == (1, 2)
    assert (made.floor_days & 0b100 != 0).all()
    assert release.weather is not None
    first_only = replace(release, weather=release.weather.without(frozenset({1, 2, 3})))
    assert first_only.weather_days == ()
    assert same(Forecaster(first_only).forecast(batch), Forecaster(plain).forecast(batch))


def test_weather_that_says_nothing_of_the_load_is_not_used(small_settings: ModelSettings) -> None:
    history = weather_history(4, 50 * 24, seed=5)
    other = weather_history(4, 50 * 24, seed=6)
    flat = replace(history, values=np.random.default_rng(0).normal(100, 1, history.values.shape), weather=other.weather)
    release = fit_release(flat, small_settings, seed=1)
    assert release.weather is None or release.weather_days == ()
