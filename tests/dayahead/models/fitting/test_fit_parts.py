"""What the fits of the members choose, and what counts for how much in them."""

import numpy as np
import pytest
from numpy.typing import NDArray

from dayahead.models.fitting.bands import band_multipliers, first_judged_block, shrink_of_all_rows
from dayahead.models.fitting.correction import fit_correction
from dayahead.models.fitting.examples import find_rows
from dayahead.models.fitting.linear import NEIGHBOURS, LinearFit, _Grams, _solve, fit_linear
from dayahead.models.fitting.tree_table import TreeTable, tree_table
from dayahead.models.history import History
from dayahead.models.settings import LinearSettings, ModelSettings, TreeSettings
from tests.dayahead.conftest import COPENHAGEN, START, consumption


def fitted(values: NDArray[np.float64], **settings: float) -> LinearFit:
    history = History(tuple(f"s{row}" for row in range(len(values))), START, values, (COPENHAGEN,))
    chosen = LinearSettings.model_validate({"penalties": [0.1], "passes": 1, "blocks": 3} | settings)
    rows = find_rows(history, chosen.blocks)
    return fit_linear(history, rows, chosen, screened=False, rng=np.random.default_rng(0))


def test_few_days_of_one_series_let_hours_learn_from_their_neighbours() -> None:
    assert fitted(consumption(1, 40 * 24)).neighbours != ()


def grams(slopes: NDArray[np.float64]) -> _Grams:
    """Of one feature and 24 hours of the day, each with two blocks of 4 rows and a slope of its own; [24]."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(24, 2, 4, 1))
    y = x * slopes[:, None, None, None] + rng.normal(size=(24, 2, 4, 24))
    turned = x.swapaxes(2, 3)
    return _Grams(turned @ x, turned @ y, (y * y).sum(axis=2), np.full((24, 2), 4.0))


def test_hours_learn_from_neighbours_that_are_like_them_and_not_from_others() -> None:
    alike = _solve(grams(np.ones(24)), NEIGHBOURS, [1e-3])
    unlike = _solve(grams(np.where(np.arange(24) % 2, 5.0, -5.0)), NEIGHBOURS, [1e-3])
    assert alike.neighbours == NEIGHBOURS[-1]
    assert unlike.neighbours == ()


PENALTIES = [0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0]


def fitted_on(x: NDArray[np.float64], slopes: NDArray[np.float64], noise: float, penalties: list[float]) -> float:
    """The slope error of a fit on 24 hours of the day alike, with 3 blocks of rows [24, 3, n, features] and noise."""
    y = (x @ slopes)[..., None] + np.random.default_rng(2).normal(0, noise, (*x.shape[:3], 24))
    turned = x.swapaxes(2, 3)
    made = _solve(_Grams(turned @ x, turned @ y, (y * y).sum(axis=2), np.full((24, 3), 20.0)), ((),), penalties)
    return float(np.abs(made.coefficients - slopes[None, :, None]).mean())


def test_what_no_hour_of_the_day_finds_use_for_is_held_back_more(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(1).normal(size=(24, 3, 12, 30))
    slopes = np.where(np.arange(30) < 3, 1.0, 0.0)
    adaptive = fitted_on(x, slopes, noise=2.0, penalties=PENALTIES)
    monkeypatch.setattr("dayahead.models.fitting.linear.FARTHEST_WORTH", 1.0)
    plain = fitted_on(x, slopes, noise=2.0, penalties=PENALTIES)
    assert adaptive < 0.9 * plain


def test_of_penalties_that_do_alike_the_larger_is_taken() -> None:
    alike = grams(np.ones(24))
    assert _solve(alike, ((),), [1e-6, 1e-4, 1e-3]).penalty == 1e-3
    assert _solve(alike, ((),), [1e-3, 1e6]).penalty == 1e-3


def test_with_many_rows_no_hour_learns_from_its_neighbours() -> None:
    assert fitted(consumption(1, 40 * 24), rows_per_feature=0).neighbours == ()


def test_a_hole_of_months_leaves_no_block_of_time_empty() -> None:
    values = np.tile(consumption(1, 20 * 24), 6)
    values[:, 12 * 24 : 105 * 24] = np.nan
    history = History(("s",), START, values, (COPENHAGEN,))
    rows = find_rows(history, 5)
    assert np.unique(rows.block).tolist() == [0, 1, 2, 3, 4]
    assert (np.diff(rows.block[np.argsort(rows.origin)]) >= 0).all()


def test_a_history_that_knows_the_season_is_cut_into_more_blocks() -> None:
    settings = LinearSettings(blocks=3, long_blocks=7)
    assert settings.blocks_of(28 * 24) == 3
    assert settings.blocks_of(800 * 24) == 7


def test_where_rows_are_few_each_shows_more_of_its_leads() -> None:
    history = History(("s",), START, consumption(1, 20 * 24), (COPENHAGEN,))
    chosen = LinearSettings(penalties=(0.1,), passes=1, blocks=3)
    rows = find_rows(history, 3)
    rng = np.random.default_rng(0)
    linear = fit_linear(history, rows, chosen, screened=False, rng=rng)
    few, _ = tree_table(history, rows, linear, TreeSettings(rows=1_000, leads_per_row=2), screened=False, rng=rng)
    assert len(few) == len(rows) * (2_000 // len(rows))
    assert len(few) > 2 * len(rows)


def table(size: NDArray[np.float64], residual: NDArray[np.float64]) -> TreeTable:
    """Rows that look the same to the trees."""
    rows = len(size)
    return TreeTable(
        features=np.zeros((rows, 32), np.float32),
        residual=residual.astype(np.float32),
        block=np.zeros(rows, np.int64),
        lead=np.ones(rows, np.int64),
        actual=size,
        scale=size,
        size=size,
        naive=size,
    )


@pytest.mark.parametrize(("power", "correction"), [(0.0, -1.0), (1.0, 1.0)])
def test_the_correction_follows_the_many_or_the_large(power: float, correction: float) -> None:
    large = np.arange(1000) % 10 == 0
    rows = table(np.where(large, 1000.0, 1.0), np.where(large, 1.0, -1.0))
    settings = TreeSettings(size_power=power, learning_rate=1.0, trees=1)
    made = fit_correction(rows, settings, seed=1).predict(rows.features[:1])
    assert made[0] == pytest.approx(correction, abs=1e-6)


def test_a_series_in_terawatts_does_not_hide_series_in_watts() -> None:
    large = np.arange(3000) % 1000 == 0
    rows = table(np.where(large, 1e12, 1.0), np.where(large, 1.0, -1.0))
    made = fit_correction(rows, TreeSettings(trees=1, learning_rate=1.0), seed=1).predict(rows.features[:1])
    assert made[0] == pytest.approx(-1.0, abs=1e-6)


def errors_at_hours(days: int) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Ratios of error and spread, twice as large at the origins from 6 to 11; with their leads and hours."""
    rng = np.random.default_rng(1)
    lead, hour = rng.integers(1, 25, days * 200), rng.integers(0, 24, days * 200)
    return rng.normal(0, np.where((hour >= 6) & (hour < 12), 2.0, 1.0)), lead, hour


