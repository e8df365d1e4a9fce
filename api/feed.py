"""Streams new forecasts: one reader of topic `forecasts` in this process, with any number of clients."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Self

import structlog
from confluent_kafka import Consumer, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient

from api.hearing import Heard, Made, Missed, ReaderState, Status, Subscription
from api.positions import Positions
from api.replay import MESSAGES_AT_ONCE, Replay, end_of_topic
from dayahead.errors import StorageError
from dayahead.kafka_clients import CODECS, UNDECODABLE, open_admin, open_consumer
from dayahead.repeating import Repeating, RepeatingThread
from dayahead.topics import FORECASTS

log = structlog.get_logger()

POLL_S = 0.5
PROBE_S = 5.0
"""Seconds without a message after which the connection to Kafka is checked."""

ROUND_S = 10.0
PAUSE_S = 0.001
"""Seconds that a round of reading lasts, and those to the next: a forecast does not wait for it."""

ANSWER_S = 5.0
RETRY_S = 1.0
REPLAYS_AT_ONCE = 4
CLIENT = "dayahead-api-stream"


class ForecastFeed(Repeating):
    """Reads topic `forecasts` from its end; retries while brokers are unreachable, and reports its status.

    A context: it reads inside it.
    """

    def __init__(
        self,
        bootstrap: str,
        topic_prefix: str,
        replay_limit: int,
        *,
        answer_s: float = ANSWER_S,
        retry_s: float = RETRY_S,
    ) -> None:
        """Make a feed; entering the context starts reading.

        Args:
            bootstrap: brokers, host:port separated by commas.
            topic_prefix: put before the name of the topic.
            replay_limit: the most messages that are read for a client that resumes.
            answer_s: how long an answer of Kafka is waited for.
            retry_s: pause before Kafka is asked again.
        """
        self._bootstrap, self._topic = bootstrap, topic_prefix + FORECASTS.name
        self._replay_limit = replay_limit
        self._answer_s, self._retry_s = answer_s, retry_s
        self._attempts = 0
        self._replays = asyncio.Semaphore(REPLAYS_AT_ONCE)
        self._lock = threading.Lock()
        self._subscriptions: set[Subscription] = set()
        self._status = Status(ReaderState.STARTING, "the stream of forecasts starts")
        self._position: Positions | None = None
        self._unreadable: set[int] = set()
        self._undecodable = 0
        self._consumer: Consumer
        self._admin: AdminClient
        self._start: Positions | None = None
        self._heard_at = 0.0
        self._closed = threading.Event()
        thread = RepeatingThread(
            "forecast_feed",
            self._round,
            PAUSE_S,
            expected=(StorageError, KafkaException),
            close=self._close_clients,
            ended=self._closed,
        )
        super().__init__(thread, leave_s=answer_s + 1)

    def __enter__(self) -> Self:
        self._consumer = open_consumer(self._bootstrap, CLIENT, CLIENT, {"auto.offset.reset": "error"})
        self._admin = open_admin(self._bootstrap, CLIENT)
        return super().__enter__()

    @property
    def clients(self) -> int:
        """Number of clients."""
        return len(self._subscriptions)

    @property
    def status(self) -> Status:
        """Status of the reader."""
        return self._status

    @property
    def position(self) -> Positions | None:
        """Position of the reader; None before it has found the end of the topic."""
        return self._position

    @property
    def attempts(self) -> int:
        """Number of queries for the end of the topic."""
        return self._attempts

    @property
    def undecodable(self) -> int:
        """Number of batches that could not be decoded."""
        return self._undecodable

    @contextmanager
    def listen(self, wanted: Callable[[str], bool]) -> Iterator[Subscription]:
        """Subscribe to forecasts that are made after this call; call it in the event loop of the client.

        The first item is the status of the reader.
        """
        subscription = Subscription(asyncio.get_running_loop(), wanted)
        with self._lock:
            subscription.put([self._status], self._position)
            self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            with self._lock:
                self._subscriptions.discard(subscription)

    @property
    def replays(self) -> asyncio.Semaphore:
        """Limits the number of concurrent replays."""
        return self._replays

    def replay(self, start: Positions, end: Positions) -> Replay:
        """Make the replay from the last event of a client to the position at which its subscription began."""
        return Replay(bootstrap=self._bootstrap, topic=self._topic, start=start, end=end, limit=self._replay_limit)

    def _round(self) -> None:
        """Read for a while.

        Raises:
            StorageError: there is no such topic.
            KafkaException: Kafka does not answer, or the consumer cannot continue.
        """
        try:
            self._read()
        except Exception as error:
            self._start = None
            if isinstance(error, StorageError):
                self._say(ReaderState.NO_TOPIC, str(error))
            elif isinstance(error, KafkaException):
                self._away(error)
            self._closed.wait(self._retry_s)
            raise

    def _close_clients(self) -> None:
        self._consumer.close()
        del self._admin  # it has no close: the last reference holds its thread and its descriptors

    def _read(self) -> None:
        if self._start is None:
            self._start = self._assign(self._end())
        until = time.monotonic() + ROUND_S
        while not self._closed.is_set() and time.monotonic() < until:
            # one at first: `consume` waits until it has as many as it is asked for
            first = self._consumer.poll(POLL_S)
            if first is not None:
                in_order = self._take([first, *self._consumer.consume(MESSAGES_AT_ONCE, timeout=0)])
                self._heard_at = time.monotonic()
            else:
                in_order = time.monotonic() - self._heard_at <= PROBE_S or self._probe(self._start)
            if not in_order:
                self._start = None
                self._closed.wait(self._retry_s)
                return

    def _end(self) -> Positions:
        self._attempts += 1
        return end_of_topic(self._consumer, self._admin, self._topic, self._answer_s)

    def _assign(self, end: Positions) -> Positions:
        """Resume at the position of the reader, initially the end of the topic, and return the position."""
        start = end
        if self._position is not None and (start := self._position.grown(len(end.offsets))).is_beyond(end):
            start = end
            self._tell([Missed(f"topic {self._topic} was created again or lost its end")], end)
        self._unreadable.clear()
        self._tell([], start)
        places = [TopicPartition(self._topic, number, offset) for number, offset in enumerate(start.offsets)]
        self._consumer.assign(places)
        self._reading()
        self._heard_at = time.monotonic()
        return start

    def _probe(self, start: Positions) -> bool:
        """Check that Kafka answers and still has the same topic with as many partitions."""
        found = self._end()
        if found.topic != start.topic or len(found.offsets) != len(start.offsets):
            return False
        self._reading()
        self._heard_at = time.monotonic()
        return True

    def _take(self, messages: Sequence[Message]) -> bool:
        """Hand messages to the clients; returns whether the reader may continue.

        Raises:
            KafkaException: Kafka does not answer.
        """
        items: list[Heard] = []
        assert self._position is not None
        position, lost = self._position, False
        for message in messages:
            number, offset = message.partition(), message.offset()
            error = message.error()
            if error is not None and error.code() not in UNDECODABLE:
                log.warning("forecasts_not_read", topic=self._topic, partition=number, error=error.str())
                lost = True
                break
            if offset < position.offsets[number]:
                continue  # read before the reader skipped it
            if error is None:
                self._unreadable.discard(number)
                position = position.after(number, offset)
                if message.key() and message.value():
                    items.append(Made(message.key().decode(errors="replace"), message.value(), position))
                continue
            end = self._skip(number, offset)
            position = position.after(number, end - 1)
            self._undecodable += 1
            self._unreadable.add(number)
            log.error("forecasts_undecodable", topic=self._topic, partition=number, offset=offset, error=error.str())
            skipped = f"messages {offset} to {end - 1} of partition {number} of topic {self._topic}"
            items.append(Missed(f"{skipped} cannot be decoded and are skipped ({error.str()})"))
        if not lost:
            self._reading()
        self._tell(items, position)
        return not lost

    def _skip(self, number: int, offset: int) -> int:
        """Seek to the end of a partition, past a batch that cannot be decoded, since its end is unknown."""
        _, end = self._consumer.get_watermark_offsets(TopicPartition(self._topic, number), timeout=self._answer_s)
        end = max(int(end), offset + 1)
        self._consumer.seek(TopicPartition(self._topic, number, end))
        return end

    def _reading(self) -> None:
        if not self._unreadable:
            self._say(ReaderState.READING, f"forecasts are read from Kafka at {self._bootstrap} as they are made")
            return
        numbers = ", ".join(map(str, sorted(self._unreadable)))
        detail = (
            f"the newest forecasts in partition {numbers} of topic {self._topic} cannot be decoded: the bytes in Kafka "
            f"are damaged, or their producer compresses with another codec than {', '.join(CODECS)}"
        )
        self._say(ReaderState.UNREADABLE, detail)

    def _away(self, error: KafkaException) -> None:
        detail = f"Kafka at {self._bootstrap} is away ({error.args[0].str()}): the stream of forecasts waits"
        self._say(ReaderState.AWAY, detail)

    def _say(self, state: ReaderState, detail: str) -> None:
        if self._status.state is state and (state is not ReaderState.UNREADABLE or self._status.detail == detail):
            return
        if self._closed.is_set():
            return
        self._status = Status(state, detail)
        level = log.info if state is ReaderState.READING else log.warning
        level("forecast_stream", state=state.value, detail=detail)
        self._tell([self._status], self._position)

    def _tell(self, items: Sequence[Heard], position: Positions | None) -> None:
        with self._lock:
            self._position = position
            for subscription in self._subscriptions:
                with suppress(RuntimeError):  # its loop has just been closed
                    subscription.loop.call_soon_threadsafe(subscription.put, items, position)
