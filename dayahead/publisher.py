"""Sends rows and dead letters to Kafka, and returns only when Kafka has acknowledged all of them."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Protocol, Self

import structlog
from kafka.errors import KafkaError, MessageSizeTooLargeError, RecordListTooLargeError

from dayahead.dead_letters import DeadLetter, Headers, count_letter
from dayahead.errors import BrokerUnavailable
from dayahead.kafka_clients import open_rows_producer
from dayahead.packing import batch_bytes, pack
from dayahead.reading.records import Row
from dayahead.topics import DEAD_LETTERS, OBSERVATIONS
from dayahead.tracing import spans
from dayahead.tracing.spans import Kind

log = structlog.get_logger()

DELIVERY_TIMEOUT_MS = 30_000
METADATA_TIMEOUT_MS = 10_000
RECONNECT_MS = 2_000
CLOSE_TIMEOUT_S = 5.0
REQUEST_BYTES = 16 * 1024 * 1024
"""Size limit of the producer, bytes: above the limit of our broker, so that the broker decides."""
SURE_BYTES = 900_000
"""Size that a broker accepts by default, bytes, less room for the headers."""

SPAN = {"messaging.system": "kafka", "messaging.destination.name": OBSERVATIONS.name}


@dataclass(frozen=True)
class Publication:
    """Rows that became known at the same moment.

    Attributes:
        available_at: when, UTC.
        rows: in any order.
    """

    available_at: datetime
    rows: Sequence[Row]


class Delivery(Protocol):
    """Acknowledgement of a message (kafka-python's future)."""

    def get(self, timeout: float | None = None) -> Any:
        """Wait for the acknowledgement; raises where there will be none."""


class Producer(Protocol):
    """The part of kafka-python's producer that is used."""

    def send(self, topic: str, value: bytes, *, partition: int | None = None, headers: Any = None) -> Delivery:
        """Queue a message."""

    def flush(self, timeout: float | None = None) -> None:
        """Send all queued messages."""

    def partitions_for(self, topic: str) -> set[int] | None:
        """Return the partitions of a topic."""

    def close(self, timeout: float | None = None) -> None:
        """Close within a timeout in seconds, even with unsent messages."""


def kafka_producer(bootstrap: str, client_id: str = "dayahead-ingest") -> Producer:
    """An idempotent producer that waits for all replicas.

    Raises:
        BrokerUnavailable: no broker answers; no descriptor and no thread is left behind.
    """
    # What the client reports also reaches us as an exception, which is logged once and as JSON.
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    try:
        producer: Producer = open_rows_producer(
            bootstrap,
            client_id,
            {
                "acks": "all",
                "enable_idempotence": True,
                "linger_ms": 5,
                "bootstrap_timeout_ms": METADATA_TIMEOUT_MS,
                "reconnect_backoff_max_ms": RECONNECT_MS,
                "max_block_ms": METADATA_TIMEOUT_MS,
                "delivery_timeout_ms": DELIVERY_TIMEOUT_MS,
                "request_timeout_ms": DELIVERY_TIMEOUT_MS // 2,
                "max_request_size": REQUEST_BYTES,
            },
        )
    except KafkaError as error:
        raise BrokerUnavailable(
            f"Kafka at {bootstrap} does not answer ({error}): check DAYAHEAD_KAFKA_BOOTSTRAP and that it runs"
        ) from error
    return producer


class Publisher:
    """Publishes rows to Kafka; each thread has its own instance.

    A producer that failed is replaced by a new one, since one that lost its broker may not find it again.
    """

    def __init__(self, make_producer: Callable[[], Producer], topic_prefix: str = "") -> None:
        """Make a publisher; it connects at the first publication.

        Args:
            make_producer: connects to Kafka.
            topic_prefix: put before every topic name.
        """
        self._make_producer = make_producer
        self._topic = topic_prefix + OBSERVATIONS.name
        self._letters_topic = topic_prefix + DEAD_LETTERS.name
        self._producer: Producer | None = None

    def publish(
        self, publications: Iterable[Publication], letters: Iterable[DeadLetter], source: str, refresh: bool
    ) -> None:
        """Send rows and dead letters of one source, wait until all are acknowledged, and count the letters.

        Args:
            publications: rows, and when they became known.
            letters: what was rejected on the way.
            source: name of the source.
            refresh: whether their series are forecast again.

        Raises:
            BrokerUnavailable: not all were acknowledged; the caller sends all of them again.
        """
        published = list(letters)

        def send(producer: Producer, partitions: int) -> Iterator[Delivery]:
            traced = _trace_headers()
            for publication in publications:
                for packed in pack(publication.rows, partitions):
                    body = batch_bytes(packed.rows, source, publication.available_at, refresh)
                    yield producer.send(self._topic, body, partition=packed.partition, headers=traced)
            for fitting in self._that_fit(published):
                yield self._send(producer, fitting)

        self._deliver(send, source)
        for letter in published:
            count_letter(letter)

    def publish_everywhere(self, messages: Sequence[bytes], source: str) -> None:
        """Send messages to every partition of `observations`, in their order, and wait until all are acknowledged.

        Args:
            messages: what all partitions must know.
            source: name of the source.

        Raises:
            BrokerUnavailable: not all were acknowledged; the caller sends all of them again, to all partitions.
        """

        def send(producer: Producer, partitions: int) -> Iterator[Delivery]:
            traced = _trace_headers()
            for message in messages:
                for partition in range(partitions):
                    yield producer.send(self._topic, message, partition=partition, headers=traced)

        self._deliver(send, source)

    def _deliver(self, send: Callable[[Producer, int], Iterator[Delivery]], source: str) -> None:
        """Send messages and wait until all are acknowledged.

        Args:
            send: queues them, given the producer and the number of partitions of `observations`.
            source: name of the source, for the error.

        Raises:
            BrokerUnavailable: not all were acknowledged.
        """
        with spans.span("send observations", {**SPAN, "dayahead.source": source}, Kind.PRODUCER) as span:
            try:
                producer = self._producer = self._producer or self._make_producer()
                partitions = producer.partitions_for(self._topic)
                if not partitions:
                    raise BrokerUnavailable(f"topic {self._topic} does not exist: run `dayahead migrate`")
                deliveries = list(send(producer, len(partitions)))
                producer.flush(DELIVERY_TIMEOUT_MS / 1000)
                for delivery in deliveries:
                    delivery.get(timeout=DELIVERY_TIMEOUT_MS / 1000)
                span.note({"messaging.batch.message_count": len(deliveries)})
            except KafkaError as error:
                self.close()
                raise BrokerUnavailable(
                    f"Kafka did not acknowledge what source {source} published: {error!r}"
                ) from error

    def _send(self, producer: Producer, letter: DeadLetter) -> Delivery:
        return producer.send(self._letters_topic, letter.value, headers=letter.headers() + _trace_headers())

    def _that_fit(self, letters: Iterable[DeadLetter]) -> Iterator[DeadLetter]:
        """The letters that every broker takes; of larger ones those that this broker refuses, as stubs."""
        for letter in letters:
            if len(letter.value) <= SURE_BYTES:
                yield letter
            elif not self._is_taken(letter):
                yield letter.shortened()

    def _is_taken(self, letter: DeadLetter) -> bool:
        """Send a large dead letter; return whether the broker acknowledged it."""
        # a separate producer: an idempotent one sends nothing more after a message that was too large
        producer = self._make_producer()
        try:
            self._send(producer, letter).get(timeout=DELIVERY_TIMEOUT_MS / 1000)
        except (MessageSizeTooLargeError, RecordListTooLargeError):
            return False
        finally:
            producer.close(timeout=CLOSE_TIMEOUT_S)
        return True

    def close(self) -> None:
        """Close the producer."""
        producer, self._producer = self._producer, None
        if producer is not None:
            try:
                producer.close(timeout=CLOSE_TIMEOUT_S)
            except KafkaError as error:
                log.info("producer_close_failed", error=repr(error))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _trace_headers() -> Headers:
    """Headers of messages that name the span that sends them; none where traces are off."""
    return list(spans.headers())
