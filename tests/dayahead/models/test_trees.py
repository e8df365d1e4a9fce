"""Compiled trees: the same answers as LightGBM's, or none."""

import lightgbm
import numpy as np
import pytest
from numpy.typing import NDArray

from dayahead.models.trees import TreeModel, _sample

FEATURES = 8


def fitted(**settings: object) -> str:
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(4_000, FEATURES)).astype(np.float32)
    target = np.sin(rows[:, 0]) + rows[:, 1] * rows[:, 2] + rng.normal(0, 0.1, len(rows))
    given = {"objective": "l1", "num_leaves": 31, "verbosity": -1, "num_threads": 1, **settings}
    return lightgbm.train(given, lightgbm.Dataset(rows, target), 40).model_to_string()


@pytest.fixture(scope="module")
def text() -> str:
    return fitted()


def some_rows(count: int) -> NDArray[np.float32]:
    return np.random.default_rng(2).normal(size=(count, FEATURES)).astype(np.float32)


def test_compiled_trees_answer_bit_for_bit_what_lightgbm_answers(text: str) -> None:
    plain, compiled = TreeModel(text), TreeModel(text)
    compiled.compile()
    assert compiled.is_compiled
    booster = lightgbm.Booster(model_str=text)
    rows = np.concatenate([some_rows(20_000), _sample(booster, text)])
    assert compiled._compiled is not None
    # before they are rounded to float32: that would hide most of the differences, not all
    np.testing.assert_array_equal(compiled._compiled.predict(rows), booster.predict(rows, num_threads=1))
    np.testing.assert_array_equal(compiled.predict(rows), plain.predict(rows))


def test_trees_that_would_be_compiled_wrongly_stay_with_lightgbm() -> None:
    model = TreeModel(fitted(objective="l2", linear_tree=True))
    expected = TreeModel(model.text).predict(some_rows(100))
    model.compile()
    assert not model.is_compiled
    np.testing.assert_array_equal(model.predict(some_rows(100)), expected)


def test_a_model_without_trees_answers_nothing_when_compiled() -> None:
    model = TreeModel("")
    model.compile()
    assert not model.predict(some_rows(3)).any()
