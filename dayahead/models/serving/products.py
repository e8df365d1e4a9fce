"""Products of windows and weights whose bits do not depend on what else is in the batch.

A forecast must be the same, bit for bit, whether its series was computed alone or among thousands. BLAS picks its
kernel by the shape of a product and by the number of threads, each kernel adds in another order, and those of
processors without AVX-512 also by the place of the row. So these products add in an order of their own.
"""

import numpy as np
from numpy.typing import NDArray

from dayahead.machine_code import MachineFunction, compiled

TERMS = 4
"""Terms that are added at once; the number of hours of a window is a multiple of it."""

PRODUCT = MachineFunction("product", (int, int, int, *3 * (np.float32,)))


def product(rows: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows [n, k] times weights [k, m]: each sum is added in the order of k, in single precision.

    Args:
        rows: float32 [n, k], in one piece; k is a multiple of `TERMS`.
        weights: float32 [k, m], in one piece.

    Raises:
        ValueError: the shapes do not fit.
    """
    count, terms = rows.shape
    if len(weights) != terms or terms % TERMS:
        raise ValueError(f"{terms} columns times {len(weights)} rows: both must be one multiple of {TERMS}")
    sums = np.zeros((count, weights.shape[1]), np.float32)
    PRODUCT(*rows.shape, weights.shape[1], rows, weights, sums)
    return sums


@compiled
def add_terms(factors: NDArray[np.float32], weights: NDArray[np.float32], sums: NDArray[np.float32]) -> None:
    """Add some terms to each sum, one after the other; several at once, so that a sum is seldom written.

    Args:
        factors: float32 [4].
        weights: float32 [4, m].
        sums: float32 [m], written.
    """
    first, second, third, fourth = factors[0], factors[1], factors[2], factors[3]
    of_first, of_second, of_third, of_fourth = weights[0], weights[1], weights[2], weights[3]
    for place in range(len(sums)):
        begun = (sums[place] + first * of_first[place]) + second * of_second[place]
        sums[place] = (begun + third * of_third[place]) + fourth * of_fourth[place]
