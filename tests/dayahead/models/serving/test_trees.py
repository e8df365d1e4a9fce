"""Trees as machine code walks through them: the same answers as LightGBM's, or LightGBM."""

import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest
from numpy.typing import NDArray

from dayahead.models.serving.lightgbm_trees import LightGbmTrees
from dayahead.models.serving.tree_tables import TreeTables
from dayahead.models.serving.tree_walk import BLOCK_ROWS, WORD_BITS, add_trees
from dayahead.models.serving.trees import TreeModel, _sample

FEATURES = 8


def fitted(trees: int = 40, **settings: object) -> str:
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(4_000, FEATURES)).astype(np.float32)
    target = np.sin(rows[:, 0]) + rows[:, 1] * rows[:, 2] + rng.normal(0, 0.1, len(rows))
    given = {"objective": "l1", "num_leaves": 31, "verbosity": -1, "num_threads": 1, **settings}
    return lightgbm.train(given, lightgbm.Dataset(rows, target), trees).model_to_string()


@pytest.fixture(scope="module")
def text() -> str:
    return fitted()


def some_rows(count: int) -> NDArray[np.float32]:
    return np.random.default_rng(2).normal(size=(count, FEATURES)).astype(np.float32)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"objective": "l2"},
        {"num_leaves": 2},
        {"num_leaves": 32, "min_data_in_leaf": 5},
        {"num_leaves": 33, "min_data_in_leaf": 5},
        {"num_leaves": 200, "min_data_in_leaf": 5},
        {"num_leaves": 31, "min_data_in_leaf": 3_000},
    ],
    ids=str,
)
def test_trees_answer_bit_for_bit_what_lightgbm_answers(settings: dict[str, Any]) -> None:
    text = fitted(**settings)
    booster = lightgbm.Booster(model_str=text)
    rows = np.concatenate([some_rows(20_000), _sample(booster.num_feature(), text)])
    tables = TreeModel(text).tables
    assert tables is not None
    # before they are rounded to float32: that would hide most of the differences, not all
    np.testing.assert_array_equal(tables.predict(rows), booster.predict(rows, num_threads=1))


def test_a_missing_value_counts_as_zero_as_it_does_in_lightgbm(text: str) -> None:
    rows = some_rows(2_000)
    rows[::3, 0] = np.nan
    rows[1::3, 1] = np.nan
    rows[::5] = np.nan
    zeros = np.where(np.isnan(rows), np.float32(0), rows)
    np.testing.assert_array_equal(TreeTables.read(text).predict(rows), TreeTables.read(text).predict(zeros))
    expected = lightgbm.Booster(model_str=text).predict(rows, num_threads=1)
    np.testing.assert_array_equal(TreeTables.read(text).predict(rows), expected)


def test_what_is_next_to_zero_counts_as_zero_as_it_does_in_lightgbm() -> None:
    rng = np.random.default_rng(1)
    rows = rng.integers(-2, 3, (4_000, FEATURES)).astype(np.float32)
    target = np.sign(rows[:, 0]) + (rows[:, 1] > 0) + (rows[:, 2] >= 0) + rng.normal(0, 0.1, len(rows))
    data = lightgbm.Dataset(rows, target)
    text = lightgbm.train({"objective": "l1", "verbosity": -1, "num_threads": 1}, data, 10).model_to_string()
    assert "-1.0000000180025095e-35" in text
    near = np.array([-2e-35, -1e-35, -1e-36, -0.0, 0.0, 1e-36, 1e-35, 2e-35], np.float32)
    asked = rng.choice(near, (4_000, FEATURES))
    expected = lightgbm.Booster(model_str=text).predict(asked, num_threads=1)
    np.testing.assert_array_equal(TreeTables.read(text).predict(asked), expected)
    assert TreeModel(text).tables is not None


@pytest.mark.parametrize("count", [0, 1, BLOCK_ROWS - 1, BLOCK_ROWS, BLOCK_ROWS + 1, 3 * BLOCK_ROWS + 5])
def test_a_row_is_answered_the_same_in_any_company_and_any_layout(text: str, count: int) -> None:
    model, rows = TreeModel(text), some_rows(count)
    together = model.predict(rows)
    assert together.shape == (count,)
    np.testing.assert_array_equal(model.predict(np.asfortranarray(rows)), together)
    for row in range(0, count, 97):
        assert model.predict(rows[row : row + 1])[0] == together[row]


