"""Keep requests apart, as a publisher asks."""

import time
from collections.abc import Callable

from dayahead.errors import Stopped
from dayahead.retry import Pause


class Spacing:
    """Keeps requests a least time apart."""

    def __init__(self, seconds: float, pause: Pause, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Start; the first request goes at once.

        Args:
            seconds: from one request to the next.
            pause: how to wait.
            monotonic: seconds of a clock that only goes forward.
        """
        self._seconds, self._pause, self._monotonic = seconds, pause, monotonic
        self._next: float | None = None

    def wait_turn(self) -> None:
        """Wait until the next request may go.

        Raises:
            Stopped: the process was asked to stop meanwhile.
        """
        now = self._monotonic()
        if self._next is not None and now < self._next and self._pause(self._next - now):
            raise Stopped("the process was asked to stop while a request waited for its turn")
        self._next = max(now, self._next or now) + self._seconds
