"""Waiting for servers: one that is away comes back, and until then nothing is skipped."""

import threading
from collections.abc import Callable
from typing import TypeVar

import structlog

from dayahead.backoff import Backoff

log = structlog.get_logger()

T = TypeVar("T")

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0


class Stopping(Exception):  # noqa: N818 - no error: the worker has been asked to end while it waited
    """The worker ends; what it was doing is repeated by the next one."""


class Patience:
    """Repeats an operation until the server answers or the worker is asked to end.

    Attributes:
        stopping: set when the worker is to end.
    """

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self._awaited: dict[int, str] = {}

    @property
    def awaited(self) -> str | None:
        """A server that is being waited for at the moment, by any thread."""
        return next(iter(list(self._awaited.values())), None)

    def insist(self, server: str, operation: Callable[[], T], absent: tuple[type[Exception], ...]) -> T:
        """Do it until it works.

        Args:
            server: name of the server, for the log and for people.
            operation: safe to repeat after any of `absent`.
            absent: errors that mean that the server is away.

        Raises:
            Stopping: the worker was asked to end meanwhile.
        """
        backoff, thread = Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S), threading.get_ident()
        while True:
            try:
                done = operation()
            except absent as error:
                pause_s = backoff.next_pause_s()
                self._awaited[thread] = server
                log.warning("server_awaited", server=server, pause_s=round(pause_s, 2), error=str(error).strip()[:300])
            else:
                self._awaited.pop(thread, None)
                return done
            if self.stopping.wait(pause_s):
                raise Stopping
