"""Fit of the trees that correct the linear member, and the errors of corrections that have not seen their rows.

The correction learns what the *out-of-block* linear forecast leaves over: what is left in sample is too small and
teaches the trees nothing but noise.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from dayahead.models.fitting.boosting import train
from dayahead.models.fitting.parts import Parts
from dayahead.models.fitting.tree_table import TreeTable
from dayahead.models.serving.trees import TreeModel
from dayahead.models.settings import TreeSettings

FARTHEST_SIZE = 1e3
"""A series counts as at most this many times larger or smaller than the median one."""


def fit_correction(table: TreeTable, settings: TreeSettings, seed: int) -> TreeModel:
    """L1 trees on the residual; squared error is clearly worse on heavy tails."""
    if settings.trees == 0 or len(table) == 0:
        return TreeModel("")
    parameters = {
        "objective": "regression_l1",
        "num_leaves": settings.leaves,
        "max_depth": settings.max_depth,
        "learning_rate": settings.learning_rate,
        "feature_fraction": settings.feature_fraction,
        "bagging_fraction": settings.bagging_fraction,
        "bagging_freq": 1,
        "lambda_l2": settings.lambda_l2,
        "max_bin": settings.max_bin,
        "min_data_in_leaf": int(np.clip(len(table) / settings.min_data_divisor, 20, 1000)),
    }
    weight = _weight_of_size(table.size, settings.size_power)
    return train(table.features, table.residual, parameters, settings.trees, seed, weight)


def unseeing_corrections(
    table: TreeTable, blocks: Sequence[int], settings: TreeSettings, seed: int, parts: Parts
) -> dict[int, TreeModel]:
    """Corrections by block of time, each of which has not seen the rows of its block."""

    def correction_without(block: int) -> TreeModel:
        return fit_correction(table.where(table.block != block), settings, seed)

    return dict(zip(blocks, parts.each(correction_without, blocks), strict=True))


def unseeing_errors(judged: TreeTable, corrections: Mapping[int, TreeModel]) -> NDArray[np.float32]:
    """Errors of the forecast, each block's from the correction that has not seen it; (actual - forecast) / scale."""
    error = np.empty(len(judged), np.float32)
    for block, correction in corrections.items():
        mine = judged.block == block
        error[mine] = judged.residual[mine] - correction.predict(judged.features[mine])
    return error


def _weight_of_size(size: NDArray[np.float64], power: float) -> NDArray[np.float64] | None:
    """Weight of rows by the size of their series; mean 1; None where all count the same.

    Held within a factor of the median: whatever the units, no series is left out, and none stands for all.
    """
    if power == 0:
        return None
    share = np.clip(size / np.median(size), 1 / FARTHEST_SIZE, FARTHEST_SIZE) ** power
    return np.asarray(share / share.mean())