def test_machine_code_walks_as_the_rules_say() -> None:
    tables = TreeTables.read(fitted(3, num_leaves=40, min_data_in_leaf=5))
    rows = some_rows(50)
    answers = np.empty(len(rows))
    add_trees(
        np.ascontiguousarray(rows.T),
        0,
        tables.last_words,
        tables.first_nodes,
        tables.feature,
        tables.threshold,
        tables.kept,
        tables.values,
        np.empty(len(rows), np.uint32),
        np.empty(len(rows), np.int64),
        answers,
    )
    assert len(tables.values) > 3 * WORD_BITS
    np.testing.assert_array_equal(tables.predict(rows), answers)


@pytest.mark.parametrize(
    "settings", [{"objective": "l2", "linear_tree": True}, {"categorical_feature": [3]}], ids=["linear", "categories"]
)
def test_trees_that_the_tables_cannot_hold_are_left_to_lightgbm(settings: dict[str, Any]) -> None:
    rng = np.random.default_rng(1)
    rows = np.round(rng.normal(size=(4_000, FEATURES)) * 3).astype(np.float32) + 20
    target = np.sin(rows[:, 3]) + rows[:, 1]
    categories = settings.pop("categorical_feature", "auto")
    data = lightgbm.Dataset(rows, target, categorical_feature=categories)
    booster = lightgbm.train({"verbosity": -1, "num_threads": 1, **settings}, data, 10)
    model = TreeModel(booster.model_to_string())
    assert model.tables is None
    expected = lightgbm.Booster(model_str=model.text).predict(rows, num_threads=1).astype(np.float32)
    np.testing.assert_array_equal(model.predict(rows), expected)


def test_missing_values_that_were_learnt_from_are_left_to_lightgbm() -> None:
    rows = some_rows(4_000)
    target = rows[:, 0] + rows[:, 1]
    rows[::3, 0] = np.nan
    booster = lightgbm.train({"verbosity": -1, "num_threads": 1}, lightgbm.Dataset(rows, target), 10)
    model = TreeModel(booster.model_to_string())
    assert model.tables is None
    np.testing.assert_array_equal(model.predict(rows), booster.predict(rows, num_threads=1).astype(np.float32))


@pytest.mark.parametrize("layout", [np.ascontiguousarray, np.asfortranarray])
def test_contributions_are_those_of_lightgbm(
    text: str, layout: Callable[[NDArray[np.float32]], NDArray[np.float32]]
) -> None:
    rows = layout(some_rows(500))
    expected = lightgbm.Booster(model_str=text).predict(rows, num_threads=1, pred_contrib=True)
    np.testing.assert_array_equal(TreeModel(text).contributions(rows), expected)


def test_trees_that_lightgbm_evaluates_travel_to_another_process(text: str) -> None:
    trees = LightGbmTrees(text)
    again = pickle.loads(pickle.dumps(trees))
    np.testing.assert_array_equal(again.predict(some_rows(10)), trees.predict(some_rows(10)))


def test_what_lightgbm_cannot_read_or_evaluate_is_said_in_its_words(text: str) -> None:
    with pytest.raises(ValueError, match="LightGBM cannot read the trees: Model file doesn't specify"):
        LightGbmTrees("no trees")
    with pytest.raises(ValueError, match=r"LightGBM cannot evaluate the trees: The number of features in data \(7\)"):
        LightGbmTrees(text).predict(some_rows(2)[:, :7])


def test_trees_are_checked_and_explained_without_scipy(text: str, tmp_path: Path) -> None:
    (tmp_path / "trees.txt").write_text(text)
    program = (
        "import pathlib, sys, numpy; from dayahead.models.serving.trees import TreeModel;"
        "model = TreeModel(pathlib.Path(sys.argv[1]).read_text()); rows = numpy.zeros((1, 8), numpy.float32);"
        "assert model.tables; model.contributions(rows);"
        "sys.exit('scipy' in sys.modules or 'lightgbm' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program, tmp_path / "trees.txt"], check=True)


def test_a_model_without_trees_answers_nothing() -> None:
    assert not TreeModel("").predict(some_rows(3)).any()
