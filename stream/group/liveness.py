"""Liveness of the worker: it has partitions, and their offsets move or no messages wait.

A worker that Kafka has removed from its group without Faust noticing still runs and answers, but does nothing. Only
the absence of partitions and of progress shows it.
"""

from collections.abc import Callable
from dataclasses import dataclass

from dayahead.telemetry import Health


@dataclass
class PartitionProgress:
    """Progress of a partition at the last heartbeat.

    Attributes:
        next_offset: first message that is not in the tables.
        lag: messages that are waiting.
        moved_at: when the offset last moved or no message waited, seconds of the monotonic clock.
    """

    next_offset: int
    lag: int
    moved_at: float


class Liveness:
    """Judges liveness and readiness from the reports of the event loop; called from the threads of /health.

    Args:
        stalled_after_s: seconds without progress until the worker is not live.
        monotonic: seconds that only grow, as time.monotonic.
        awaited: the server that the worker waits for, or None.
    """

    def __init__(
        self, stalled_after_s: float, monotonic: Callable[[], float], awaited: Callable[[], str | None]
    ) -> None:
        self._stalled_after_s = stalled_after_s
        self._monotonic = monotonic
        self._awaited = awaited
        self._progress: dict[int, PartitionProgress] = {}
        self._beat_at = self._assigned_at = monotonic()
        self._ready = False
        self._trouble: str | None = None

    def beat(self, offsets: dict[int, int], lags: dict[int, int], *, ready: bool, trouble: str | None) -> None:
        """Report from the event loop, every second or so.

        Args:
            offsets: next offset of each partition that is held.
            lags: messages that wait, by partition.
            ready: whether every assigned partition has been taken over.
            trouble: a problem that does not stop the worker.
        """
        now = self._monotonic()
        progress = {}
        for partition, offset in offsets.items():
            before, lag = self._progress.get(partition), lags.get(partition, 0)
            moved = before is None or before.next_offset != offset or lag == 0
            progress[partition] = PartitionProgress(offset, lag, now if moved or before is None else before.moved_at)
        self._progress = progress
        self._beat_at = now
        if offsets:
            self._assigned_at = now
        self._ready, self._trouble = ready, trouble

    def live(self) -> Health:
        """Check whether the process may continue or must be restarted."""
        now = self._monotonic()
        if now - self._beat_at > self._stalled_after_s:
            return Health(False, f"the event loop has not answered for {now - self._beat_at:.0f} s")
        if server := self._awaited():
            return Health(True, f"waiting for {server}")
        if now - self._assigned_at > self._stalled_after_s:
            return Health(False, f"no partition has been assigned for {now - self._assigned_at:.0f} s")
        for partition, progress in self._progress.items():
            if now - progress.moved_at > self._stalled_after_s:
                return Health(
                    False,
                    f"partition {partition} has stood at offset {progress.next_offset} for "
                    f"{now - progress.moved_at:.0f} s with {progress.lag} messages waiting",
                )
        return Health(True, f"{len(self._progress)} partitions, {self.lag} messages waiting")

    def ready(self) -> Health:
        """Check whether the state of every assigned partition is rebuilt and messages are processed."""
        if server := self._awaited():
            return Health(False, f"waiting for {server}")
        if not self._ready or not self._progress:
            return Health(False, "partitions are being assigned and their state rebuilt")
        summary = f"{len(self._progress)} partitions, {self.lag} messages waiting"
        return Health(True, f"{summary}; {self._trouble}" if self._trouble else summary)

    @property
    def lag(self) -> int:
        """Messages that wait, over all partitions."""
        return sum(progress.lag for progress in self._progress.values())
