"""A partition that this worker has taken over."""

import math
from dataclasses import dataclass

from dayahead.storage.tables.worker_offset import Claim
from stream.partition.state import PartitionState


@dataclass
class WindowCopyStatus:
    """What is known of the copy of a partition's windows in Redis.

    Attributes:
        name: as the tables know it, None where they know of none.
        offset: at which it was written, None where this worker neither wrote nor read it.
        seen: where the partition stood when it was looked at last.
        due_at: when the next one may be written, on the monotonic clock.
    """

    name: str | None
    offset: int | None = None
    seen: int = -1
    due_at: float = -math.inf


class HeldPartition:
    """What the worker has of a partition: from the claim on nobody else writes, with the state it is worked on.

    Attributes:
        claim: under which it writes.
        next_offset: the first message that is not in the tables yet.
        waiting: messages that waited when it was claimed.
        release: with which all series were last forecast anew.
        is_settled: whether the state is that of the tables; not so while a batch is being computed and committed.
        copy: of its windows in Redis.
        publication_recorded: whether the tables know that everything before `next_offset` has been sent to Kafka.
        sequence: of the last checkpoint that wrote forecasts.
        mirrored: the sequence up to which Redis has the forecasts, None where it is not known to have all of them.
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
        """Whether the state is there."""
        return self._state is not None

    @property
    def state(self) -> PartitionState:
        """Windows of the partition's series, as the tables say at `next_offset`.

        Raises:
            RuntimeError: it has not been rebuilt yet.
        """
        if self._state is None:
            raise RuntimeError(
                f"partition {self.claim.partition} is used before its state was rebuilt: a fault of ours"
            )
        return self._state

    def remember(self, state: PartitionState) -> None:
        """Have the state from now on."""
        self._state = state
