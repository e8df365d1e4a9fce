"""What the worker sends to Kafka: acknowledged by all replicas before it goes on."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from dayahead.dead_letters import Headers
from dayahead.errors import BrokerUnavailable
from stream.patience import Patience

DELIVERY_S = 30
LIBRARY_LOG = logging.getLogger("librdkafka")
FLUSH_S = 1.0
POLLED_EVERY = 1_000
"""Messages between two looks at what the broker has acknowledged."""


@dataclass(frozen=True)
class Outgoing:
    """A message to be sent; partition None leaves the choice to the producer."""

    topic: str
    value: bytes
    key: bytes | None = None
    partition: int | None = None
    headers: Headers = field(default_factory=list)


class KafkaOutput:
    """Sends messages until each is acknowledged; may be shared by threads."""

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
        # its own: another thread may replace a broken one meanwhile
        producer = self._producer
        taken = bytearray(len(messages))
        fatal = False

        def note(number: int, error: KafkaError | None, _: Message) -> None:
            nonlocal fatal
            if error is None:
                taken[number] = True
            else:
                fatal |= error.fatal()

        for number, message in enumerate(messages):
            where = {} if message.partition is None else {"partition": message.partition}
            while True:
                try:
                    producer.produce(
                        message.topic,
                        value=message.value,
                        key=message.key,
                        headers=message.headers,
                        on_delivery=partial(note, number),
                        **where,
                    )
                except BufferError:
                    producer.poll(FLUSH_S)
                else:
                    break
            if number % POLLED_EVERY == 0:
                producer.poll(0)
        # until ours are through; the queue may hold another thread's too
        while not all(taken) and producer.flush(FLUSH_S):
            if self._patience.stopping.is_set():
                break
        if fatal and producer is self._producer:
            self._producer = self._new_producer()
        return [message for message, done in zip(messages, taken, strict=True) if not done]
