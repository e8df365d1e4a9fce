"""Errors of forecasts by group of hours, such as the lead or the hour of the local day."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ErrorGroups:
    """Sums over the forecast hours of each group.

    Attributes:
        hours: int64 [groups], forecast hours with a known actual.
        absolute_error: float64 [groups], in the unit of the series.
        absolute_actual: float64 [groups].
    """

    hours: NDArray[np.int64]
    absolute_error: NDArray[np.float64]
    absolute_actual: NDArray[np.float64]

    @classmethod
    def of(
        cls, error: NDArray[np.float32], actual: NDArray[np.float64], group: NDArray[np.int64], count: int
    ) -> "ErrorGroups":
        """Add up the errors by group.

        Args:
            error: float32 [n, leads], |forecast - actual|, NaN where the actual was not known.
            actual: float64 [n, leads], NaN where it is not known.
            group: int64 [n, leads], of each forecast hour, below `count`.
            count: of groups.
        """
        known = np.isfinite(error) & np.isfinite(actual)
        here = group[known]
        return cls(
            np.bincount(here, minlength=count),
            _sums(here, error[known].astype(np.float64), count),
            _sums(here, np.abs(actual[known]), count),
        )


def _sums(group: NDArray[np.int64], values: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    return np.asarray(np.bincount(group, values, count), np.float64)
