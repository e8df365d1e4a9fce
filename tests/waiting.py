"""Waiting in tests: on a condition, with a deadline, never for a length of time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(condition: Callable[[], T], deadline_s: float, what: str, *, pause_s: float = 0.05) -> T:
    """Ask until the answer is true, and give it back.

    Raises:
        AssertionError: it did not become true in time; the message has the last answer.
    """
    until = time.monotonic() + deadline_s
    while not (answer := condition()):
        assert time.monotonic() < until, f"timeout after {deadline_s:g} s waiting for {what}; last answer: {answer!r}"
        time.sleep(pause_s)
    return answer
