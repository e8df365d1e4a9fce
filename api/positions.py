"""Position of a stream client in topic `forecasts`: the id of an event."""

from dataclasses import dataclass, replace
from typing import Self

ID_CHARACTERS = 8
"""Characters of Kafka's id of the topic that an event's id begins with: offsets of a topic mean nothing in another."""

MAX_DIGITS = 19
"""Digits of an offset: Kafka's are 64-bit numbers, and Python refuses to read thousands of digits."""


@dataclass(frozen=True)
class Positions:
    """The next offset of each partition.

    Attributes:
        topic: the first characters of Kafka's id of the topic.
        offsets: next offset by partition.
    """

    topic: str
    offsets: tuple[int, ...]

    @property
    def text(self) -> str:
        """Encode as the id of an event: `Y7AK3n6v.120-98-3301`."""
        return f"{self.topic}.{'-'.join(map(str, self.offsets))}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Decode an id; None where it is invalid."""
        topic, dot, offsets = text.partition(".")
        numbers = offsets.split("-")
        if len(topic) != ID_CHARACTERS or not dot or not all(map(_is_offset, numbers)):
            return None
        return cls(topic, tuple(map(int, numbers)))

    def after(self, partition: int, offset: int) -> Self:
        """Advance past a message."""
        offsets = list(self.offsets)
        offsets[partition] = offset + 1
        return replace(self, offsets=tuple(offsets))

    def grown(self, partitions: int) -> Self:
        """Add the partitions that the topic has gained since, from which nothing was read."""
        return replace(self, offsets=self.offsets + (0,) * (partitions - len(self.offsets)))

    def is_beyond(self, end: Self) -> bool:
        """Check whether these belong to another topic than `end`, or lie beyond its end."""
        pairs = zip(self.offsets, end.offsets, strict=False)
        return self.topic != end.topic or len(self.offsets) > len(end.offsets) or any(a > b for a, b in pairs)


def _is_offset(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS
