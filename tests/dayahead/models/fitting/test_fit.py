import dataclasses
import threading
from pathlib import Path

import numpy as np
import pytest

from dayahead.contracts import Rung
from dayahead.errors import NotEnoughHistoryError, ReleaseError, SettingsError
from dayahead.evaluation.backtest import backtest
from dayahead.features.calendar import Calendar
from dayahead.models.fitting.bands import shrink_of_all_rows
from dayahead.models.fitting.fit import fit_release
from dayahead.models.fitting.settings_file import load_model_settings
from dayahead.models.history import History
from dayahead.models.serving.forecaster import Forecaster
from dayahead.models.serving.release import MAGIC, Release
from dayahead.models.serving.window import WindowBatch
from dayahead.models.settings import ModelSettings
from dayahead.quantiles import LEVELS
from tests.dayahead.conftest import START, consumption

DENMARK = Calendar("Europe/Copenhagen", "DK")


def test_the_same_data_settings_and_seed_make_the_same_release(
    small_history: History, small_settings: ModelSettings, small_release: Release
) -> None:
    again = fit_release(small_history.until(small_history.end - 72), small_settings, seed=1)
    assert again.to_bytes() == small_release.to_bytes()
    assert again.release_id == small_release.release_id
    assert small_release.release_id.startswith("r-")
    assert len(small_release.release_id) == 14


def test_a_fit_on_several_threads_makes_the_same_bytes_and_reports_every_part(
    small_history: History, small_settings: ModelSettings, small_release: Release
) -> None:
    parts: list[str] = []
    again = fit_release(
        small_history.until(small_history.end - 72),
        small_settings,
        seed=1,
        threads=3,
        on_part=lambda: parts.append(threading.current_thread().name),
    )
    assert again.to_bytes() == small_release.to_bytes()
    assert len(parts) >= small_settings.linear.blocks
    assert len(set(parts)) > 1


def test_a_fit_ends_where_the_report_of_a_part_gives_up(small_history: History, small_settings: ModelSettings) -> None:
    def give_up() -> None:
        raise InterruptedError

    for threads in (1, 2):
        with pytest.raises(InterruptedError):
            fit_release(small_history, small_settings, seed=1, threads=threads, on_part=give_up)


def test_another_seed_or_hour_of_data_makes_another_release(
    small_history: History, small_settings: ModelSettings, small_release: Release
) -> None:
    other_seed = fit_release(small_history.until(small_history.end - 72), small_settings, seed=2)
    other_data = fit_release(small_history.until(small_history.end - 73), small_settings, seed=1)
    assert len({small_release.release_id, other_seed.release_id, other_data.release_id}) == 3


def test_a_release_comes_back_from_its_bytes_and_forecasts_the_same(
    small_release: Release, small_history: History
) -> None:
    back = Release.from_bytes(small_release.to_bytes())
    assert back.release_id == small_release.release_id
    _, batch = small_history.batch(small_history.end - 25)
    assert Forecaster(back).forecast(batch).p90.tobytes() == Forecaster(small_release).forecast(batch).p90.tobytes()


def test_a_release_brings_the_shape_of_its_quantiles_and_one_without_is_still_read(small_release: Release) -> None:
    shape = small_release.shape_by_day
    assert shape is not None
    assert shape.shape == (small_release.days, 24, len(LEVELS))
    assert shape.dtype == np.float32
    assert (np.diff(shape, axis=2) >= 0).all()
    assert (shape[:, :, [2, 4, 6]] == [-1, 0, 1]).all()
    back = Release.from_bytes(small_release.to_bytes()).shape_by_day
    assert back is not None
    assert back.tobytes() == shape.tobytes()
    later = tuple(dataclasses.replace(day, quantile_shape=None) for day in small_release.later_days)
    older = Release.from_bytes(dataclasses.replace(small_release, quantile_shape=None, later_days=later).to_bytes())
    assert older.shape_by_day is None


def test_a_release_knows_what_it_was_trained_on(small_release: Release, small_history: History) -> None:
    assert small_release.trained_from == small_history.start
    assert small_release.trained_until == small_history.end - 72
    assert small_release.data_fingerprint == small_history.until(small_history.end - 72).fingerprint
    assert 0 < small_release.metrics["held_out_wape"] < small_release.metrics["held_out_wape_naive"]


@pytest.mark.parametrize("damage", [b"", b"x", MAGIC, MAGIC + b"rubbish"])
def test_damaged_bytes_are_refused(damage: bytes) -> None:
    with pytest.raises(ReleaseError, match="train a new one"):
        Release.from_bytes(damage)


def test_a_release_with_unknown_features_is_refused(small_release: Release) -> None:
    spec = dataclasses.replace(small_release.feature_spec, trees=("temperature",))
    with pytest.raises(ReleaseError, match="does not compute"):
        Release.from_bytes(dataclasses.replace(small_release, feature_spec=spec).to_bytes())


def test_two_weeks_are_enough_and_less_is_refused(small_history: History, small_settings: ModelSettings) -> None:
    release = fit_release(small_history.until(small_history.start + 336), small_settings, seed=1)
    _, batch = small_history.batch(small_history.start + 400)
    assert (Forecaster(release).forecast(batch).rung == Rung.DEGRADED_INPUT).all()
    with pytest.raises(NotEnoughHistoryError, match="335"):
        fit_release(small_history.until(small_history.start + 335), small_settings, seed=1)


def test_one_series_is_enough(small_history: History, small_settings: ModelSettings) -> None:
    one = History(("DK1/0",), small_history.start, small_history.values[:1], small_history.calendars)
    _, batch = one.batch(one.end - 1)
    assert (Forecaster(fit_release(one, small_settings, seed=1)).forecast(batch).rung == Rung.FULL).all()


def test_strange_series_among_the_training_data_spoil_nothing(
    small_history: History, small_settings: ModelSettings
) -> None:
    rng = np.random.default_rng(5)
    clean = small_history.values
    base = clean[0] / clean[0].mean()
    hours = np.arange(clean.shape[1])
    holed = np.where(rng.uniform(size=clean.shape[1]) < 0.25, np.nan, base)
    strange = np.stack(
        [
            np.zeros_like(base),
            np.full_like(base, 3.0),
            np.where(hours % 29 == 0, 4.0, 0.0),
            holed,
            base * np.where(hours % 97 == 0, 1e9, 1.0),
            np.where(hours > 700, 5 * base, base),
            np.where(hours > 900, base * 1e12, np.nan),
            np.full_like(base, np.nan),
        ]
    )
    history = History(
        tuple(f"s{number}" for number in range(16)),
        small_history.start,
        np.concatenate([clean, strange]),
        small_history.calendars,
    )
    _, batch = history.batch(history.end - 25)
    spoilt = Forecaster(fit_release(history.until(history.end - 24), small_settings, seed=1)).forecast(batch)
    pure = Forecaster(fit_release(small_history.until(history.end - 24), small_settings, seed=1)).forecast(
        WindowBatch(batch.values[:8], batch.origin[:8], DENMARK)
    )
    actual = clean[:, -24:]
    error, pure_error = (np.abs(made / actual - 1).mean() for made in (spoilt.p50[:8], pure.p50))
    # Nearly half of the rows are rubbish now: they cost something, and must not cost more.
    assert error < 1.35 * pure_error
    assert np.isfinite(spoilt.p50[:15]).all()
    assert spoilt.rung[15] == Rung.NONE


def test_sources_of_different_calendars_share_a_model(small_history: History, small_settings: ModelSettings) -> None:
    sydney = Calendar("Australia/Sydney", "AU", "NSW")
    mixed = History(
        small_history.series_ids,
        small_history.start,
        small_history.values,
        (DENMARK, sydney),
        np.array([0, 1] * 4),
    )
    forecaster = Forecaster(fit_release(mixed, small_settings, seed=1))
    for number in (0, 1):
        series, batch = mixed.batch(mixed.end - 1, number)
        assert len(series) == 4
        assert (forecaster.forecast(batch).rung == Rung.FULL).all()


def test_a_release_knows_that_errors_are_larger_on_what_it_was_not_fitted_on(small_release: Release) -> None:
    assert 1.0 < small_release.optimism < 3.0


def test_the_band_is_learnt_from_every_block_of_the_days_asked_for(
    small_history: History, small_settings: ModelSettings
) -> None:
    def fitted(days: float) -> Release:
        bands = small_settings.bands.model_copy(update={"days": days})
        return fit_release(small_history, small_settings.model_copy(update={"bands": bands}), seed=1)

    # Blocks of these 45 days begin on days 8, 20 and 32: one day asks for the last, 22 days for two.
    assert not np.array_equal(fitted(1).band_multipliers, fitted(22).band_multipliers)
    # Origins without four weeks behind them are left out where ten days remain.
    assert np.array_equal(fitted(22).band_multipliers, fitted(400).band_multipliers)


def test_the_band_of_a_release_is_shrunk_by_what_it_gains_over_fits_without_a_block(
    small_history: History, small_settings: ModelSettings, small_release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[float, int]] = []

    def half(optimism: float, blocks: int) -> float:
        asked.append((optimism, blocks))
        return shrink_of_all_rows(optimism, blocks) / 2

    monkeypatch.setattr("dayahead.models.fitting.fit.shrink_of_all_rows", half)
    narrower = fit_release(small_history.until(small_history.end - 72), small_settings, seed=1)
    assert asked == [(small_release.optimism, small_settings.linear.blocks)]
    assert np.allclose(narrower.band_multipliers, small_release.band_multipliers / 2, rtol=1e-5)


def test_four_fifths_of_the_hours_lie_within_the_band(small_settings: ModelSettings) -> None:
    values = consumption(12, 36 * 24, seed=7)
    history = History(tuple(f"DK1/{number}" for number in range(12)), START, values, (DENMARK,))
    release = fit_release(history.until(START + 28 * 24), small_settings, seed=1)
    made = backtest(history, Forecaster(release), range(START + 28 * 24 - 1, history.end - 24, 7))
    assert 0.72 < made.accuracy().coverage < 0.88


def test_settings_come_from_yaml(tmp_path: Path) -> None:
    path = tmp_path / "model.yaml"
    path.write_text("trees: {trees: 90}\n")
    assert load_model_settings(path).trees.trees == 90
    path.write_text("trees: {treees: 90}\n")
    with pytest.raises(SettingsError, match=r"trees\.treees"):
        load_model_settings(path)


def test_series_that_are_all_zero_are_fitted_and_forecast_as_zero(small_settings: ModelSettings) -> None:
    history = History(("A", "B"), START, np.zeros((2, 40 * 24)), (DENMARK,))
    release = Release.from_bytes(fit_release(history, small_settings, seed=1).to_bytes())
    _, batch = history.batch(history.end - 1)
    made = Forecaster(release).forecast(batch)
    assert made.rung.tolist() == [Rung.FULL, Rung.FULL]
    assert not np.concatenate([made.p10, made.p50, made.p90]).any()


def test_a_series_that_was_zero_when_its_release_was_fitted_is_forecast_once_it_is_not(
    small_settings: ModelSettings,
) -> None:
    release = fit_release(History(("A",), START, np.zeros((1, 40 * 24)), (DENMARK,)), small_settings, seed=1)
    alive = consumption(1, 40 * 24)
    _, batch = History(("A",), START, alive, (DENMARK,)).batch(START + 40 * 24 - 1)
    made = Forecaster(release).forecast(batch)
    assert np.abs(made.p50 / alive.mean() - 1).max() < 1
    assert (made.p10 < made.p90).all()


def test_a_data_set_that_ends_in_zeros_is_fitted(small_settings: ModelSettings, small_history: History) -> None:
    """The newest blocks of time, which the band is learnt from, have no scale."""
    values = np.concatenate([small_history.values, np.zeros((len(small_history.values), 90 * 24))], axis=1)
    assert fit_release(dataclasses.replace(small_history, values=values), small_settings, seed=1).release_id
