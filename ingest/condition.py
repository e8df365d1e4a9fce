"""The health of a poller, as its /health/live and /health/ready report it."""

import time
from collections.abc import Callable, Sequence

from dayahead.telemetry import Health

GRACE_S = 300.0
"""A request of a poll may take this long beyond the pause before it and its own timeout; then the loop is stuck."""


class Condition:
    """Health of one poller: written by its thread, read by the threads that answer /health."""

    def __init__(
        self, source: str, monotonic: Callable[[], float] = time.monotonic, answer_timeout_s: float = 0.0
    ) -> None:
        """Start: alive, not ready.

        Args:
            source: name of the source, for the reasons.
            monotonic: monotonic clock, in seconds.
            answer_timeout_s: timeout of one request, in seconds.
        """
        self._source, self._monotonic = source, monotonic
        self._grace_s = GRACE_S + answer_timeout_s
        self._ready = Health(False, f"{source}: not polled yet")
        self._expected_by = monotonic() + self._grace_s

    def resting(self, seconds: float) -> None:
        """Record that the loop pauses for so many seconds."""
        self._expected_by = self._monotonic() + seconds + self._grace_s

    def succeeded(self, sentence: str) -> None:
        """Record a poll that succeeded."""
        self._ready = Health(True, f"{self._source}: {sentence}")
        self.resting(0)

    def failed(self, sentence: str) -> None:
        """Record a poll that failed or is blocked."""
        self._ready = Health(False, f"{self._source}: {sentence}")
        self.resting(0)

    def live(self) -> Health:
        """Whether the loop is running: not stuck in a poll."""
        late_s = self._monotonic() - self._expected_by
        if late_s > 0:
            return Health(
                False, f"{self._source}: the loop has not moved for {self._grace_s + late_s:.0f} s: restart it"
            )
        return Health(True, f"{self._source}: the loop moves")

    def ready(self) -> Health:
        """Whether the last poll reached the source, Kafka and TimescaleDB."""
        return self._ready


def all_of(answers: Sequence[Health]) -> Health:
    """Combine the health of several pollers: healthy only if all are; the reason names those that are not."""
    unwell = [answer for answer in answers if not answer.ok]
    return Health(not unwell, "; ".join(answer.reason for answer in unwell or answers))
