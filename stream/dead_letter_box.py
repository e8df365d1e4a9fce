"""The dead letters, to be looked at and put back."""

import time
from dataclasses import dataclass

from confluent_kafka import Consumer, Message, Producer, TopicPartition

from dayahead.errors import BrokerUnavailable, SettingsError
from dayahead.hours import format_utc, from_hour
from dayahead.kafka_login import confluent_options
from dayahead.series import check_series_id, partition_of
from dayahead.topics import DEAD_LETTERS, OBSERVATIONS
from stream.decode import Decoder, LogMessage, envelope_bytes

ANSWER_S = 10.0


@dataclass(frozen=True)
class KeptLetter:
    """A dead letter as it is kept.

    Attributes:
        offset: its place in the topic, by which it is named.
        value: what was refused.
        headers: code, reason, stage, time, source, source_topic, source_partition, source_offset.
    """

    offset: int
    value: bytes
    headers: dict[str, str]

    @property
    def origin(self) -> tuple[object, ...]:
        """The same for letters that were written twice, since their batch was repeated after a crash."""
        names = ("stage", "source_topic", "source_partition", "source_offset", "code")
        return (*(self.headers.get(name, "") for name in names), self.value)


class DeadLetterBox:
    """Reads `observations.dead-letter` and sends mended messages to `observations`."""

    def __init__(self, bootstrap: str, topic_prefix: str) -> None:
        self._bootstrap = bootstrap
        self._letters = topic_prefix + DEAD_LETTERS.name
        self._observations = topic_prefix + OBSERVATIONS.name

    def newest(self, limit: int) -> list[KeptLetter]:
        """The letters that were written last, oldest first, each once.

        Raises:
            BrokerUnavailable: Kafka did not answer.
        """
        consumer = self._consumer()
        try:
            low, high = consumer.get_watermark_offsets(TopicPartition(self._letters, 0), timeout=ANSWER_S)
            letters = self._read(consumer, max(low, high - limit), high)
        finally:
            consumer.close()
        # the first of several that are the same: its offset is the one that people have noted
        once: dict[tuple[object, ...], KeptLetter] = {}
        for letter in letters:
            if letter.headers.get("source_offset", "-1") == "-1":
                once[(letter.offset,)] = letter
            else:
                once.setdefault(letter.origin, letter)
        return list(once.values())

    def at(self, offset: int) -> KeptLetter:
        """One letter.

        Raises:
            SettingsError: there is none at this offset.
            BrokerUnavailable: Kafka did not answer.
        """
        consumer = self._consumer()
        try:
            low, high = consumer.get_watermark_offsets(TopicPartition(self._letters, 0), timeout=ANSWER_S)
            if not low <= offset < high:
                raise SettingsError(f"no dead letter has offset {offset}: they have {low} to {high - 1}")
            return self._read(consumer, offset, offset + 1)[0]
        finally:
            consumer.close()

    def put_back(self, value: bytes) -> int:
        """Send a mended message to the partitions that its series belong to.

        Args:
            value: a message of `observations`.

        Returns:
            Rows sent.

        Raises:
            ContractError: it still breaks the contract; nothing is sent.
            BrokerUnavailable: Kafka did not take it.
        """
        decoded = Decoder().decode(LogMessage(0, value))
        if decoded.refusals:
            raise decoded.refusals[0].error
        producer = Producer({**confluent_options(self._bootstrap), "acks": "all", "enable.idempotence": True})
        partitions = len(
            producer.list_topics(self._observations, timeout=ANSWER_S).topics[self._observations].partitions
        )
        rows: dict[int, list[object]] = {}
        for series_id, hour, number in zip(decoded.series_ids, decoded.hours, decoded.values, strict=True):
            check_series_id(series_id)
            row = [series_id, format_utc(from_hour(hour)), number]
            rows.setdefault(partition_of(series_id, partitions), []).append(row)
        for partition, part in rows.items():
            envelope = envelope_bytes(decoded, part)
            producer.produce(self._observations, value=envelope, partition=partition)
        if waiting := producer.flush(3 * ANSWER_S):
            raise BrokerUnavailable(f"Kafka at {self._bootstrap} did not take {waiting} messages: try again")
        return sum(map(len, rows.values()))

    def _consumer(self) -> Consumer:
        return Consumer(
            {
                **confluent_options(self._bootstrap),
                "group.id": "dayahead-dead-letters",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
            }
        )

    def _read(self, consumer: Consumer, start: int, end: int) -> list[KeptLetter]:
        letters: list[KeptLetter] = []
        consumer.assign([TopicPartition(self._letters, 0, start)])
        position, until = start, time.monotonic() + 3 * ANSWER_S
        while position < end:
            found = consumer.consume(500, timeout=1.0)
            for message in found:
                if message.error() is None and message.offset() < end:
                    letters.append(_kept(message))
                position = max(position, message.offset() + 1)
            if time.monotonic() > until:
                raise BrokerUnavailable(
                    f"Kafka at {self._bootstrap} gave {len(letters)} of {end - start} dead letters and then nothing: "
                    "check DAYAHEAD_KAFKA_BOOTSTRAP"
                )
        return letters


def _kept(message: Message) -> KeptLetter:
    headers = {name: (value or b"").decode(errors="replace") for name, value in message.headers() or []}
    return KeptLetter(message.offset(), message.value() or b"", headers)
