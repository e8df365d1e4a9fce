"""Things by key: groups of equal keys, and one number for a series at an hour."""

from collections.abc import Hashable, Iterable, Iterator
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

HOUR_BITS = 32
"""Low bits of a pair that hold the hour; the upper ones hold the series."""

HALF = 1 << (HOUR_BITS - 1)
"""Added to an hour, so that hours before 1970 sort before the others."""


def groups(keys: NDArray[np.int64]) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Go through the distinct keys, ascending, each with the places that have it, ascending."""
    if not len(keys):
        return
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    yield from zip(ordered[starts].tolist(), np.split(order, starts[1:]), strict=True)


def runs(keys: NDArray[np.signedinteger[Any]]) -> list[tuple[int, int]]:
    """Runs of equal keys: the first place of each, and the place after its last."""
    if not len(keys):
        return []
    edges = (np.flatnonzero(np.diff(keys)) + 1).tolist()
    return list(zip([0, *edges], [*edges, len(keys)], strict=True))


def numbered(values: Iterable[Key]) -> tuple[list[Key], NDArray[np.int64]]:
    """Number the distinct values in the order of their first appearance.

    Returns:
        The distinct values, and int64 [n], the number of each value.
    """
    numbers: dict[Key, int] = {}
    of_value = np.array([numbers.setdefault(value, len(numbers)) for value in values], np.int64)
    return list(numbers), of_value


def grouped(pairs: Iterable[tuple[Key, Value]]) -> dict[Key, list[Value]]:
    """Make a list of the values of each key; keys in the order of their first appearance, values in that of the pairs.

    For objects; rows of arrays are grouped by `groups`.
    """
    found: dict[Key, list[Value]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return found


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
