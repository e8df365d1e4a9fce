"""Training of trees by LightGBM, the same bytes each time."""

import lightgbm
import numpy as np
from numpy.typing import NDArray

from dayahead.features.trees import TREE_FEATURES
from dayahead.features.weather import WEATHER_TREE_FEATURES
from dayahead.models.serving.trees import TreeModel


def train(
    features: NDArray[np.float32],
    target: NDArray[np.floating],
    parameters: dict[str, object],
    trees: int,
    seed: int,
    weight: NDArray[np.float64] | None = None,
) -> TreeModel:
    """Trees by LightGBM, on one thread and the same each time; parameters are LightGBM's own.

    The features are TREE_FEATURES, and WEATHER_TREE_FEATURES after them where there are so many.
    """
    fixed = {"num_threads": 1, "deterministic": True, "force_row_wise": True, "seed": seed, "verbosity": -1}
    data = lightgbm.Dataset(
        features,
        label=target,
        weight=weight,
        feature_name=[*TREE_FEATURES, *WEATHER_TREE_FEATURES][: features.shape[1]],
        params={"max_bin": parameters["max_bin"], **fixed},
    )
    booster = lightgbm.train({**parameters, **fixed}, data, num_boost_round=trees)
    return TreeModel(booster.model_to_string())
