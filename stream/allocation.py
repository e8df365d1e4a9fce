"""How the C library keeps memory that has been given back."""

import ctypes

ARENAS = 2
M_ARENA_MAX = -8
"""Parameter of glibc's `mallopt` (malloc.h)."""


def share_arenas() -> None:
    """Let all threads allocate from few arenas; to be called before there are threads.

    glibc gives each thread an arena of its own, which keeps what its largest batch ever needed: a worker has a dozen
    threads, of which two compute. Other C libraries have no arenas, and nothing is done.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_ARENA_MAX, ARENAS)
