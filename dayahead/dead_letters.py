"""Dead letters: what broke its contract, kept with the reason, so that nothing is lost and nothing is blocked."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from prometheus_client import Counter

from dayahead.errors import DeadLetterCode
from dayahead.hours import format_utc
from dayahead.topics import DEAD_LETTERS

DEAD_LETTERS_TOTAL = Counter(
    "dayahead_dead_letters_total", "Records, rows and messages set aside, by where and why", ["stage", "code"]
)

Headers = list[tuple[str, bytes]]


@dataclass(frozen=True)
class DeadLetter:
    """One thing that was set aside.

    Attributes:
        value: the raw bytes: a message as it was received, or a record of a source as JSON.
        code: why, for machines.
        reason: why, as a sentence.
        stage: where it was found: `ingest` or `stream`.
        time: when it was found.
        source: name of the source, where it is known.
        source_topic: topic that it was read from; empty for a record that never reached Kafka.
        source_partition: partition of it; -1 likewise.
        source_offset: offset in it; -1 likewise.
    """

    value: bytes
    code: DeadLetterCode
    reason: str
    stage: str
    time: datetime
    source: str = ""
    source_topic: str = ""
    source_partition: int = -1
    source_offset: int = -1

    def headers(self) -> Headers:
        """The headers of its message; every value is text."""
        fields = {
            "code": self.code.value,
            "reason": self.reason,
            "stage": self.stage,
            "time": format_utc(self.time),
            "source": self.source,
            "source_topic": self.source_topic,
            "source_partition": str(self.source_partition),
            "source_offset": str(self.source_offset),
        }
        return [(name, text.encode()) for name, text in fields.items()]


class Producer(Protocol):
    """What is needed of a Kafka producer (kafka-python's, or a fake)."""

    def send(self, topic: str, value: bytes, *, headers: Headers) -> Any:
        """Hand a message over; the future that is returned tells its fate."""


class DeadLetterWriter:
    """Sends dead letters through a producer of the caller and counts them."""

    def __init__(self, producer: Producer, topic_prefix: str = "") -> None:
        self._producer = producer
        self._topic = topic_prefix + DEAD_LETTERS.name

    def write(self, letter: DeadLetter) -> Any:
        """Send one letter.

        Returns:
            The producer's future: the caller waits for it before it counts the letter as kept.
        """
        DEAD_LETTERS_TOTAL.labels(letter.stage, letter.code.value).inc()
        return self._producer.send(self._topic, letter.value, headers=letter.headers())
