"""Kafka clients as every service opens them: the only place that makes one, but for Faust's own.

Which library where, and why, is decision 68 (docs/decisions/0068-which-kafka-client-where.md): librdkafka
(confluent-kafka) for everything that reads and for the worker's output, kafka-python for the rows of ingest and the API
and for the topics.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient
from kafka.admin import KafkaAdminClient

from dayahead.closing_producer import ClosingProducer
from dayahead.errors import BrokerUnavailable
from dayahead.kafka_login import confluent_options, kafka_python_options

LIBRARY_LOG = logging.getLogger("librdkafka")

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
"""What a batch may be compressed with; a topic may hold batches of each, its producers choose."""

CODEC_SENT = "lz4"
"""What the workers compress with."""

UNDECODABLE = frozenset({KafkaError._BAD_COMPRESSION, KafkaError._NOT_IMPLEMENTED, KafkaError._BAD_MSG})
"""Codes of errors that reading again does not cure: the bytes came, and no reader of ours can decode them."""

BACKOFF_MS = 2_000


def open_consumer(bootstrap: str, client: str, group: str, settings: Mapping[str, object]) -> Consumer:
    """A consumer that commits only what it is asked to; needs no broker to be up.

    Args:
        bootstrap: brokers, host:port separated by commas.
        client: name of the client in the broker's log.
        group: consumer group.
        settings: further settings of librdkafka.
    """
    return Consumer(
        {
            **_common(bootstrap, client),
            "group.id": group,
            "enable.auto.commit": False,
            **settings,
        },
        logger=LIBRARY_LOG,
    )


def open_producer(
    bootstrap: str, client: str, timeout_s: float, settings: Mapping[str, object] | None = None
) -> Producer:
    """A producer whose messages all replicas acknowledge, or fail after `timeout_s`; needs no broker to be up.

    Args:
        bootstrap: brokers, host:port separated by commas.
        client: name of the client in the broker's log.
        timeout_s: how long a message is retried.
        settings: further settings of librdkafka.
    """
    return Producer(
        {
            **_common(bootstrap, client),
            "acks": "all",
            "message.timeout.ms": int(1000 * timeout_s),
            **(settings or {}),
        },
        logger=LIBRARY_LOG,
    )


def open_admin(bootstrap: str, client: str) -> AdminClient:
    """A client that asks about topics; needs no broker to be up.

    Args:
        bootstrap: brokers, host:port separated by commas.
        client: name of the client in the broker's log.
    """
    return AdminClient(_common(bootstrap, client), logger=LIBRARY_LOG)


def open_rows_producer(bootstrap: str, client: str, settings: Mapping[str, object]) -> ClosingProducer:
    """A producer of kafka-python, for `dayahead/publisher.py`.

    Args:
        bootstrap: brokers, host:port separated by commas.
        client: name of the client in the broker's log.
        settings: further settings of kafka-python.

    Raises:
        KafkaError: no broker answers; no descriptor and no thread is left behind.
    """
    return ClosingProducer(**kafka_python_options(bootstrap), client_id=client, **settings)


def open_topics_admin(bootstrap: str, client: str) -> KafkaAdminClient:
    """A client of kafka-python that creates and configures topics.

    Args:
        bootstrap: brokers, host:port separated by commas.
        client: name of the client in the broker's log.

    Raises:
        KafkaError: no broker answers.
    """
    return KafkaAdminClient(**kafka_python_options(bootstrap), client_id=client)


@dataclass(frozen=True)
class Unsent:
    """A message to be sent.

    Attributes:
        value: the message.
        key: its key.
        partition: None leaves the choice to the producer.
    """

    value: bytes
    key: bytes | None = None
    partition: int | None = None


def send_all(producer: Producer, topic: str, messages: Sequence[Unsent], timeout_s: float) -> None:
    """Send messages in their order and wait until all of them are acknowledged.

    Args:
        producer: of `open_producer`, with a timeout below `timeout_s`.
        topic: full name of the topic.
        messages: few enough for the queue of the producer.
        timeout_s: how long the acknowledgements are waited for.

    Raises:
        BrokerUnavailable: not all were acknowledged in time; some may be there.
    """
    lost: dict[int, str] = dict.fromkeys(range(len(messages)), f"no answer within {timeout_s:g} s")

    def note(number: int, error: KafkaError | None, _: Any) -> None:
        if error is None:
            del lost[number]
        else:
            lost[number] = str(error)

    try:
        for number, message in enumerate(messages):
            where = {} if message.partition is None else {"partition": message.partition}
            producer.produce(topic, value=message.value, key=message.key, on_delivery=partial(note, number), **where)
    except (KafkaException, BufferError) as error:
        raise BrokerUnavailable(str(error)) from error
    producer.flush(timeout_s)
    if lost:
        reason = next(iter(lost.values()))
        raise BrokerUnavailable(reason if len(messages) == 1 else f"{len(lost)} of {len(messages)} messages: {reason}")


def _common(bootstrap: str, client: str) -> dict[str, object]:
    return {**confluent_options(bootstrap), "client.id": client, "reconnect.backoff.max.ms": BACKOFF_MS}
