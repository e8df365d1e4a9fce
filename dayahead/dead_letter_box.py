"""Reads `observations.dead-letter`: for the command line and the API."""

import base64
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from dayahead.dead_letters import CARRIED_HEADER, CARRIED_KEY, Stub, remedy_of, stub_of
from dayahead.errors import BrokerUnavailable, SettingsError
from dayahead.hours import format_utc
from dayahead.kafka_clients import open_consumer
from dayahead.topics import DEAD_LETTERS

CLIENT = "dayahead-dead-letters"
ANSWER_S = 10.0
READ_AT_ONCE = 500
PREFETCHED_KB = 16 * 1024
NEVER_IN_KAFKA = "-1"


@dataclass(frozen=True)
class KeptLetter:
    """A dead letter as it is kept.

    Attributes:
        offset: its place in the topic, by which it is named.
        written_at: when it was written, UTC.
        value: what was refused; the beginning of it where `stub` is given.
        headers: code, reason, stage, time, source, source_topic, source_partition, source_offset, and series_id where
            it is known.
        carried: key and headers of the message that it was, as text.
        stub: size and hash of the original, where the value is only its beginning.
    """

    offset: int
    written_at: datetime
    value: bytes
    headers: dict[str, str]
    carried: dict[str, str]
    stub: Stub | None

    @property
    def code(self) -> str:
        """Why it was set aside."""
        return self.headers.get("code", "")

    @property
    def origin(self) -> tuple[str, ...]:
        """The same for letters that were written twice, since their batch was repeated after a crash."""
        if self.headers.get("source_offset", NEVER_IN_KAFKA) == NEVER_IN_KAFKA:
            return (str(self.offset),)
        names = ("stage", "source_topic", "source_partition", "source_offset", "code")
        return (*(self.headers.get(name, "") for name in names), sha256(self.value).hexdigest())

    def fields(self) -> dict[str, object]:
        """What a program is given of it, without the value."""
        original = self.stub or stub_of(self.value)
        return {
            "offset": self.offset,
            "time": self.headers.get("time") or format_utc(self.written_at),
            "stage": self.headers.get("stage", ""),
            "code": self.code,
            "reason": self.headers.get("reason", ""),
            "source": self.headers.get("source", ""),
            "series_id": self.headers.get("series_id", ""),
            "source_topic": self.headers.get("source_topic", ""),
            "source_partition": _number(self.headers.get("source_partition")),
            "source_offset": _number(self.headers.get("source_offset")),
            "size": original.size,
            "sha256": original.sha256,
            "whole": self.stub is None,
            "remedy": remedy_of(self.code, whole=self.stub is None),
        }

    def value_fields(self) -> dict[str, object]:
        """The value, as text where it is UTF-8, else in base64; with what its message carried."""
        carried = {name: text for name, text in self.carried.items() if text}
        try:
            return {"value": self.value.decode("utf-8"), **carried}
        except UnicodeDecodeError:
            return {"value_base64": base64.b64encode(self.value).decode("ascii"), **carried}