def test_the_band_is_as_wide_as_the_hour_of_the_day_of_the_origin_wants_it() -> None:
    ratio, lead, hour = errors_at_hours(500)
    made = band_multipliers(ratio, lead, hour, days=500)
    low, high = made[hour, lead - 1].T
    within = (ratio >= low) & (ratio <= high)
    assert within[hour == 9].mean() == pytest.approx(0.8, abs=0.02)
    assert within[hour == 20].mean() == pytest.approx(0.8, abs=0.02)


def test_a_few_days_say_little_about_an_hour_of_the_day() -> None:
    ratio, lead, hour = errors_at_hours(500)
    much, little = (band_multipliers(ratio, lead, hour, days=days)[:, :, 1].mean(axis=1) for days in (500, 3))
    assert np.ptp(little) < np.ptp(much) / 5


@pytest.mark.parametrize("rows", [80, 160, 1600])
def test_the_band_shrinks_by_what_a_fit_on_all_blocks_gains_over_fits_without_one(rows: int) -> None:
    """Ridge regressions with the penalty that fits: measured on new rows, compared with the optimism estimate."""
    blocks, features, worth, trials = 5, 40, 0.03, 200
    rng = np.random.default_rng(0)

    def ridge(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.linalg.solve(x.T @ x + np.eye(features) / worth, x.T @ y))

    seen, unseen, new = [], [], []
    for _ in range(trials):
        true = rng.normal(size=features) * np.sqrt(worth)
        x = rng.normal(size=(rows, features))
        y = x @ true + rng.normal(size=rows)
        found = ridge(x, y)
        seen.append(np.mean((y - x @ found) ** 2))
        new.append(1 + np.sum((found - true) ** 2))
        for out in np.arange(rows).reshape(blocks, -1):
            rest = np.setdiff1d(np.arange(rows), out)
            unseen.append(np.mean((y[out] - x[out] @ ridge(x[rest], y[rest])) ** 2))
    gained = np.sqrt(np.mean(new) / np.mean(unseen))
    assert shrink_of_all_rows(float(np.sqrt(np.mean(unseen) / np.mean(seen))), blocks) == pytest.approx(
        gained, abs=0.02
    )


def test_the_band_does_not_shrink_where_nothing_is_learnt_by_heart() -> None:
    assert shrink_of_all_rows(1.0, 5) == 1.0
    assert shrink_of_all_rows(1.01, 10) > shrink_of_all_rows(2.0, 10) > 0.5


@pytest.mark.parametrize(
    ("history_days", "blocks", "since"),
    [
        (1000, 10, 600),  # the block that a year ago lies in: every season
        (100, 5, 20),  # the block in which origins begin to have four weeks behind them
        (30, 5, 18),  # the block in which the newest ten days begin
        (15, 5, 3),
    ],
)
def test_the_band_is_learnt_from_a_year_or_from_origins_like_those_in_service(
    history_days: int, blocks: int, since: int
) -> None:
    starts = np.arange(blocks) * (history_days // blocks) * 24
    first = first_judged_block(starts, 0, history_days * 24, ModelSettings().bands.days)
    assert starts[first] == since * 24
