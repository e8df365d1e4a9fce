"""The parts of a fit: independent pieces of work that threads compute at the same time, with the same result as one.

LightGBM and LAPACK release the interpreter while they compute. Each of them stays on one thread: several threads inside
one tree wait for each other at every split, on a busy machine for longer than the tree takes.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def no_report() -> None:
    """Report nothing."""


class Parts:
    """Computes parts of a fit, on the threads of a pool or in the caller's own; a part must not wait for another."""

    def __init__(self, pool: Executor | None = None, on_part: Callable[[], None] = no_report) -> None:
        """Prepare.

        Args:
            pool: its threads; None computes each part where it is asked for.
            on_part: called after each part by the thread that computed it; what it raises is raised to the caller.
        """
        self._pool, self._on_part = pool, on_part

    def begin(self, work: Callable[[], Result]) -> Callable[[], Result]:
        """Compute one part while the caller goes on.

        Returns:
            A function that waits for the result.
        """
        if self._pool is None:
            result = self._reported(work)
            return lambda: result
        begun: Future[Result] = self._pool.submit(self._reported, work)
        return begun.result

    def each(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Compute a part of every item; results come in the order of the items."""
        mapped = map if self._pool is None else self._pool.map
        return iter(mapped(lambda item: self._reported(lambda: work(item)), items))

    def _reported(self, work: Callable[[], Result]) -> Result:
        result = work()
        self._on_part()
        return result


ALONE = Parts()


@contextmanager
def parts_on(threads: int, on_part: Callable[[], None]) -> Iterator[Parts]:
    """Parts on so many threads; where the block fails, what has not begun is dropped."""
    if threads == 1:
        yield Parts(None, on_part)
        return
    with ThreadPoolExecutor(threads, "fit") as pool:
        try:
            yield Parts(pool, on_part)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def processors() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0))
