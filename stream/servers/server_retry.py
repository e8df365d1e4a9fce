"""Retry until a server is back; nothing is skipped meanwhile."""

import threading
from collections.abc import Callable
from typing import TypeVar

import structlog

from dayahead.retry import Backoff, retry

log = structlog.get_logger()

T = TypeVar("T")

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0


class ServerRetry:
    """Repeats an operation until the server answers or the worker is asked to stop.

    Attributes:
        stopping: the stop signal of the worker.
    """

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self._awaited: dict[int, str] = {}

    @property
    def awaited(self) -> str | None:
        """A server that a thread is waiting for, None where none is."""
        return next(iter(list(self._awaited.values())), None)

    def run(self, server: str, operation: Callable[[], T], on: tuple[type[Exception], ...]) -> T:
        """Retry an operation until it succeeds.

        Args:
            server: name of the server, for the log and for people.
            operation: safe to repeat after any of `on`.
            on: errors that mean that the server is unreachable.

        Raises:
            Stopped: the worker was asked to stop meanwhile.
        """
        thread = threading.get_ident()

        def note(error: Exception, pause_s: float) -> None:
            self._awaited[thread] = server
            log.warning("server_retry", server=server, pause_s=round(pause_s, 2), error=str(error).strip()[:300])

        backoff = Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S)
        try:
            return retry(operation, on, backoff=backoff, pause=self.stopping.wait, on_failure=note)
        finally:  # also after another error: the thread waits for this server no longer
            self._awaited.pop(thread, None)
