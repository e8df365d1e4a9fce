"""What the fits of the members choose, and what counts for how much in them."""

import numpy as np
import pytest
from numpy.typing import NDArray

from dayahead.models.examples import find_rows
from dayahead.models.fit_linear import NEIGHBOURS, LinearFit, _Grams, _solve, fit_linear
from dayahead.models.fit_trees import TreeTable, fit_correction
from dayahead.models.history import History
from dayahead.models.settings import LinearSettings, TreeSettings
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


def test_a_terawatt_does_not_silence_the_watts_beside_it() -> None:
    large = np.arange(3000) % 1000 == 0
    rows = table(np.where(large, 1e12, 1.0), np.where(large, 1.0, -1.0))
    made = fit_correction(rows, TreeSettings(trees=1, learning_rate=1.0), seed=1).predict(rows.features[:1])
    assert made[0] == pytest.approx(-1.0, abs=1e-6)
