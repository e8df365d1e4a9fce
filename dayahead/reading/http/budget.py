"""Keeps the requests of all sources and processes within the rate that a publisher allows."""

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from dayahead.errors import SourceUnavailable, Stopped
from dayahead.reading.http.rate import MOST_REQUESTS, Rate
from dayahead.retry import LONGEST_ASKED_S, Pause

LONGEST_WAIT_S = 120.0
"""A request that is not its turn within this time fails, so that the poll is retried and its reason is seen."""


class Shared(Protocol):
    """Counts the requests of other processes too; see `SharedBudget`."""

    def take(self, name: str, rates: Sequence[Rate]) -> float | None:
        """Count a request; seconds to wait, 0 if it is counted, None if unknown."""

    def close(self, name: str, seconds: float) -> None:
        """Allow no request for so many seconds."""


class Budget:
    """The requests to one publisher with one key. Thread-safe."""

    def __init__(self, name: str, shared: Shared | None, monotonic: Callable[[], float]) -> None:
        """Start with no request.

        Args:
            name: of the budget: the same for all that the publisher counts together.
            shared: counts other processes too; None: this process is the only one.
            monotonic: monotonic clock, in seconds.
        """
        self._name, self._shared, self._monotonic = name, shared, monotonic
        self._sent: deque[float] = deque(maxlen=MOST_REQUESTS)
        self._closed_until = -math.inf
        self._lock = threading.Lock()

    def wait_turn(self, rates: Sequence[Rate], pause: Pause) -> None:
        """Wait until one more request is allowed, and count it.

        Args:
            rates: of the publisher; none: no limit.
            pause: waits; returns True when the process is stopping.

        Raises:
            SourceUnavailable: it is not its turn within two minutes; with the seconds to wait.
            Stopped: the process is stopping.
        """
        deadline = self._monotonic() + LONGEST_WAIT_S
        while (wait_s := self._take(rates)) > 0:
            if self._monotonic() + wait_s > deadline:
                raise SourceUnavailable(self._reason(rates, wait_s), wait_s, cause="rate_limited")
            if pause(wait_s):
                raise Stopped("the process is stopping")

    def close(self, seconds: float) -> None:
        """Allow no request for a while, because the publisher asked for it.

        Args:
            seconds: from now; an hour at most is honoured.
        """
        seconds = min(seconds, LONGEST_ASKED_S)
        with self._lock:
            self._closed_until = max(self._closed_until, self._monotonic() + seconds)
            if self._shared is not None:
                self._shared.close(self._name, seconds)

    def _take(self, rates: Sequence[Rate]) -> float:
        with self._lock:
            now = self._monotonic()
            waits_s = [self._closed_until - now, *(self._room_in_s(rate, now) for rate in rates)]
            if (wait_s := max(waits_s)) > 0:
                return wait_s
            if self._shared is not None and (shared_s := self._shared.take(self._name, rates)):
                return min(shared_s, LONGEST_ASKED_S)
            self._sent.append(now)
            return 0.0

    def _room_in_s(self, rate: Rate, now: float) -> float:
        if len(self._sent) < rate.requests:
            return 0.0
        return self._sent[-rate.requests] + rate.seconds - now

    def _reason(self, rates: Sequence[Rate], wait_s: float) -> str:
        limit = ", ".join(map(str, rates)) or "no rate"
        return (
            f"requests to {self._name.partition(' ')[0]} are used up ({limit}) or refused by the publisher (429) for "
            f"another {wait_s:.0f} s: raise poll_interval_s of its sources, or wait"
        )


class Budgets:
    """The budgets of one process, by name. Thread-safe."""

    def __init__(self, shared: Shared | None = None, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Start with no budget.

        Args:
            shared: counts other processes too; None: this process is the only one.
            monotonic: monotonic clock, in seconds.
        """
        self._shared, self._monotonic = shared, monotonic
        self._budgets: dict[str, Budget] = {}
        self._lock = threading.Lock()

    def of(self, host: str, scope: str = "", key: str = "") -> Budget:
        """The budget of all requests that a publisher counts together.

        Args:
            host: of the publisher, with its port.
            scope: what it counts separately, e.g. a dataset.
            key: fingerprint of the key that the requests carry.
        """
        name = " ".join(part for part in (host, scope, key) if part)
        with self._lock:
            return self._budgets.setdefault(name, Budget(name, self._shared, self._monotonic))
