"""Retry what failed until it works: the one loop, and the one rule for the pauses, of all services.

What differs is passed in: which errors mean "later", how to wait, and what to do about each failure.
"""

import random
from collections.abc import Callable
from typing import TypeVar

from dayahead.errors import DeliveryFailed, SourceUnavailable, Stopped

T = TypeVar("T")
E = TypeVar("E", bound=Exception)

Pause = Callable[[float], bool | None]
"""Wait so many seconds; true as soon as the process is asked to stop (`threading.Event.wait`, or `time.sleep`)."""

FIRST_S = 1.0
LONGEST_S = 300.0
LONGEST_ASKED_S = 3600.0
"""Upper limit of a pause that a server asks for, so that its return does not go unnoticed."""


class Backoff:
    """Pauses that double, each drawn between 0 and its bound ("full jitter").

    Of many that wait for one server, no two come back to it in step.
    """

    def __init__(
        self, first_s: float = FIRST_S, longest_s: float = LONGEST_S, draw: Callable[[], float] = random.random
    ) -> None:
        """Start with the first pause.

        Args:
            first_s: bound of the first pause, in seconds.
            longest_s: bound that no pause is beyond, in seconds, unless the other side asks for more.
            draw: a number from 0 to 1.
        """
        self._first_s, self._longest_s, self._draw = first_s, longest_s, draw
        self._failures = 0

    def next_pause_s(self, asked_s: float | None = None) -> float:
        """Return the seconds to wait after one more failure.

        Args:
            asked_s: what the other side asked for (Retry-After): waited for in full up to an hour, the jitter on top.
        """
        bound_s = min(self._longest_s, self._first_s * 2.0 ** min(self._failures, 30))
        self._failures += 1
        return min(asked_s or 0.0, LONGEST_ASKED_S) + bound_s * self._draw()

    def reset(self) -> None:
        """Start again after a success."""
        self._failures = 0


def retry(
    operation: Callable[[], T],
    on: tuple[type[E], ...],
    *,
    backoff: Backoff,
    pause: Pause,
    on_failure: Callable[[E, float], None],
    attempts: int | None = None,
) -> T:
    """Call an operation until it works, with a pause after each failure; a `Retry-After` of the other side is honoured.

    Args:
        operation: safe to repeat after any of `on`.
        on: errors that are retried; all others leave at once.
        backoff: the pauses; reset by a success.
        pause: how to wait.
        on_failure: called with the error and the pause after it, in seconds; may raise to give up.
        attempts: failures after which to give up; None: never.

    Raises:
        Stopped: the process was asked to stop during a pause.
    """
    failures = 0
    while True:
        try:
            result = operation()
        except on as error:
            failures += 1
            if failures == attempts:
                raise
            asked_s = error.retry_after_s if isinstance(error, SourceUnavailable | DeliveryFailed) else None
            pause_s = backoff.next_pause_s(asked_s)
            on_failure(error, pause_s)
            if pause(pause_s):
                raise Stopped("the process was asked to stop while it waited for a retry") from error
        else:
            backoff.reset()
            return result
