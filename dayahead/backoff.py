"""How long to wait before something that failed is tried again: the one rule of all services."""

import random
from collections.abc import Callable

FIRST_S = 1.0
LONGEST_S = 300.0
LONGEST_ASKED_S = 3600.0
"""A server that asks for a longer pause is asked again after this long: one that was back would go unnoticed."""


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
        """Seconds to wait after one more failure.

        Args:
            asked_s: what the other side asked for (Retry-After): waited for in full up to an hour, the jitter on top.
        """
        bound_s = min(self._longest_s, self._first_s * 2.0 ** min(self._failures, 30))
        self._failures += 1
        return min(asked_s or 0.0, LONGEST_ASKED_S) + bound_s * self._draw()

    def reset(self) -> None:
        """Start again after a success."""
        self._failures = 0
