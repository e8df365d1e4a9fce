"""A LightGBM model as text that travels in a release, and its evaluation on one thread."""

from functools import cached_property

import lightgbm
import numpy as np
from numpy.typing import NDArray


class TreeModel:
    """Trees; equal text is equal behaviour. Without text it answers 0.

    Attributes:
        text: LightGBM's own model text.
    """

    def __init__(self, text: str) -> None:
        self.text = text

    def predict(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Answers of float32 [n, features] rows, each row by itself; float32 [n]."""
        if not self.text or len(features) == 0:
            return np.zeros(len(features), np.float32)
        return np.asarray(self._booster.predict(features, num_threads=1), np.float32)

    @cached_property
    def _booster(self) -> lightgbm.Booster:
        return lightgbm.Booster(model_str=self.text)
