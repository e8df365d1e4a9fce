"""Reads topic `webhooks.undelivered`, and posts what is there once more."""

from collections.abc import Iterator
from dataclasses import dataclass

import orjson
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from pydantic import ValidationError

from consumers.webhooks.event import Event
from dayahead.contracts import UndeliveredWebhook
from dayahead.errors import BrokerUnavailable
from dayahead.kafka_clients import open_consumer
from dayahead.topics import UNDELIVERED_WEBHOOKS

CLIENT = "dayahead-webhooks-undelivered"
ANSWER_S = 10.0


@dataclass(frozen=True)
class Kept:
    """An undelivered webhook as it is kept.

    Attributes:
        offset: its place in the topic, by which it is named.
        webhook: what was not delivered.
    """

    offset: int
    webhook: UndeliveredWebhook

    @property
    def event(self) -> Event | None:
        """What was posted; None where the message was no forecast, and nothing was."""
        if self.webhook.webhook_id is None:
            return None
        data = orjson.loads(self.webhook.body)["data"]
        return Event(self.webhook.webhook_id, data["series_id"], self.webhook.body.encode())


def read_undelivered(bootstrap: str, topic_prefix: str) -> Iterator[Kept]:
    """Read the topic up to its present end; what is none of ours is skipped.

    Args:
        bootstrap: brokers, host:port separated by commas.
        topic_prefix: put before the name of the topic.

    Raises:
        BrokerUnavailable: Kafka does not answer.
    """
    topic = topic_prefix + UNDELIVERED_WEBHOOKS.name
    # the raised error is enough; librdkafka would log each attempt
    consumer = open_consumer(bootstrap, CLIENT, CLIENT, {"enable.partition.eof": True, "log_level": 0})
    try:
        first, end = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=ANSWER_S)
        consumer.assign([TopicPartition(topic, 0, first)])
        offset = first
        while offset < end and (message := _next(consumer, topic)) is not None:
            offset = (message.offset() or 0) + 1
            try:
                webhook = UndeliveredWebhook.model_validate_json(message.value() or b"")
            except ValidationError:
                continue
            yield Kept(offset - 1, webhook)
    except KafkaException as error:
        raise BrokerUnavailable(f"Kafka at {bootstrap} cannot be read: {error}") from error
    finally:
        consumer.close()


def _next(consumer: Consumer, topic: str) -> Message | None:
    """The next message; None at the end of the partition, which may lie before messages that were removed.

    Raises:
        BrokerUnavailable: nothing came.
        KafkaException: the consumer cannot continue.
    """
    message = consumer.poll(ANSWER_S)
    if message is None:
        raise BrokerUnavailable(f"Kafka sends nothing of {topic}: check that it runs")
    if (error := message.error()) is None:
        return message
    if error.code() == KafkaError._PARTITION_EOF:
        return None
    raise KafkaException(error)
