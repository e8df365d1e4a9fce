"""Sends drift events to their topic."""

from collections.abc import Sequence

from dayahead.contracts import DriftEvent, message_bytes
from dayahead.errors import BrokerUnavailable
from dayahead.kafka_clients import Unsent, open_producer, send_all

DELIVERY_S = 20


class DriftTopic:
    """Sends events and waits, within a timeout, until all replicas have them; for one thread only.

    Args:
        bootstrap: the brokers.
        topic: full name of the topic.
    """

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._bootstrap, self._topic = bootstrap, topic

    def send(self, events: Sequence[DriftEvent]) -> None:
        """Send events in their order, keyed by `series_id`.

        Raises:
            BrokerUnavailable: Kafka did not acknowledge all of them; a retry may send some twice.
        """
        messages = [Unsent(message_bytes(event), event.series_id.encode()) for event in events]
        producer = open_producer(self._bootstrap, "dayahead-drift", DELIVERY_S, {"enable.idempotence": True})
        try:
            send_all(producer, self._topic, messages, DELIVERY_S + 5)
        except BrokerUnavailable as error:
            raise BrokerUnavailable(f"Kafka at {self._bootstrap} did not take drift events: {error}") from error
