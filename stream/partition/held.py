"""A partition that this worker has taken over."""

import math
from dataclasses import dataclass

from dayahead.storage.tables.worker_offset import Claim
from stream.partition.state import PartitionState


@dataclass
class WindowCopyStatus:
    """Status of the copy of a partition's windows in Redis.

    Attributes:
        name: recorded in the tables, None where no copy is recorded.
        offset: of the copy, None where this worker has neither written nor read it.
        seen: next offset of the partition at the last check.
        due_at: when the next copy may be written, seconds of the monotonic clock.
    """

    name: str | None
    offset: int | None = None
    seen: int = -1
    due_at: float = -math.inf


class HeldPartition:
    """A claimed partition and its state. The claim fences every other writer; messages are processed with a state only.

    Attributes:
        claim: under which it writes.
        next_offset: the first message that is not in the tables yet.
        waiting: messages that were waiting at the claim.
        release: with which all series were last refreshed.
        is_settled: whether the state equals the tables; False while a batch is computed and committed.
        copy: of its windows in Redis.
        publication_recorded: whether the tables record that everything before `next_offset` is in Kafka.
        sequence: of the last checkpoint that wrote forecasts.
        mirrored: the sequence up to which Redis has all forecasts, None where that is unknown.
    """

    def __init__(self, claim: Claim, next_offset: int, waiting: int = 0) -> None:
        self.claim = claim
        self.next_offset = next_offset
        self.waiting = waiting
        self.release = claim.release
        self.publication_recorded = False
        self.is_settled = True
        self.sequence = claim.sequence
        self.mirrored: int | None = None
        self.copy = WindowCopyStatus(claim.window_copy)
        self._state: PartitionState | None = None

    @property
    def is_restored(self) -> bool:
        """Whether the state has been rebuilt."""
        return self._state is not None

    @property
    def state(self) -> PartitionState:
        """Windows of the partition's series, equal to the tables at `next_offset`.

        Raises:
            RuntimeError: the state has not been rebuilt yet.
        """
        if self._state is None:
            raise RuntimeError(f"partition {self.claim.partition} is used before its state was rebuilt: this is a bug")
        return self._state

    def remember(self, state: PartitionState) -> None:
        """Set the state."""
        self._state = state
