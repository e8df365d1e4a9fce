"""Rows of arrays by key: groups of equal keys, and one number for a series at an hour."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

HOUR_BITS = 32
"""Low bits of a pair that hold the hour; the upper ones hold the series."""

HALF = 1 << (HOUR_BITS - 1)
"""Added to an hour, so that hours before 1970 sort before the others."""


def groups(keys: NDArray[np.int64]) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Go through the distinct keys, ascending, each with the places that have it, ascending."""
    for key in np.unique(keys).tolist():
        yield key, np.flatnonzero(keys == key)


def pack_pairs(series: NDArray[np.int64], hour: NDArray[np.int64]) -> NDArray[np.int64]:
    """Make one number of a series and an hour; numbers sort by series, then by hour.

    Args:
        series: int64 [n], 0 to 2**31 - 1.
        hour: int64 [n], -2**31 to 2**31 - 1.
    """
    return (series << HOUR_BITS) + (hour + HALF)


def unpack_pairs(pairs: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split what `pack_pairs` made into series and hours."""
    return pairs >> HOUR_BITS, (pairs & ((1 << HOUR_BITS) - 1)) - HALF
