"""Stop in time: the one stop signal of a process is a `threading.Event`, set by SIGTERM and SIGINT.

Its `wait` is the pause of every retry (`dayahead/retry.py`), and `Stopped` the error that ends one. A process that was
asked to stop does not wait for a server that does not answer; what is cut off then is what a kill cuts off, and
services repeat that when they start.
"""

import os
import signal
import threading
from collections.abc import Callable

import psycopg
import structlog
from pydantic import SecretStr

log = structlog.get_logger()

ANSWER_S = 3
LEAVE_S = 5.0
"""Timeout in seconds for the end of a process that has nothing left to finish, or cannot finish it."""


def stop_on_signals(stop: threading.Event, also: Callable[[], None] = lambda: None) -> None:
    """Set the stop signal of this process at SIGTERM or SIGINT; to be called on the main thread.

    Args:
        stop: what everything in the process looks at.
        also: called after it is set; returns at once.
    """

    def end(*_: object) -> None:
        stop.set()
        also()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)


def end_within(seconds: float) -> None:
    """Exit the process after a timeout in seconds without cleanup, with code 0, unless it has ended before."""

    def end() -> None:
        log.warning("shutdown_timeout", waited_s=seconds, reason="a server did not answer in time")
        os._exit(0)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()


def end_soon_without(database_url: SecretStr) -> None:
    """End the process in a few seconds if TimescaleDB does not answer; returns at once. To be called when asked to end.

    Args:
        database_url: of TimescaleDB.
    """

    def ask() -> None:
        try:
            with psycopg.connect(database_url.get_secret_value(), connect_timeout=ANSWER_S):
                return
        except psycopg.Error:
            end_within(LEAVE_S)

    threading.Thread(target=ask, name="ending", daemon=True).start()
