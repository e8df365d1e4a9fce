"""Enforces a minimum interval between requests."""

import time
from collections.abc import Callable

from dayahead.errors import Stopped
from dayahead.retry import Pause


class Spacing:
    """A minimum interval between requests."""

    def __init__(self, seconds: float, pause: Pause, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Start; the first request is not delayed.

        Args:
            seconds: minimum interval.
            pause: waits; returns True when the process is stopping.
            monotonic: monotonic clock, in seconds.
        """
        self._seconds, self._pause, self._monotonic = seconds, pause, monotonic
        self._next: float | None = None

    def wait_turn(self) -> None:
        """Wait until the next request is allowed.

        Raises:
            Stopped: the process is stopping.
        """
        now = self._monotonic()
        if self._next is not None and now < self._next and self._pause(self._next - now):
            raise Stopped("the process is stopping")
        self._next = max(now, self._next or now) + self._seconds
