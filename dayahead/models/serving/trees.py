"""A LightGBM model as text that travels in a release, and its evaluation on one thread.

Machine code walks the trees (tree_walk.py) and answers bit for bit what LightGBM answers, ten times faster. Where it
does not, LightGBM itself answers (lightgbm_trees.py).
"""

import time
from functools import cached_property

import numpy as np
import structlog
from numpy.typing import NDArray
from prometheus_client import Counter

from dayahead.models.serving.lightgbm_trees import LightGbmTrees
from dayahead.models.serving.tree_tables import TreeTables

CHECKED_ROWS = 1_024
"""Rows on which the tables of a model must answer as LightGBM does before they are used."""

TREE_SECONDS = Counter("dayahead_tree_seconds_total", "Seconds in which trees were evaluated, over all threads")

_log = structlog.get_logger(__name__)


class TreeModel:
    """Trees; equal text is equal behaviour. Without text it answers 0.

    Attributes:
        text: LightGBM's own model text.
    """

    def __init__(self, text: str) -> None:
        self.text = text

    def predict(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Answers of float32 [n, features] rows, each row by itself; float32 [n].

        Fastest on the transpose of an array whose rows are the features.

        Raises:
            ValueError: LightGBM cannot read the text or evaluate the rows.
        """
        if not self.text or len(features) == 0:
            return np.zeros(len(features), np.float32)
        tables = self.tables
        began = time.perf_counter()
        answers = tables.predict(features) if tables else self._by_lightgbm.predict(features)
        TREE_SECONDS.inc(time.perf_counter() - began)
        return np.asarray(answers, np.float32)

    def prepare(self) -> None:
        """Read and check the trees now; else the first `predict` does it."""
        if self.text:
            _ = self.tables

    def contributions(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """What each feature adds to the answers of float32 [n, features] rows (TreeSHAP), by LightGBM itself.

        Returns:
            float64 [n, features + 1]; the last column is what the trees answer on average. A row's sum is its answer.

        Raises:
            ValueError: LightGBM cannot read the text.
        """
        return self._by_lightgbm.contributions(features)

    @cached_property
    def tables(self) -> TreeTables | None:
        """The trees as machine code walks through them; None where it would not answer as LightGBM does."""
        try:
            tables = TreeTables.read(self.text)
        except ValueError as error:
            _log.warning("trees_left_to_lightgbm", reason=str(error))
            return None
        sample = _sample(self._by_lightgbm.features, self.text)
        if np.array_equal(tables.predict(sample), self._by_lightgbm.predict(sample)):
            return tables
        _log.warning("trees_left_to_lightgbm", reason="the tables do not answer what LightGBM answers")
        return None

    @cached_property
    def _by_lightgbm(self) -> LightGbmTrees:
        return LightGbmTrees(self.text)


def _sample(features: int, text: str) -> NDArray[np.float32]:
    """Rows on which a mistake would show: values at the thresholds of the trees and close to them, and missing ones."""
    rng = np.random.default_rng(0)
    thresholds = _thresholds(text)
    sample = np.empty((CHECKED_ROWS, features), np.float32)
    for column in range(sample.shape[1]):
        near = thresholds.get(column, np.zeros(1))
        value = rng.choice(near, CHECKED_ROWS).astype(np.float32)
        stepped = np.nextafter(value, np.float32(np.inf) * rng.choice(np.array([-1, 1], np.float32), CHECKED_ROWS))
        sample[:, column] = np.choose(rng.integers(0, 3, CHECKED_ROWS), [value, stepped, value * np.float32(1.5)])
    sample[rng.random(sample.shape) < 0.01] = np.nan
    return sample


def _thresholds(text: str) -> dict[int, NDArray[np.float64]]:
    """Thresholds by feature, out of a model's text."""
    found: dict[int, list[float]] = {}
    features: list[int] = []
    for line in text.splitlines():
        name, _, values = line.partition("=")
        if name == "split_feature":
            features = [int(value) for value in values.split()]
        elif name == "threshold":
            for feature, value in zip(features, values.split(), strict=True):
                found.setdefault(feature, []).append(float(value))
    return {feature: np.array(values) for feature, values in found.items()}
