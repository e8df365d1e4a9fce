"""BLAS on one thread: it adds in an order that depends on the number of threads."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Lock

from threadpoolctl import ThreadpoolController


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


_controllers: list[ThreadpoolController] = []


def _controller() -> ThreadpoolController:
    """Found once: looking through the loaded libraries takes milliseconds."""
    if not _controllers:
        _controllers.append(ThreadpoolController())
    return _controllers[0]
