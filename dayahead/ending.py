"""Ending in time: a process that was asked to end does not wait for a server that does not answer.

What is cut off is what a kill cuts off, and services repeat that when they start.
"""

import os
import threading

import psycopg
import structlog
from pydantic import SecretStr

log = structlog.get_logger()

ANSWER_S = 3
LEAVE_S = 5.0
"""Seconds in which a process ends that has nothing left to finish, or cannot finish it."""


def end_within(seconds: float) -> None:
    """End the process after so many seconds as a kill would, with exit code 0, unless it has ended before."""

    def end() -> None:
        log.warning("ends_at_once", waited_s=seconds, reason="a server did not answer in time")
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
