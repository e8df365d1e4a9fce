"""Orders of long columns of whole numbers, in time that grows with their length alone.

A sort by comparison of five million numbers takes as long as parsing them did.
"""

import numpy as np
from numpy.typing import NDArray

DIGIT_BITS = 16
"""NumPy sorts numbers of so many bits by their digits."""


def series_order(series: NDArray[np.int32]) -> NDArray[np.int64]:
    """The order that sorts numbers of series; equal ones stay as they are.

    Args:
        series: [n] numbers from 0.

    Returns:
        [n] places.
    """
    order: NDArray[np.int64] = np.argsort(series.astype(np.uint16), kind="stable")
    if len(series) and int(series.max()) >> DIGIT_BITS:
        order = order[np.argsort((series >> DIGIT_BITS).astype(np.uint16)[order], kind="stable")]
    return order


def answer_order(record: NDArray[np.int64]) -> NDArray[np.int64]:
    """The order that sorts numbers of records; equal ones stay as they are.

    Args:
        record: [n] numbers from 0, of an answer of about as many records.

    Returns:
        [n] places.
    """
    if not len(record):
        return np.zeros(0, np.int64)
    first = int(record.min())
    size = int(record.max()) - first + 1
    if size <= 4 * len(record):
        place = np.full(size, -1, np.int64)
        place[record - first] = np.arange(len(record))
        order = place[place >= 0]
        if len(order) == len(record):  # no record has several
            return order
    return np.argsort(record, kind="stable")
