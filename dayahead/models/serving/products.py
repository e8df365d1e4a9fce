"""Products of windows and weights whose bits do not depend on what else is in the batch.

A forecast must be the same, bit for bit, whether its series was computed alone or among thousands. BLAS picks its
kernel by the shape of a product and by the number of threads, each kernel adds in another order, and those of
processors without AVX-512 also by the place of the row. So these products add in an order of their own.
"""

import numpy as np
from numpy.typing import NDArray

from dayahead.machine_code import MachineFunction, compiled

TERMS = 8
"""Terms that `add_terms` is written for; the number of hours of a window is a multiple of it."""

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
        raise ValueError(f"{terms} columns times {len(weights)} rows: they must be as many, a multiple of {TERMS}")
    sums = np.zeros((count, weights.shape[1]), np.float32)
    PRODUCT(*rows.shape, weights.shape[1], rows, weights, sums)
    return sums


@compiled
def add_terms(factors: NDArray[np.float32], weights: NDArray[np.float32], sums: NDArray[np.float32]) -> None:
    """Add some terms to each sum, one after the other; several at once, so that a sum is seldom written.

    Args:
        factors: float32 [8].
        weights: float32 [8, m].
        sums: float32 [m], written.
    """
    a, b, c, d = factors[0], factors[1], factors[2], factors[3]
    e, f, g, h = factors[4], factors[5], factors[6], factors[7]
    of_a, of_b, of_c, of_d = weights[0], weights[1], weights[2], weights[3]
    of_e, of_f, of_g, of_h = weights[4], weights[5], weights[6], weights[7]
    for place in range(len(sums)):
        begun = (sums[place] + a * of_a[place]) + b * of_b[place]
        begun = (begun + c * of_c[place]) + d * of_d[place]
        begun = (begun + e * of_e[place]) + f * of_f[place]
        sums[place] = (begun + g * of_g[place]) + h * of_h[place]
