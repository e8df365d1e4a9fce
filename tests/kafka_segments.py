"""The broker's own files: which batches a partition holds, and how they are compressed."""

import struct
from dataclasses import dataclass
from pathlib import Path

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
"""By the number that a batch names its codec with."""


@dataclass(frozen=True)
class Batch:
    """A batch as it stands in the log.

    Attributes:
        base: offset of its first record.
        records: how many there are.
        codec: what they are compressed with.
        raw: all its bytes.
    """

    base: int
    records: int
    codec: str
    raw: bytes


def segment_of(folder: Path, topic: str, partition: int) -> Path:
    """The file of a partition that has not grown beyond one.

    Args:
        folder: of the stack.
        topic: full name.
        partition: its number.
    """
    return folder / "kafka" / f"{topic}-{partition}" / f"{0:020}.log"


def read_batches(segment: Path) -> list[Batch]:
    """The batches of a file, in their order (format 2 of Kafka's log)."""
    log, place, batches = segment.read_bytes(), 0, []
    while place < len(log):
        base, length = struct.unpack(">qi", log[place : place + 12])
        raw = log[place : place + 12 + length]
        attributes, last_offset = struct.unpack(">hi", raw[21:27])
        batches.append(Batch(base, last_offset + 1, CODECS[attributes & 7], raw))
        place += len(raw)
    return batches
