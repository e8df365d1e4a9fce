"""The same hours of an earlier day or week."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from dayahead.horizon import DAY_LEADS

A = TypeVar("A", bound=np.generic)


def lagged(values: NDArray[A], lag: int) -> NDArray[A]:
    """Take the values that lie `lag` hours before each of the 24 hours after the origin.

    Args:
        values: [n, hours], the last column the origin.
        lag: hours, at least 24.

    Returns:
        [n, 24], by lead.
    """
    hours = values.shape[1]
    return values[:, hours - lag : hours - lag + DAY_LEADS]
