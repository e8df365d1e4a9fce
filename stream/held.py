"""A partition that this worker has taken over."""

from dataclasses import dataclass

from dayahead.storage.worker_offsets import Claim
from stream.state import PartitionState


@dataclass
class HeldPartition:
    """What the worker has of a partition.

    Attributes:
        claim: under which it writes.
        state: windows of the partition's series, as the tables say at `next_offset`.
        next_offset: the first message that is not in the tables yet.
        release: with which all series were last forecast anew.
        noted: whether the tables know that everything before `next_offset` has been sent out.
    """

    claim: Claim
    state: PartitionState
    next_offset: int
    release: str | None
    noted: bool = False
