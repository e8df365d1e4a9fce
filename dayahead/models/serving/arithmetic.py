"""Matrix products whose bits do not depend on what else is in the batch.

BLAS picks its kernel by the shape of the product and by the number of threads, and each kernel adds in another order.
A forecast must be the same, bit for bit, whether its series was computed alone or among thousands: so every product
of the serving path is cut into blocks of one shape, and runs on one thread.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Lock

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

BLOCK_ROWS = 64
"""Rows of one product; a multiple of the tiles of every kernel, so that the place within the block does not matter."""


@contextmanager
def one_thread(*, rescan: bool = False) -> Iterator[None]:
    """Let BLAS use one thread inside the block, and as long as another thread of the process is in such a block.

    The number is the process's: without the count, the first thread to leave would change the bits of the others.

    Args:
        rescan: whether to look again for BLAS libraries, such as that of SciPy, which a process loads with its first
            fit; takes milliseconds.
    """
    _Blocks.enter(rescan=rescan)
    try:
        yield
    finally:
        _Blocks.leave()


class _Blocks:
    """The blocks of `one_thread` that threads of this process are in."""

    _lock = Lock()
    _count = 0
    _limits = ExitStack()

    @classmethod
    def enter(cls, *, rescan: bool) -> None:
        with cls._lock:
            if rescan:
                _controllers[:] = [ThreadpoolController()]
            if rescan or not cls._count:
                cls._limits.enter_context(_controller().limit(limits=1, user_api="blas"))
            cls._count += 1

    @classmethod
    def leave(cls) -> None:
        with cls._lock:
            cls._count -= 1
            if not cls._count:
                cls._limits.close()


def stay_on_one_thread() -> None:
    """Let BLAS use one thread in this process for good: for a process that forecasts and does nothing else."""
    _controller().limit(limits=1, user_api="blas")


def product(rows: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows [n, k] times weights [k, m], each row by itself; call it inside `one_thread`."""
    count = len(rows)
    result = np.empty((count, weights.shape[1]), np.float32)
    whole = count - count % BLOCK_ROWS
    for start in range(0, whole, BLOCK_ROWS):
        np.matmul(rows[start : start + BLOCK_ROWS], weights, out=result[start : start + BLOCK_ROWS])
    if whole < count:
        padded = np.zeros((BLOCK_ROWS, rows.shape[1]), np.float32)
        padded[: count - whole] = rows[whole:]
        result[whole:] = (padded @ weights)[: count - whole]
    return result


_controllers: list[ThreadpoolController] = []


def _controller() -> ThreadpoolController:
    """Found once: looking through the loaded libraries takes milliseconds."""
    if not _controllers:
        _controllers.append(ThreadpoolController())
    return _controllers[0]
