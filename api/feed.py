"""Forecasts as they are made: one reader of topic `forecasts` in this process, heard by any number of clients."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from dayahead.topics import FORECASTS

log = structlog.get_logger()

HELD_BACK = 10_000
"""Forecasts that wait for a slow client before it is let go."""

POLL_MS = 500
CONNECT_TIMEOUT_MS = 5000
RETRY_S = 2.0


@dataclass(frozen=True)
class Made:
    """A forecast that has just been made: its series and its bytes."""

    series_id: str
    body: bytes


@dataclass(eq=False)
class Subscription:
    """What one client hears.

    Attributes:
        loop: the event loop that the client is served by.
        queue: forecasts that it has not read yet; None says that it was too slow and hears no more.
    """

    loop: asyncio.AbstractEventLoop
    queue: asyncio.Queue[Made | None] = field(default_factory=lambda: asyncio.Queue(HELD_BACK + 1))

    def put(self, made: Made) -> None:
        """Hand over a forecast; called in the client's loop."""
        if self.queue.qsize() < HELD_BACK:
            self.queue.put_nowait(made)
        elif self.queue.qsize() == HELD_BACK:
            self.queue.put_nowait(None)


class ForecastFeed:
    """Reads topic `forecasts` from its end while somebody listens; waits for brokers that are away."""

    def __init__(self, bootstrap: str, topic_prefix: str) -> None:
        self._bootstrap, self._topic = bootstrap, topic_prefix + FORECASTS.name
        self._lock = threading.Lock()
        self._subscriptions: set[Subscription] = set()
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()
        self._reading = threading.Event()

    @contextmanager
    def listen(self) -> Iterator[Subscription]:
        """A subscription to what is made from now on; to be called in the client's event loop."""
        subscription = Subscription(asyncio.get_running_loop())
        with self._lock:
            self._subscriptions.add(subscription)
            if self._thread is None:
                self._thread = threading.Thread(target=self._read, name="forecast-feed", daemon=True)
                self._thread.start()
        try:
            yield subscription
        finally:
            with self._lock:
                self._subscriptions.discard(subscription)

    @property
    def clients(self) -> int:
        """How many listen."""
        return len(self._subscriptions)

    @property
    def reading(self) -> bool:
        """Whether the reader stands at the end of the topic, so that nothing made from now on is missed."""
        return self._reading.is_set()

    def close(self) -> None:
        """Stop reading."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def _read(self) -> None:
        while not self._closed.is_set():
            try:
                self._follow()
            except KafkaError as error:
                log.warning("kafka_away", topic=self._topic, error=str(error))
            self._reading.clear()
            self._closed.wait(RETRY_S)

    def _follow(self) -> None:
        consumer = KafkaConsumer(
            bootstrap_servers=self._bootstrap,
            client_id="dayahead-api-stream",
            enable_auto_commit=False,
            bootstrap_timeout_ms=CONNECT_TIMEOUT_MS,
        )
        try:
            partitions = [
                TopicPartition(self._topic, number) for number in consumer.partitions_for_topic(self._topic) or ()
            ]
            if not partitions:  # `dayahead migrate` has not run yet
                return
            consumer.assign(partitions)
            consumer.seek_to_end(*partitions)
            for partition in partitions:
                consumer.position(partition)  # resolves the end now, not at the first poll
            self._reading.set()
            while not self._closed.is_set():
                for records in consumer.poll(timeout_ms=POLL_MS).values():
                    for record in records:
                        if record.key and record.value:
                            self._tell(Made(record.key.decode(errors="replace"), record.value))
        finally:
            consumer.close()

    def _tell(self, made: Made) -> None:
        with self._lock:
            listening = list(self._subscriptions)
        for subscription in listening:
            subscription.loop.call_soon_threadsafe(subscription.put, made)