class DeadLetterBox:
    """Reads letters; subscribes to nothing and commits nothing.

    Args:
        bootstrap: brokers, host:port separated by commas.
        topic_prefix: put before the name of the topic.
        answer_s: seconds that the broker has for an answer.
    """

    def __init__(self, bootstrap: str, topic_prefix: str, answer_s: float = ANSWER_S) -> None:
        self._bootstrap, self._answer_s = bootstrap, answer_s
        self.topic = topic_prefix + DEAD_LETTERS.name

    def bounds(self) -> tuple[int, int]:
        """The first offset that is held, and the one after the last.

        Raises:
            BrokerUnavailable: Kafka did not answer.
        """
        with self._reading() as consumer:
            return self._bounds(consumer)

    def scan(
        self, limit: int | None = None, *, start: int = 0, end: int | None = None, since: datetime | None = None
    ) -> Iterator[KeptLetter]:
        """Letters, oldest first, each once; read as they are asked for, since values may be large.

        Args:
            limit: letters that are looked at, the newest; all if None.
            start: only letters from this offset on.
            end: only letters before this offset.
            since: only letters that were written since then.

        Raises:
            BrokerUnavailable: Kafka did not answer.
        """
        with self._reading() as consumer:
            low, high = self._bounds(consumer)
            start, end = max(start, low), high if end is None else min(end, high)
            if since is not None:
                wanted = TopicPartition(self.topic, 0, int(since.timestamp() * 1000))
                (found,) = consumer.offsets_for_times([wanted], timeout=self._answer_s)
                # negative: nothing is that new
                start = max(start, found.offset if found.offset >= 0 else high)
            if limit is not None:
                start = max(start, end - limit)
            seen = set[tuple[str, ...]]()
            for letter in self._read(consumer, start, end):
                # of several copies the first: its offset is the one that people know
                if letter.origin not in seen:
                    seen.add(letter.origin)
                    yield letter

    def at(self, offset: int) -> KeptLetter:
        """One letter.

        Raises:
            SettingsError: there is none at this offset.
            BrokerUnavailable: Kafka did not answer.
        """
        with self._reading() as consumer:
            low, high = self._bounds(consumer)
            if not low <= offset < high:
                raise SettingsError(f"no dead letter has offset {offset}: {_held(low, high)}")
            found = list(self._read(consumer, offset, offset + 1))
            if not found:
                raise SettingsError(f"dead letter {offset} was deleted: {_held(low, high)}")
            return found[0]

    @contextmanager
    def _reading(self) -> Iterator[Consumer]:
        settings = {"auto.offset.reset": "earliest", "queued.max.messages.kbytes": PREFETCHED_KB}
        consumer = open_consumer(self._bootstrap, CLIENT, CLIENT, settings)
        try:
            yield consumer
        except KafkaException as error:
            raise BrokerUnavailable(
                f"Kafka at {self._bootstrap} did not give the dead letters ({error}): check DAYAHEAD_KAFKA_BOOTSTRAP"
            ) from error
        finally:
            consumer.close()

    def _bounds(self, consumer: Consumer) -> tuple[int, int]:
        low, high = consumer.get_watermark_offsets(TopicPartition(self.topic, 0), timeout=self._answer_s)
        return low, high

    def _read(self, consumer: Consumer, start: int, end: int) -> Iterator[KeptLetter]:
        if start >= end:
            return
        consumer.assign([TopicPartition(self.topic, 0, start)])
        position, until = start, time.monotonic() + 3 * self._answer_s
        while position < end:
            for message in consumer.consume(min(READ_AT_ONCE, end - position), timeout=1.0):
                if message.error() is None and message.offset() < end:
                    yield _kept(message)
                position = max(position, message.offset() + 1)
                until = time.monotonic() + 3 * self._answer_s
            if time.monotonic() > until:
                raise BrokerUnavailable(
                    f"Kafka at {self._bootstrap} gave the dead letters {start} to {position - 1} of {start} to "
                    f"{end - 1} and then nothing: check DAYAHEAD_KAFKA_BOOTSTRAP"
                )


def _held(low: int, high: int) -> str:
    return f"the topic holds {low} to {high - 1}" if high > low else "the topic holds none"


def _number(text: str | None) -> int:
    return int(text) if text and text.lstrip("-").isdecimal() else -1


def _kept(message: Message) -> KeptLetter:
    headers = {name: (value or b"").decode(errors="replace") for name, value in message.headers() or []}
    carried = {name: text for name, text in headers.items() if name.startswith((CARRIED_HEADER, CARRIED_KEY))}
    own = {name: text for name, text in headers.items() if name not in carried}
    _, milliseconds = message.timestamp()
    stub = Stub(int(own["stub_size"]), own.get("stub_sha256", "")) if own.get("stub_size", "").isdecimal() else None
    written_at = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return KeptLetter(message.offset(), written_at, message.value() or b"", own, carried, stub)
