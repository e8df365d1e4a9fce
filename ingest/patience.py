"""Waiting: between requests, after a failure, and never longer than until the process is asked to stop."""

import time
from collections.abc import Callable

from dayahead.backoff import Backoff
from dayahead.errors import SourceUnavailable
from dayahead.reading.reader import Answer, Reader

Pause = Callable[[float], bool]
"""Waits so many seconds; returns True at once when the process is asked to stop (`threading.Event.wait`)."""


class Stopped(Exception):  # noqa: N818 - not an error: the process was asked to stop while it waited
    """The process was asked to stop; what was begun is left as it stands."""


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
            raise Stopped
        self._next = max(now, self._next or now) + self._seconds


class PatientReader:
    """Retry a read a few times before it fails: for a command that runs once. The poller retries whole polls."""

    def __init__(
        self,
        reader: Reader,
        pause: Pause,
        backoff: Backoff,
        on_failure: Callable[[SourceUnavailable, float], None],
        attempts: int,
    ) -> None:
        """Wrap a reader.

        Args:
            reader: what reads.
            pause: how to wait.
            backoff: how long.
            on_failure: told each failure and the pause after it, in seconds.
            attempts: after how many failures of one read to give up.
        """
        self._reader, self._pause, self._backoff = reader, pause, backoff
        self._on_failure, self._attempts = on_failure, attempts

    def read(self, start: int, end: int | None) -> Answer:
        """See `Reader.read`; retried while the source is away.

        Raises:
            SourceRefused: the source will not answer this, however often it is asked.
            SourceUnavailable: it failed `attempts` times.
            Stopped: the process was asked to stop while it waited.
        """
        failures = 0
        while True:
            try:
                answer = self._reader.read(start, end)
            except SourceUnavailable as error:
                failures += 1
                if failures >= self._attempts:
                    raise
                pause_s = self._backoff.next_pause_s(error.retry_after_s)
                self._on_failure(error, pause_s)
                if self._pause(pause_s):
                    raise Stopped from error
            else:
                self._backoff.reset()
                return answer
