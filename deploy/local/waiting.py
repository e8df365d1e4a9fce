"""Waiting for a condition with a deadline."""

import time
from collections.abc import Callable

from dayahead.errors import StackError


def wait_until(condition: Callable[[], object], deadline_s: float, what: str, *, pause_s: float = 0.05) -> None:
    """Poll until the condition holds.

    Raises:
        StackError: timeout; the message names `what`.
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
    """Poll until the condition holds, without a timeout as long as there is progress.

    Args:
        condition: to wait for.
        progress: a value that stops changing if the condition will never hold.
        stalled_s: seconds without a change of `progress` after which to give up.
        what: name of the condition, for the message.
        pause_s: seconds between two polls.
        clock: monotonic clock, in seconds.

    Raises:
        StackError: no progress for that long; the message names `what` and the last progress.
    """
    reached, since = progress(), clock()
    while not condition():
        now = progress()
        if now != reached:
            reached, since = now, clock()
        elif clock() - since > stalled_s:
            raise StackError(f"waited for {what}, without progress for {stalled_s:.0f} s (last progress: {reached})")
        time.sleep(pause_s)
