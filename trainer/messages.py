"""The trainer's two topics: it reads `retune-requests` and announces champions on `model-releases`."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import structlog
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import (
    CommitFailedError,
    CorruptRecordError,
    KafkaError,
    RebalanceInProgressError,
    UnknownMemberIdError,
    UnsupportedCodecError,
)
from kafka.structs import OffsetAndMetadata
from pydantic import ValidationError

from dayahead.contracts import ReleaseAnnouncement, RetuneRequest, message_bytes
from dayahead.errors import BrokerUnavailable
from dayahead.topics import CHAMPION_KEY, MODEL_RELEASES, RETUNE_REQUESTS

log = structlog.get_logger()

GROUP = "dayahead-trainer"
TIMEOUT_MS = 10_000
JOIN_WITHIN_S = 10.0
READ_S = 0.5
SESSION_MS = 10_000
LONGEST_FAULT = 500
UNREADABLE = (CorruptRecordError, UnsupportedCodecError)
"""Errors of the client that are those of a message, not of a broker that is away."""
LONGEST_TRAINING_MS = 6 * 3600 * 1000
"""A trainer that has not asked for a message for this long is taken for dead; before, it is taken to train."""


@dataclass(frozen=True)
class ReceivedRequest:
    """A message of `retune-requests`.

    Attributes:
        partition: where it was read.
        offset: its offset.
        request: what it says; None where it is no RetuneRequest.
        fault: why it is none.
    """

    partition: TopicPartition
    offset: int
    request: RetuneRequest | None
    fault: str = ""


class RequestReader:
    """Reads requests one by one; an offset is committed only when its request is in TimescaleDB."""

    def __init__(self, bootstrap: str, topic_prefix: str = "") -> None:
        """Describe; the first `next` connects.

        Args:
            bootstrap: brokers, host:port separated by commas.
            topic_prefix: put before the name of the topic and of the consumer group.
        """
        self._bootstrap, self._topic = bootstrap, topic_prefix + RETUNE_REQUESTS.name
        self._group = topic_prefix + GROUP
        self._consumer: KafkaConsumer | None = None

    def next(self, wait_s: float) -> ReceivedRequest | None:
        """The next request; None where there is none within `wait_s`.

        Raises:
            BrokerUnavailable: no broker answers; another call connects anew.
        """
        try:
            consumer = self._consumer = self._consumer or self._connect()
            answer = consumer.poll(timeout_ms=int(wait_s * 1000), max_records=1)
        except Exception as error:
            if isinstance(error, KafkaError) and not isinstance(error, UNREADABLE):
                self.close()
                raise BrokerUnavailable(
                    f"Kafka at {self._bootstrap} does not answer ({error!r}): check DAYAHEAD_KAFKA_BOOTSTRAP"
                ) from error
            return self._skip(error)
        for partition, records in answer.items():
            for record in records:
                return _parse(partition, record.offset, record.value)
        return None

    def waiting(self, within_s: float = JOIN_WITHIN_S) -> Iterator[ReceivedRequest]:
        """All requests up to the present end of this trainer's partitions.

        Args:
            within_s: time to join the group and to read; what is not read by then is left to `next`.

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
        """Whether the group has given this trainer its partitions and nothing is left to read in them."""
        consumer = self._consumer
        if consumer is None or not (assigned := consumer.assignment()):
            return False
        try:
            ends = consumer.end_offsets(assigned)
            return all(consumer.position(partition) >= ends[partition] for partition in assigned)
        except KafkaError as error:
            self.close()
            raise BrokerUnavailable(f"Kafka at {self._bootstrap} does not answer ({error!r})") from error

    def _skip(self, error: Exception) -> ReceivedRequest:
        """Step over a message that the client cannot decompress or parse: it would fail at each attempt again."""
        if self._consumer is None or not (assigned := self._consumer.assignment()):
            raise error
        (partition,) = assigned
        offset = int(self._consumer.position(partition))
        self._consumer.seek(partition, offset + 1)
        return ReceivedRequest(partition, offset, None, f"it cannot be read: {error!r}"[:LONGEST_FAULT])

    def done(self, received: ReceivedRequest) -> None:
        """Commit the offset behind a request, so that no trainer reads it again.

        A commit that fails is not fatal: the request comes again and is found to be known.
        """
        if self._consumer is None:
            return
        try:
            self._consumer.commit({received.partition: OffsetAndMetadata(received.offset + 1, "", -1)}, TIMEOUT_MS)
        except (CommitFailedError, RebalanceInProgressError, UnknownMemberIdError) as error:
            log.info("retune_request_will_come_again", offset=received.offset, error=repr(error))
        except KafkaError as error:
            log.warning("retune_request_not_committed", offset=received.offset, error=repr(error))
            self.close()

    def close(self) -> None:
        """Leave the group."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            try:
                consumer.close(autocommit=False, timeout_ms=TIMEOUT_MS)
            except KafkaError as error:
                log.info("consumer_closed_badly", error=repr(error))

    def _connect(self) -> KafkaConsumer:
        return KafkaConsumer(
            self._topic,
            bootstrap_servers=self._bootstrap.split(","),
            client_id="dayahead-trainer",
            group_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=SESSION_MS,
            heartbeat_interval_ms=SESSION_MS // 3,
            max_poll_interval_ms=LONGEST_TRAINING_MS,
            max_poll_records=1,
            bootstrap_timeout_ms=TIMEOUT_MS,
        )


def _parse(partition: TopicPartition, offset: int, value: bytes | None) -> ReceivedRequest:
    try:
        return ReceivedRequest(partition, offset, RetuneRequest.model_validate_json(value or b""))
    except ValidationError as error:
        fault = "; ".join(f"{'.'.join(map(str, f['loc'])) or 'message'}: {f['msg']}" for f in error.errors())
        return ReceivedRequest(partition, offset, None, fault[:LONGEST_FAULT])


class Announcer:
    """Tells the world on `model-releases` which release serves; saying it twice harms nobody."""

    def __init__(self, bootstrap: str, topic_prefix: str = "") -> None:
        """Describe; the first announcement connects.

        Args:
            bootstrap: brokers, host:port separated by commas.
            topic_prefix: put before the name of the topic.
        """
        self._bootstrap, self._topic = bootstrap, topic_prefix + MODEL_RELEASES.name
        self._producer: KafkaProducer | None = None

    def announce(self, announcement: ReleaseAnnouncement) -> None:
        """Send, and wait until the brokers have acknowledged.

        Raises:
            BrokerUnavailable: they did not; TimescaleDB holds the promotion all the same.
        """
        try:
            if self._producer is None:
                self._producer = KafkaProducer(
                    bootstrap_servers=self._bootstrap.split(","),
                    client_id="dayahead-trainer",
                    acks="all",
                    enable_idempotence=True,
                    max_block_ms=TIMEOUT_MS,
                    request_timeout_ms=TIMEOUT_MS,
                    delivery_timeout_ms=2 * TIMEOUT_MS,
                    bootstrap_timeout_ms=TIMEOUT_MS,
                )
            sent = self._producer.send(self._topic, key=CHAMPION_KEY, value=message_bytes(announcement))
            sent.get(timeout=2 * TIMEOUT_MS / 1000)
        except KafkaError as error:
            self.close()
            raise BrokerUnavailable(
                f"Kafka at {self._bootstrap} did not take the announcement of {announcement.release} ({error!r}): "
                "workers read it from TimescaleDB all the same, the trainer announces it again"
            ) from error

    def close(self) -> None:
        """Let the producer go."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.close(timeout=TIMEOUT_MS / 1000)
