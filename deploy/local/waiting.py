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
            raise StackError(f"timeout after {deadline_s:.0f} s: waited for {what}")
        time.sleep(pause_s)


def wait_on_progress(
    condition: Callable[[], object],
    progress: Callable[[], object],
    stalled_s: float,
    what: str,
    *,
    pause_s: float = 0.5,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Ask until the condition holds, however long that takes, as long as something moves.

    Args:
        condition: what is waited for.
        progress: how far things are; a value that stops changing where the condition will never hold.
        stalled_s: seconds without a change of `progress` after which it is given up.
        what: is waited for, for the message.
        pause_s: seconds between two looks.
        clock: seconds that pass.

    Raises:
        StackError: nothing moved for so long; the message says what was waited for and how far it came.
    """
    reached, since = progress(), clock()
    while not condition():
        now = progress()
        if now != reached:
            reached, since = now, clock()
        elif clock() - since > stalled_s:
            raise StackError(f"waited for {what}, without progress for {stalled_s:.0f} s (last progress: {reached})")
        time.sleep(pause_s)
