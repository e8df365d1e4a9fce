"""Whether Kafka answers: a bounded question every few seconds, since a client that waits for messages does not notice.

A consumer that hears nothing looks the same whether no message was sent or the broker is away, and a producer that has
nothing to send does not notice either.
"""

import time
from collections.abc import Callable

import structlog
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from dayahead.errors import BrokerUnavailable
from dayahead.kafka_clients import open_admin
from dayahead.repeating import RepeatingThread
from dayahead.telemetry import Health

log = structlog.get_logger()

EVERY_S = 5.0
ANSWER_S = 5.0
AWAY_AFTER_S = 20.0
"""Seconds without an answer after which Kafka counts as away; above two questions in a row that time out."""


class BrokerWatch:
    """Ask Kafka for the partitions of a topic, again and again.

    `look` is for one thread; `awaited` and `health` may be read by any.
    """

    def __init__(
        self, bootstrap: str, topic: str, client: str, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """Prepare; nothing is connected yet, and Kafka has its first `AWAY_AFTER_S` to answer.

        Args:
            bootstrap: brokers, host:port separated by commas.
            topic: full name of a topic that the service cannot work without.
            client: name of the client in the broker's log.
            monotonic: seconds of a clock that only goes forward.
        """
        self._bootstrap, self._topic, self._client = bootstrap, topic, client
        self._monotonic = monotonic
        self._admin: AdminClient | None = None
        self._answered_at = monotonic()
        self._error = "no answer yet"
        self._logged_away = False

    def thread(self) -> RepeatingThread:
        """What looks every `EVERY_S` seconds: a context, task `kafka_watch`."""
        return RepeatingThread("kafka_watch", self.look, EVERY_S)

    def look(self) -> None:
        """Ask once, for at most `ANSWER_S` seconds."""
        try:
            self._ask()
        except (KafkaException, BrokerUnavailable) as error:
            self._error = str(error)
        else:
            self._answered_at = self._monotonic()
        self._log_change()

    @property
    def awaited(self) -> str | None:
        """What is waited for, with the reason, to come after "waiting for"; None while Kafka answers."""
        silent_s = self._monotonic() - self._answered_at
        if silent_s <= AWAY_AFTER_S:
            return None
        return (
            f"Kafka: {self._bootstrap} has not answered for {silent_s:.0f} s ({self._error}); "
            "check that it runs, and DAYAHEAD_KAFKA_BOOTSTRAP"
        )

    def health(self) -> Health:
        """Whether Kafka answers, as a part of /health/ready."""
        awaited = self.awaited
        return Health(awaited is None, f"waiting for {awaited}" if awaited else "Kafka answers")

    def _ask(self) -> None:
        if self._admin is None:
            self._admin = open_admin(self._bootstrap, self._client)
        # a request to a broker each time, never what the client remembers
        topic = self._admin.list_topics(self._topic, timeout=ANSWER_S).topics[self._topic]
        if topic.error is not None:
            raise BrokerUnavailable(f"topic {self._topic}: {topic.error}")
        if without := [number for number, partition in topic.partitions.items() if partition.leader < 0]:
            raise BrokerUnavailable(f"topic {self._topic}: no broker leads partition {without[0]}")

    def _log_change(self) -> None:
        away = self.awaited is not None
        if away != self._logged_away:
            self._logged_away = away
            if away:
                log.warning("kafka_unavailable", bootstrap=self._bootstrap, error=self._error)
            else:
                log.info("kafka_recovered", bootstrap=self._bootstrap)
