"""Waiting for a condition with a deadline."""

import time
from collections.abc import Callable

from dayahead.errors import StackError


def wait_until(condition: Callable[[], object], deadline_s: float, what: str, *, pause_s: float = 0.05) -> None:
    """Ask until the condition holds.

    Raises:
        StackError: it did not hold in time; the message says what was waited for.
    """
    until = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > until:
            raise StackError(f"waited {deadline_s:.0f} s in vain for {what}")
        time.sleep(pause_s)
