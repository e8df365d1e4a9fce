"""The trainer's two topics: it reads `retune-requests` and announces champions on `model-releases`."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from pydantic import ValidationError

from dayahead.contracts import ReleaseAnnouncement, RetuneRequest, message_bytes
from dayahead.errors import BrokerUnavailable
from dayahead.kafka_clients import UNDECODABLE, Unsent, open_consumer, open_producer, send_all
from dayahead.topics import CHAMPION_KEY, MODEL_RELEASES, RETUNE_REQUESTS

log = structlog.get_logger()

CLIENT = "dayahead-trainer"
GROUP = "dayahead-trainer"
JOIN_WITHIN_S = 10.0
READ_S = 0.5
TIMEOUT_S = 10.0
SESSION_MS = 10_000
LONGEST_FAULT = 500
LONGEST_TRAINING_MS = 6 * 3600 * 1000
"""max.poll.interval: longer than any training, after which Kafka considers the trainer dead."""


@dataclass(frozen=True)
class ReceivedRequest:
    """A message of `retune-requests`.

    Attributes:
        partition: of the message.
        offset: of the message.
        request: the parsed request; None if the message is invalid.
        fault: why the message is invalid.
    """

    partition: int
    offset: int
    request: RetuneRequest | None
    fault: str = ""


class RequestReader:
    """Reads requests one by one; an offset is committed only when its request is in TimescaleDB."""

    def __init__(self, bootstrap: str, topic_prefix: str = "") -> None:
        """Store the arguments; the first `next` connects.

        Args:
            bootstrap: brokers, host:port separated by commas.
            topic_prefix: put before the name of the topic and of the consumer group.
        """
        self._bootstrap, self._topic = bootstrap, topic_prefix + RETUNE_REQUESTS.name
        self._group = topic_prefix + GROUP
        self._consumer: Consumer | None = None
        self._away = False
        self._ended: set[int] = set()

    def next(self, wait_s: float) -> ReceivedRequest | None:
        """The next request; None if there is none within `wait_s`.

        Raises:
            BrokerUnavailable: no broker answers; the next call retries.
        """
        try:
            consumer = self._consumer = self._consumer or self._connect()
            if self._away:
                consumer.list_topics(self._topic, timeout=TIMEOUT_S)
                self._away = False
            message = consumer.poll(wait_s)
            if message is not None:
                return self._received(consumer, message)
        except KafkaException as error:
            self._away = True
            raise self._unavailable(error.args[0].str()) from error
        if self._away:
            raise self._unavailable("no broker can be reached")
        return None

    def waiting(self, within_s: float = JOIN_WITHIN_S) -> Iterator[ReceivedRequest]:
        """All requests up to the current end of this trainer's partitions.

        Args:
            within_s: time to join the group and to read; `next` returns the rest.

        Raises:
            BrokerUnavailable: no broker answers.
        """
        until = time.monotonic() + within_s
        while time.monotonic() < until:
            received = self.next(READ_S)
            if received is not None:
                yield received
            elif self._at_end():
                return

    def _at_end(self) -> bool:
        """Whether the group has assigned this trainer's partitions and all of them are read to the end."""
        assigned = [] if self._consumer is None else self._consumer.assignment()
        return bool(assigned) and all(one.partition in self._ended for one in assigned)

    def done(self, received: ReceivedRequest) -> None:
        """Commit the offset after a request, so that no trainer reads it again.

        A failed commit is not fatal: the request is read again and recognised as a duplicate.
        """
        if self._consumer is None:
            return
        try:
            behind = TopicPartition(self._topic, received.partition, received.offset + 1)
            self._consumer.commit(offsets=[behind], asynchronous=False)
        except KafkaException as error:
            log.warning("retune_request_not_committed", offset=received.offset, error=error.args[0].str())

    def close(self) -> None:
        """Leave the group."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            consumer.close()

    def _connect(self) -> Consumer:
        consumer = open_consumer(
            self._bootstrap,
            CLIENT,
            self._group,
            {
                "auto.offset.reset": "earliest",
                "session.timeout.ms": SESSION_MS,
                "heartbeat.interval.ms": SESSION_MS // 3,
                "max.poll.interval.ms": LONGEST_TRAINING_MS,
                "enable.partition.eof": True,
                "error_cb": self._note,
            },
        )
        consumer.subscribe([self._topic], on_assign=lambda _, partitions: self._ended.clear())
        return consumer

    def _note(self, error: KafkaError) -> None:
        self._away = self._away or error.code() == KafkaError._ALL_BROKERS_DOWN

    def _received(self, consumer: Consumer, message: Message) -> ReceivedRequest | None:
        error = message.error()
        if error is not None and error.code() == KafkaError._PARTITION_EOF:
            self._ended.add(message.partition())
            return None
        self._ended.discard(message.partition())
        if error is None:
            return _parse(message.partition(), message.offset(), message.value())
        if error.code() not in UNDECODABLE:
            raise KafkaException(error)
        # the end of a batch that cannot be decoded is unknown: its messages are skipped one by one
        consumer.seek(TopicPartition(self._topic, message.partition(), message.offset() + 1))
        return ReceivedRequest(message.partition(), message.offset(), None, f"it cannot be decoded: {error.str()}")

    def _unavailable(self, why: str) -> BrokerUnavailable:
        return BrokerUnavailable(f"Kafka at {self._bootstrap} does not answer ({why}): check DAYAHEAD_KAFKA_BOOTSTRAP")


def _parse(partition: int, offset: int, value: bytes | None) -> ReceivedRequest:
    try:
        return ReceivedRequest(partition, offset, RetuneRequest.model_validate_json(value or b""))
    except ValidationError as error:
        fault = "; ".join(f"{'.'.join(map(str, f['loc'])) or 'message'}: {f['msg']}" for f in error.errors())
        return ReceivedRequest(partition, offset, None, fault[:LONGEST_FAULT])


class Announcer:
    """Announces the champion on `model-releases`; a repeated announcement has no effect."""

    def __init__(self, bootstrap: str, topic_prefix: str = "") -> None:
        """Store the arguments; the first announcement connects.

        Args:
            bootstrap: brokers, host:port separated by commas.
            topic_prefix: put before the name of the topic.
        """
        self._bootstrap, self._topic = bootstrap, topic_prefix + MODEL_RELEASES.name
        self._producer: Producer | None = None

    def announce(self, announcement: ReleaseAnnouncement) -> None:
        """Send, and wait until the brokers have acknowledged.

        Raises:
            BrokerUnavailable: they did not; the promotion is in TimescaleDB regardless.
        """
        producer = self._producer = self._producer or open_producer(self._bootstrap, CLIENT, TIMEOUT_S)
        try:
            send_all(producer, self._topic, [Unsent(message_bytes(announcement), CHAMPION_KEY)], 2 * TIMEOUT_S)
        except BrokerUnavailable as error:
            raise BrokerUnavailable(
                f"Kafka at {self._bootstrap} did not take the announcement of {announcement.release} ({error}): "
                "workers read it from TimescaleDB, and the trainer announces it again"
            ) from error

    def close(self) -> None:
        """Drop the producer; every announcement is already acknowledged."""
        self._producer = None
