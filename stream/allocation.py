"""Limits the memory that the C library retains after it is freed."""

import ctypes

ARENAS = 2
M_ARENA_MAX = -8
"""Parameter of glibc's `mallopt` (malloc.h)."""


def share_arenas() -> None:
    """Limit the number of malloc arenas of all threads; call it before any thread starts.

    glibc gives each thread a separate arena, which retains what its largest batch needed: a worker has a dozen threads,
    of which two compute. Other C libraries have no arenas; nothing is done there.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_ARENA_MAX, ARENAS)
