"""Reads the log of `observations` at given offsets, where an offset is not the expected one."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Consumer, KafkaError, KafkaException, Message, TopicPartition

from dayahead.contracts import MAX_MESSAGE_BYTES
from dayahead.errors import BrokerUnavailable, ContractError, DeadLetterCode, StorageError
from dayahead.kafka_clients import open_consumer
from dayahead.storage.tables.worker_offset import Claim
from dayahead.tracing.spans import TraceHeaders
from stream.servers.server_retry import ServerRetry
from stream.servers.withheld import Withheld

CLIENT = "dayahead-log-reader"
ANSWER_S = 10.0
UNREADABLE = frozenset({KafkaError._BAD_MSG, KafkaError._BAD_COMPRESSION, KafkaError.MSG_SIZE_TOO_LARGE})
"""Errors that librdkafka returns in place of a message; it continues with the next message."""


@dataclass(frozen=True)
class LogMessage:
    """A message of `observations` as the log holds it.

    Attributes:
        offset: in the log.
        value: the raw bytes, None for a tombstone; only the first bytes where it is `Withheld`.
        received_us: when the broker took it, microseconds since 1970; None for one that is not in the log.
        carried: key and headers as a dead letter carries them (`dayahead.dead_letters.carried_headers`).
        traced: headers that name the span that sent it; empty where traces are off.
    """

    offset: int
    value: bytes | None
    received_us: int | None = None
    carried: tuple[tuple[str, bytes], ...] = ()
    traced: TraceHeaders = ()


class Log:
    """Queries the broker without subscribing or committing. Thread-safe."""

    def __init__(self, bootstrap: str, server_retry: ServerRetry) -> None:
        self._server_retry = server_retry
        self._lock = threading.Lock()
        self._bootstrap = bootstrap
        self._consumer = self._open({})

    def _open(self, settings: Mapping[str, object]) -> Consumer:
        return open_consumer(self._bootstrap, CLIENT, CLIENT, {"auto.offset.reset": "earliest", **settings})

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """Return the first offset in the log, and the one after the last."""

        def ask() -> tuple[int, int]:
            low, high = self._consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=ANSWER_S)
            return low, high

        return self._server_retry.run("Kafka", ask, (KafkaException,))

    def first_from(self, topic: str, partition: int, offset: int) -> int:
        """Return the offset of the first message at or after an offset; there must be one."""
        return int(self._message(topic, partition, offset).offset())

    def value_at(self, topic: str, partition: int, offset: int) -> bytes | None:
        """Return the value of one message, of any size; None where the log does not give it, or it has none."""
        message = self._message(topic, partition, offset)
        value = message.value()
        return value if message.error() is None and message.offset() == offset and value is not None else None

    def _message(self, topic: str, partition: int, offset: int) -> Message:
        """Read the first message at or after an offset; it has an error where the client cannot parse it."""

        def read() -> Message:
            with self._lock:
                self._consumer.assign([TopicPartition(topic, partition, offset)])
                try:
                    message = self._consumer.poll(ANSWER_S)
                finally:
                    self._consumer.unassign()
            if message is None:
                raise BrokerUnavailable(f"no message of {topic}/{partition} from offset {offset} on was given")
            if (error := message.error()) is not None and not is_of_message(error):
                raise KafkaException(error)
            return message

        return self._server_retry.run("Kafka", read, (KafkaException, BrokerUnavailable))

    def stretch(self, topic: str, partition: int, start: int, end: int) -> list[LogMessage] | None:
        """Return the messages of an offset range (end exclusive), None where the log no longer holds the first."""
        if start == end:
            return []

        def read() -> list[LogMessage] | None:
            consumer = self._open({"enable.partition.eof": True})
            try:
                where = TopicPartition(topic, partition, start)
                low, _ = consumer.get_watermark_offsets(where, timeout=ANSWER_S)
                if start < low:
                    return None
                consumer.assign([where])
                return _read_until(consumer, end)
            finally:
                consumer.close()

        return self._server_retry.run("Kafka", read, (KafkaException, BrokerUnavailable))

    def partitions(self, topic: str) -> int:
        """Return the number of partitions of a topic.

        Raises:
            StorageError: there is no such topic.
        """

        def ask() -> int:
            found = self._consumer.list_topics(topic, timeout=ANSWER_S).topics[topic]
            return 0 if found.error else len(found.partitions)

        if not (count := self._server_retry.run("Kafka", ask, (KafkaException,))):
            raise StorageError(f"topic {topic} is not there: run `dayahead migrate`, or check DAYAHEAD_TOPIC_PREFIX")
        return count

    def close(self) -> None:
        """Close the consumer."""
        self._consumer.close()


def read_again(message: LogMessage, log: Log, claim: Claim) -> LogMessage:
    """Return a message, read a second time by another reader where the first could not parse it."""
    withheld = message.value
    if not isinstance(withheld, Withheld) or withheld.error is not None or not withheld.is_in_log:
        return message
    value = log.value_at(claim.topic, claim.partition, message.offset)
    if value is None:
        unreadable = ContractError(DeadLetterCode.UNREADABLE, "the message is empty, or no reader can parse it")
        value = Withheld.of(b"", unreadable, None, is_in_log=False)
    return replace(message, value=value)


def _read_until(consumer: Consumer, end: int) -> list[LogMessage]:
    found: list[LogMessage] = []
    while True:
        # one by one: `consume` waits until it has the requested number
        message = consumer.poll(ANSWER_S)
        if message is None:
            raise BrokerUnavailable(f"Kafka returned no messages of a log that ends at offset {end}")
        error = message.error()
        if error is not None and is_of_message(error):
            # its dead letter was written when the worker processed it; it changed no hour
            continue
        if error is not None and error.code() != KafkaError._PARTITION_EOF:
            raise KafkaException(error)
        if error is not None or message.offset() >= end:
            return found
        one = log_message(message)
        # a message that is too large was rejected: it changed no hour
        found.append(replace(one, value=None) if len(one.value or b"") > MAX_MESSAGE_BYTES else one)
        if message.offset() == end - 1:
            return found


def log_message(message: Message) -> LogMessage:
    """Convert a message of the Kafka client."""
    kind, milliseconds = message.timestamp()
    received_us = None if kind == TIMESTAMP_NOT_AVAILABLE else milliseconds * 1000
    return LogMessage(message.offset(), message.value(), received_us)


def is_of_message(error: KafkaError) -> bool:
    """Check whether an error means an unreadable message, not an unreachable broker."""
    return error.code() in UNREADABLE
