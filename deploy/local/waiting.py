"""Waiting for a condition with a deadline."""

import time
from collections.abc import Callable, Sequence

from dayahead.errors import StackError

Progress = float | Sequence[float]


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
    progress: Callable[[], Progress],
    stalled_s: float,
    what: str,
    *,
    pause_s: float = 0.5,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Poll until the condition holds, without a timeout as long as there is progress.

    Args:
        condition: to wait for.
        progress: one number or several, as many each time, that grow on the way to the condition. Progress is a number
            that is greater than it ever was: one that goes back and forth is none.
        stalled_s: seconds without progress after which to give up.
        what: name of the condition, for the message.
        pause_s: seconds between two polls.
        clock: monotonic clock, in seconds.

    Raises:
        StackError: no progress for that long; the message names `what` and the last progress.
    """
    furthest, since = _numbers(progress()), clock()
    while not condition():
        now = progress()
        reached = [max(pair) for pair in zip(furthest, _numbers(now), strict=True)]
        if reached != furthest:
            furthest, since = reached, clock()
        elif clock() - since > stalled_s:
            raise StackError(f"waited for {what}, without progress for {stalled_s:.0f} s (last progress: {now})")
        time.sleep(pause_s)


def _numbers(progress: Progress) -> list[float]:
    return list(progress) if isinstance(progress, Sequence) else [progress]
