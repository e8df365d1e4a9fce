"""Sends drift events to their topic."""

from collections.abc import Sequence

from confluent_kafka import KafkaException, Producer

from dayahead.contracts import DriftEvent, message_bytes
from dayahead.errors import BrokerUnavailable
from dayahead.kafka_clients import LIBRARY_LOG
from dayahead.kafka_login import confluent_options

DELIVERY_S = 20


class DriftTopic:
    """Sends events and waits for a while until all replicas have them; it is used by one thread.

    Args:
        bootstrap: the brokers.
        topic: full name of the topic.
    """

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._bootstrap, self._topic = bootstrap, topic

    def send(self, events: Sequence[DriftEvent]) -> None:
        """Send events in their order, keyed by `series_id`.

        Raises:
            BrokerUnavailable: Kafka did not take all of them; some may be there, and are sent again.
        """
        refused: list[str] = []
        producer = Producer(
            {
                **confluent_options(self._bootstrap),
                "client.id": "dayahead-drift",
                "acks": "all",
                "enable.idempotence": True,
                "message.timeout.ms": DELIVERY_S * 1000,
            },
            logger=LIBRARY_LOG,
        )
        try:
            for event in events:
                producer.produce(
                    self._topic,
                    value=message_bytes(event),
                    key=event.series_id.encode(),
                    on_delivery=lambda error, _: refused.append(str(error)) if error else None,
                )
        except (KafkaException, BufferError) as error:
            raise BrokerUnavailable(f"Kafka at {self._bootstrap} did not take drift events: {error}") from error
        waiting = producer.flush(DELIVERY_S + 5)
        if waiting or refused:
            told = refused[0] if refused else "no answer"
            raise BrokerUnavailable(
                f"Kafka at {self._bootstrap} did not take {waiting + len(refused)} of {len(events)} drift events: "
                f"{told}"
            )
