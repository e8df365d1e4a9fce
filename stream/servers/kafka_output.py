"""Sends to Kafka, and waits until all replicas have acknowledged."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from dayahead.dead_letters import Headers
from dayahead.errors import BrokerUnavailable
from dayahead.kafka_clients import CODEC_SENT, open_producer
from stream.servers.server_retry import ServerRetry

DELIVERY_S = 30
FLUSH_S = 1.0
MESSAGE_BYTES = 64 * 1024 * 1024
"""Size limit of the producer, bytes: above the limit of any broker, so that the broker decides."""

TOO_LARGE = frozenset({KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_MSG_SIZE, KafkaError.RECORD_LIST_TOO_LARGE})

POLLED_EVERY = 1_000
"""Messages between two polls for delivery reports."""


class Outgoing(NamedTuple):
    """A message to send.

    Attributes:
        topic: full name.
        value: of the message.
        key: of the message.
        partition: None leaves the choice to the producer.
        headers: of the message.
        shorter: makes the message to send instead where the broker rejects this one for its size.
    """

    topic: str
    value: bytes
    key: bytes | None = None
    partition: int | None = None
    headers: Headers | None = None
    shorter: "Callable[[], Outgoing] | None" = None


class KafkaOutput:
    """Sends messages until each is acknowledged; may be shared by threads."""

    def __init__(self, bootstrap: str, server_retry: ServerRetry) -> None:
        self._bootstrap = bootstrap
        self._server_retry = server_retry
        self._producer = self._new_producer()

    def _new_producer(self) -> Producer:
        settings = {
            "enable.idempotence": True,
            "compression.type": CODEC_SENT,
            "linger.ms": 5,
            "queue.buffering.max.messages": 1_000_000,
            "queue.buffering.max.kbytes": 262_144,
            "message.max.bytes": MESSAGE_BYTES,
        }
        return open_producer(self._bootstrap, "dayahead-worker", DELIVERY_S, settings)

    def deliver(self, messages: Sequence[Outgoing]) -> None:
        """Send messages in their order, and return when the broker has acknowledged all of them.

        A message that is too large for the broker is sent alone, then in its `shorter` form.

        Raises:
            Stopped: the worker was asked to stop while it waited for the broker.
        """
        waiting = list(messages)

        def attempt() -> None:
            nonlocal waiting
            waiting = self._attempt(waiting)
            if waiting:
                raise BrokerUnavailable(f"Kafka at {self._bootstrap} did not take {len(waiting)} messages")

        self._server_retry.run("Kafka", attempt, (BrokerUnavailable, KafkaException))

    def _attempt(self, messages: Sequence[Outgoing]) -> list[Outgoing]:
        """Send messages, and return those that were not acknowledged."""
        left: list[Outgoing] = []
        for message, error in self._send(messages):
            if error in TOO_LARGE and message.shorter is not None:
                # the broker may have rejected the size of the whole batch
                left += self._attempt([message if len(messages) > 1 else message.shorter()])
            else:
                left.append(message)
        return left

    def _send(self, messages: Sequence[Outgoing]) -> list[tuple[Outgoing, int | None]]:
        """Send messages, and return those that were not acknowledged, each with its error code, if any."""
        # a local reference: another thread may replace a broken producer meanwhile
        producer = self._producer
        errors: dict[int, int | None] = dict.fromkeys(range(len(messages)))
        fatal = False

        def note(number: int, error: KafkaError | None, _: Message | None) -> None:
            nonlocal fatal
            if error is None:
                del errors[number]
            else:
                errors[number] = error.code()
                fatal |= error.fatal()

        for number, message in enumerate(messages):
            self._hand_over(producer, message, partial(note, number))
            if number % POLLED_EVERY == 0:
                producer.poll(0)
        # until our messages are acknowledged; the queue may hold another thread's too
        while None in errors.values() and producer.flush(FLUSH_S):
            if self._server_retry.stopping.is_set():
                break
        if fatal and producer is self._producer:
            self._producer = self._new_producer()
        return [(messages[number], error) for number, error in sorted(errors.items())]

    @staticmethod
    def _hand_over(
        producer: Producer, message: Outgoing, note: Callable[[KafkaError | None, Message | None], None]
    ) -> None:
        where = {} if message.partition is None else {"partition": message.partition}
        while True:
            try:
                producer.produce(
                    message.topic,
                    value=message.value,
                    key=message.key,
                    headers=message.headers,
                    on_delivery=note,
                    **where,
                )
            except BufferError:
                producer.poll(FLUSH_S)
            except KafkaException as error:
                fault: KafkaError = error.args[0]
                if fault.code() not in TOO_LARGE:
                    raise
                note(fault, None)
                return
            else:
                return
