"""What the log of `observations` holds: asked where an offset is not the one that was expected."""

import threading

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Consumer, KafkaError, KafkaException, Message, TopicPartition

from dayahead.errors import BrokerUnavailable, StorageError
from stream.decode import LogMessage
from stream.kafka_output import LIBRARY_LOG
from stream.patience import Patience

ANSWER_S = 10.0


class Log:
    """Asks the broker; subscribes to nothing and commits nothing. May be shared by threads."""

    def __init__(self, bootstrap: str, patience: Patience) -> None:
        self._patience = patience
        self._lock = threading.Lock()
        self._settings = {
            "bootstrap.servers": bootstrap,
            "group.id": "dayahead-log-reader",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
        }
        self._consumer = Consumer(self._settings, logger=LIBRARY_LOG)

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """The first offset that is held, and the one after the last."""

        def ask() -> tuple[int, int]:
            low, high = self._consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=ANSWER_S)
            return low, high

        return self._patience.insist("Kafka", ask, (KafkaException,))

    def first_from(self, topic: str, partition: int, offset: int) -> int:
        """The offset of the first message at or after an offset; there must be one."""

        def ask() -> int:
            with self._lock:
                self._consumer.assign([TopicPartition(topic, partition, offset)])
                try:
                    message = self._consumer.poll(ANSWER_S)
                finally:
                    self._consumer.unassign()
            if message is None or message.error():
                raise BrokerUnavailable(f"no message of {topic}/{partition} from offset {offset} on was given")
            return int(message.offset())

        return self._patience.insist("Kafka", ask, (KafkaException, BrokerUnavailable))

    def stretch(self, topic: str, partition: int, start: int, end: int) -> list[LogMessage] | None:
        """The messages from one offset to another (exclusive), None where the log does not hold the first of them."""
        if start == end:
            return []

        def read() -> list[LogMessage] | None:
            consumer = Consumer({**self._settings, "enable.partition.eof": True}, logger=LIBRARY_LOG)
            try:
                where = TopicPartition(topic, partition, start)
                low, _ = consumer.get_watermark_offsets(where, timeout=ANSWER_S)
                if start < low:
                    return None
                consumer.assign([where])
                return _read_until(consumer, end)
            finally:
                consumer.close()

        return self._patience.insist("Kafka", read, (KafkaException, BrokerUnavailable))

    def partitions(self, topic: str) -> int:
        """How many partitions a topic has.

        Raises:
            StorageError: there is no such topic.
        """

        def ask() -> int:
            found = self._consumer.list_topics(topic, timeout=ANSWER_S).topics[topic]
            return 0 if found.error else len(found.partitions)

        if not (count := self._patience.insist("Kafka", ask, (KafkaException,))):
            raise StorageError(f"topic {topic} is not there: run `dayahead migrate`, or check DAYAHEAD_TOPIC_PREFIX")
        return count

    def close(self) -> None:
        """Leave the broker."""
        self._consumer.close()


def _read_until(consumer: Consumer, end: int) -> list[LogMessage]:
    found: list[LogMessage] = []
    while True:
        # one by one: `consume` waits until it has as many as it was asked for
        message = consumer.poll(ANSWER_S)
        if message is None:
            raise BrokerUnavailable(f"nothing was given of a log that goes on to offset {end}")
        if (error := message.error()) is not None and error.code() != KafkaError._PARTITION_EOF:
            raise KafkaException(error)
        if error is not None or message.offset() >= end:
            return found
        found.append(log_message(message))
        if message.offset() == end - 1:
            return found


def log_message(message: Message) -> LogMessage:
    """A message of `observations` as the client gives it."""
    kind, milliseconds = message.timestamp()
    received_us = None if kind == TIMESTAMP_NOT_AVAILABLE else milliseconds * 1000
    return LogMessage(message.offset(), message.value(), received_us)
