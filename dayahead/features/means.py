"""Means over a stretch of a window, added up one by one in double precision."""

from typing import Any

from numpy.typing import NDArray

from dayahead.machine_code import compiled


@compiled
def mean(values: NDArray[Any], begin: int, end: int) -> float:
    """Mean of the values from begin to end (exclusive)."""
    total = 0.0
    for place in range(begin, end):
        total += float(values[place])
    return total / (end - begin)


@compiled
def mean_distance(values: NDArray[Any], begin: int, end: int, centre: float) -> float:
    """Mean distance of the values to a centre."""
    total = 0.0
    for place in range(begin, end):
        total += abs(float(values[place]) - centre)
    return total / (end - begin)


@compiled
def mean_change(values: NDArray[Any], begin: int, end: int, lag: int) -> float:
    """Mean |change| of the values against those some hours before."""
    total = 0.0
    for place in range(begin, end):
        total += abs(float(values[place]) - float(values[place - lag]))
    return total / (end - begin)
