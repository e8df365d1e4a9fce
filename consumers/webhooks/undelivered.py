"""Publishes what was given up on topic `webhooks.undelivered`."""

import threading

import structlog
from confluent_kafka import Producer

from dayahead.contracts import UndeliveredWebhook, message_bytes
from dayahead.errors import BrokerUnavailable
from dayahead.kafka_clients import Unsent, open_producer, send_all
from dayahead.retry import Backoff, Pause, retry
from dayahead.topics import UNDELIVERED_WEBHOOKS

log = structlog.get_logger()

CLIENT = "dayahead-webhooks"
TIMEOUT_S = 10.0
LONGEST_PAUSE_S = 30.0


class UndeliveredTopic:
    """Publishes undelivered webhooks; for all threads of the process."""

    def __init__(self, bootstrap: str, topic_prefix: str) -> None:
        """Keep the arguments; the first message connects.

        Args:
            bootstrap: brokers, host:port separated by commas.
            topic_prefix: put before the name of the topic.
        """
        self._bootstrap, self._topic = bootstrap, topic_prefix + UNDELIVERED_WEBHOOKS.name
        self._lock = threading.Lock()
        self._producer: Producer | None = None

    def add(self, undelivered: UndeliveredWebhook, pause: Pause) -> None:
        """Publish one, and wait until the brokers acknowledge it.

        Raises:
            Stopped: the pause was cut short; the event is read again.
        """
        retry(
            lambda: self._send(undelivered),
            (BrokerUnavailable,),
            backoff=Backoff(longest_s=LONGEST_PAUSE_S),
            pause=pause,
            on_failure=lambda error, pause_s: log.warning(
                "webhook_not_set_aside", receiver=undelivered.receiver, error=str(error), pause_s=round(pause_s, 1)
            ),
        )

    def _send(self, undelivered: UndeliveredWebhook) -> None:
        with self._lock:
            producer = self._producer = self._producer or open_producer(self._bootstrap, CLIENT, TIMEOUT_S)
            message = Unsent(message_bytes(undelivered), undelivered.receiver.encode())
            send_all(producer, self._topic, [message], 2 * TIMEOUT_S)
