"""Kafka consumers and producers as every service opens them, so that all read what any of them writes.

librdkafka (confluent-kafka) has every codec of Kafka built in, without a limit on the size of a batch. kafka-python has
not: it needs a package for each codec, takes at most 1 MB out of a zstd batch, and leaves sockets behind for each
constructor that found no broker (ingest's producer closes them: `dayahead/closing_producer.py`).
"""

import logging
from collections.abc import Mapping

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient

from dayahead.errors import BrokerUnavailable
from dayahead.kafka_login import confluent_options

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


def open_producer(bootstrap: str, client: str, timeout_s: float) -> Producer:
    """A producer whose messages all replicas acknowledge, or fail after `timeout_s`; needs no broker to be up.

    Args:
        bootstrap: brokers, host:port separated by commas.
        client: name of the client in the broker's log.
        timeout_s: how long a message is retried.
    """
    return Producer(
        {
            **_common(bootstrap, client),
            "acks": "all",
            "message.timeout.ms": int(1000 * timeout_s),
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


def send_one(producer: Producer, topic: str, key: bytes | None, value: bytes, timeout_s: float) -> None:
    """Send a message and wait until it is acknowledged.

    Args:
        producer: of `open_producer`, with a timeout below `timeout_s`.
        topic: full name of the topic.
        key: key of the message.
        value: the message.
        timeout_s: how long the acknowledgement is waited for.

    Raises:
        BrokerUnavailable: it was not acknowledged in time.
    """
    outcome: list[KafkaError | None] = []
    try:
        producer.produce(topic, value=value, key=key, on_delivery=lambda error, _: outcome.append(error))
    except (KafkaException, BufferError) as error:
        raise BrokerUnavailable(str(error)) from error
    producer.flush(timeout_s)
    if not outcome:
        raise BrokerUnavailable(f"no answer within {timeout_s:g} s")
    if outcome[0] is not None:
        raise BrokerUnavailable(str(outcome[0]))


def _common(bootstrap: str, client: str) -> dict[str, object]:
    return {**confluent_options(bootstrap), "client.id": client, "reconnect.backoff.max.ms": BACKOFF_MS}
