"""What the worker sends to Kafka: acknowledged by all replicas before it goes on."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from dayahead.dead_letters import Headers
from dayahead.errors import BrokerUnavailable
from stream.patience import Patience

DELIVERY_S = 30
LIBRARY_LOG = logging.getLogger("librdkafka")
FLUSH_S = 1.0


@dataclass(frozen=True)
class Outgoing:
    """A message to be sent; partition None leaves the choice to the producer."""

    topic: str
    value: bytes
    key: bytes | None = None
    partition: int | None = None
    headers: Headers = field(default_factory=list)


class KafkaOutput:
    """Sends messages until each is acknowledged."""

    def __init__(self, bootstrap: str, patience: Patience) -> None:
        self._bootstrap = bootstrap
        self._patience = patience
        self._producer = self._new_producer()

    def _new_producer(self) -> Producer:
        return Producer(
            {
                "bootstrap.servers": self._bootstrap,
                "client.id": "dayahead-worker",
                "acks": "all",
                "enable.idempotence": True,
                "compression.type": "lz4",
                "linger.ms": 5,
                "queue.buffering.max.messages": 1_000_000,
                "queue.buffering.max.kbytes": 262_144,
                "message.timeout.ms": DELIVERY_S * 1000,
            },
            logger=LIBRARY_LOG,
        )

    def deliver(self, messages: Sequence[Outgoing]) -> None:
        """Send messages in their order; returns when the broker has all of them.

        Raises:
            Stopping: the worker was asked to end while it waited for the broker.
        """
        waiting = list(messages)

        def attempt() -> None:
            nonlocal waiting
            waiting = self._attempt(waiting)
            if waiting:
                raise BrokerUnavailable(f"Kafka at {self._bootstrap} did not take {len(waiting)} messages")

        self._patience.insist("Kafka", attempt, (BrokerUnavailable, KafkaException))

    def _attempt(self, messages: Sequence[Outgoing]) -> list[Outgoing]:
        """Send messages; returns those that were not taken."""
        taken: set[int] = set()
        fatal = False

        def note(number: int, error: KafkaError | None) -> None:
            nonlocal fatal
            if error is None:
                taken.add(number)
            else:
                fatal |= error.fatal()

        for number, message in enumerate(messages):
            self._produce(number, message, note)
        while self._producer.flush(FLUSH_S):
            if self._patience.stopping.is_set():
                break
        if fatal:
            self._producer = self._new_producer()
        return [message for number, message in enumerate(messages) if number not in taken]

    def _produce(self, number: int, message: Outgoing, note: Any) -> None:
        where = {} if message.partition is None else {"partition": message.partition}

        def delivered(error: KafkaError | None, _: Message) -> None:
            note(number, error)

        while True:
            try:
                self._producer.produce(
                    message.topic,
                    value=message.value,
                    key=message.key,
                    headers=message.headers,
                    on_delivery=delivered,
                    **where,
                )
            except BufferError:
                self._producer.poll(FLUSH_S)
            else:
                self._producer.poll(0)
                return
