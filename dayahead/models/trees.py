"""A LightGBM model as text that travels in a release, and its evaluation on one thread: by LightGBM, or compiled.

Compiled trees answer bit for bit what LightGBM answers, a few times faster, so that it does not matter when, or whether
at all, the one takes over from the other.
"""

import tempfile
from functools import cached_property
from pathlib import Path

import lightgbm
import numpy as np
import structlog
from numpy.typing import NDArray

_log = structlog.get_logger(__name__)

ONE_BLOCK = 1_000_000
"""Trees that lleaves puts into one block: all. It adds up each block by itself, and so in another order than LightGBM,
whose last bit would then be another one."""

CHECKED_ROWS = 4_096
"""Rows on which compiled trees must equal LightGBM before they answer."""


class TreeModel:
    """Trees; equal text is equal behaviour. Without text it answers 0.

    Attributes:
        text: LightGBM's own model text.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._compiled: _CompiledTrees | None = None

    def predict(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Answers of float32 [n, features] rows, each row by itself; float32 [n]."""
        if not self.text or len(features) == 0:
            return np.zeros(len(features), np.float32)
        trees = self._compiled
        answers = trees.predict(features) if trees else self._booster.predict(features, num_threads=1)
        return np.asarray(answers, np.float32)

    def compile(self) -> None:
        """Answer by machine code from now on, where it equals LightGBM; takes a second or more.

        May run in a thread of its own while others call `predict`.
        """
        if not self.text or self._compiled is not None:
            return
        try:
            trees = _CompiledTrees(self.text)
        except (OSError, RuntimeError, ValueError, AssertionError, NotImplementedError) as error:
            _log.warning("trees_not_compiled", error=str(error))
            return
        sample = _sample(self._booster, self.text)
        if np.array_equal(trees.predict(sample), self._booster.predict(sample, num_threads=1)):
            self._compiled = trees
        else:
            _log.warning("trees_not_compiled", error="compiled trees do not equal LightGBM's")

    @property
    def is_compiled(self) -> bool:
        """Whether machine code answers."""
        return self._compiled is not None

    @cached_property
    def _booster(self) -> lightgbm.Booster:
        return lightgbm.Booster(model_str=self.text)


class _CompiledTrees:
    """Trees as machine code of this processor (lleaves)."""

    def __init__(self, text: str) -> None:
        import lleaves  # noqa: PLC0415 - LLVM takes a second to load, and few processes compile

        with tempfile.TemporaryDirectory(prefix="dayahead-trees-") as folder:
            file = Path(folder) / "model.txt"
            file.write_text(text, encoding="utf-8")
            self._model = lleaves.Model(model_file=str(file))
            self._model.compile(fblocksize=ONE_BLOCK)

    def predict(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """As LightGBM's, float64 [n]."""
        return np.asarray(self._model.predict(features.astype(np.float64), n_jobs=1))


def _sample(booster: lightgbm.Booster, text: str) -> NDArray[np.float32]:
    """Rows on which a mistake would show: values at the thresholds of the trees and close to them, and missing ones."""
    rng = np.random.default_rng(0)
    thresholds = _thresholds(text)
    sample = np.empty((CHECKED_ROWS, booster.num_feature()), np.float32)
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
