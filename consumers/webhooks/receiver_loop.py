"""Reads the topics of one receiver and delivers: each has a consumer group of its own, so that none waits for another.

Offsets are committed when every event before them was taken or set aside, so that a crash repeats some and loses none.
An event that the receiver refuses is held over the next rounds, with the later ones of its series; the others go on.
"""

import threading
import time
import zlib
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context

import structlog
from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from consumers.webhooks import metrics
from consumers.webhooks.delivery import Delivery, Waiting
from consumers.webhooks.progress import Place, Progress
from consumers.webhooks.receivers import Receiver
from dayahead.errors import ReceiverGone, Stopped
from dayahead.grouping import grouped
from dayahead.hours import Clock
from dayahead.kafka_clients import UNDECODABLE, open_consumer

log = structlog.get_logger()

GROUP = "dayahead-webhooks-"
POLL_S = 0.5
MESSAGES_AT_ONCE = 100
ANSWER_S = 10.0
RETRY_S = 2.0
LAG_EVERY_S = 15.0
SESSION_MS = 10_000
MOST_HELD = 1_000
MOST_REFUSED = 100
"""Messages that are held, and those of them that are attempted again and again; beyond it none is read."""
HEARTBEAT_S = 60.0
"""A loop that shows no sign of life for so long is stuck; it waits for Kafka for less."""


class ReceiverLoop:
    """Delivers the events of one receiver until it is stopped; `run` is for a thread of its own."""

    def __init__(
        self,
        receiver: Receiver,
        deliveries: Sequence[Delivery],
        bootstrap: str,
        topic_prefix: str,
        clock: Clock,
        stop: threading.Event,
    ) -> None:
        """Connect to nothing yet.

        Args:
            receiver: of the events.
            deliveries: one for each request at the same time.
            bootstrap: brokers, host:port separated by commas.
            topic_prefix: put before the names of topics and of the consumer group.
            clock: the present moment, for metrics and for what is due.
            stop: ends the loop.
        """
        self._receiver, self._deliveries = receiver, deliveries
        self._bootstrap, self._prefix, self._clock, self._stop = bootstrap, topic_prefix, clock, stop
        self._kinds = {topic_prefix + kind.topic.name: kind for kind in receiver.events}
        self._progress = Progress()
        self._cancelled = threading.Event()
        self._busy = False
        self._backlog: list[Message] = []
        self._held: list[Waiting] = []
        self._lag_at = 0.0
        self._gone_since = 0.0
        self._alive_at = time.monotonic()
        metrics.show_receiver(receiver.name)
        metrics.WAITING_SINCE.labels(receiver.name).set_function(self._waiting_since)

    @property
    def is_stuck(self) -> bool:
        """Whether the loop has shown no sign of life for a minute."""
        return time.monotonic() - self._alive_at > HEARTBEAT_S

    @property
    def receiver(self) -> Receiver:
        """Who it delivers to."""
        return self._receiver

    def run(self) -> None:
        """Read and deliver; start again where Kafka's client cannot continue."""
        with ThreadPoolExecutor(len(self._deliveries), thread_name_prefix=self._receiver.name) as pool:
            while not self._stop.is_set():
                try:
                    self._run(pool)
                except KafkaException as error:
                    log.warning("webhooks_not_read", receiver=self._receiver.name, error=str(error))
                    self._stop.wait(RETRY_S)
                except ReceiverGone as error:
                    self._rest(error)
        for delivery in self._deliveries:
            delivery.close()

    def cancel(self) -> None:
        """Cut the pauses of this loop short; to be called after `stop` is set."""
        self._cancelled.set()

    def _rest(self, error: ReceiverGone) -> None:
        """Deliver nothing more until the process is restarted; what was not delivered is not committed."""
        metrics.ENABLED.labels(self._receiver.name).set(0)
        log.error("webhook_receiver_gone", receiver=self._receiver.name, error=str(error))
        while not self._stop.wait(POLL_S):
            self._alive_at = time.monotonic()

    def _run(self, pool: ThreadPoolExecutor) -> None:
        consumer = open_consumer(
            self._bootstrap,
            GROUP + self._receiver.name,
            self._prefix + GROUP + self._receiver.name,
            # a topic that was made again is read from its beginning
            {"auto.offset.reset": "earliest", "session.timeout.ms": SESSION_MS, "heartbeat.interval.ms": 3_000},
        )
        self._progress.forget(self._progress.committable())
        self._backlog.clear()
        self._held.clear()
        try:
            consumer.subscribe(list(self._kinds), on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._lost)
            while not self._stop.is_set():
                self._round(consumer, pool)
        except ReceiverGone:
            # closing the consumer forgets what is open
            self._gone_since = self._progress.oldest()
            raise
        finally:
            consumer.close()

    def _waiting_since(self) -> float:
        return self._gone_since or self._progress.oldest()

    def _round(self, consumer: Consumer, pool: ThreadPoolExecutor) -> None:
        """Deliver the next messages, all of them.

        Raises:
            KafkaException: the consumer cannot continue.
            ReceiverGone: the receiver wants no more.
        """
        self._alive_at = time.monotonic()
        self._measure_lag(consumer)
        messages = self._read(consumer)
        new = [one for message in messages if (one := self._waiting(consumer, message)) is not None]
        now_s = self._clock().timestamp()
        if not new and not any(one.refusal is not None and one.is_due(now_s) for one in self._held):
            return
        self._progress.begin([one.place for one in new], now_s)
        self._cancelled.clear()
        if self._stop.is_set():
            self._cancelled.set()
        try:
            held = self._wait(consumer, self._start(pool, [*self._held, *new]))
            # without those whose partition went to another process meanwhile
            self._held = [one for one in held if self._progress.is_open(one.place)]
        finally:
            self._commit(consumer)

    def _read(self, consumer: Consumer) -> list[Message]:
        """What was read meanwhile, or the next messages; none while many are held.

        Raises:
            KafkaException: the consumer cannot continue.
        """
        refused = sum(one.refusal is not None for one in self._held)
        if len(self._held) >= MOST_HELD or refused >= MOST_REFUSED:
            self._keep_membership(consumer)
            return []
        messages, self._backlog = self._backlog, []
        if messages:
            return messages
        first = consumer.poll(POLL_S)
        return [] if first is None else [first, *consumer.consume(MESSAGES_AT_ONCE - 1, timeout=0)]

    def _keep_membership(self, consumer: Consumer) -> None:
        """Stay in the group for a moment and read nothing."""
        self._busy = True
        consumer.pause(consumer.assignment())
        try:
            if (message := consumer.poll(POLL_S)) is not None:
                self._backlog.append(message)
        finally:
            self._busy = False
            consumer.resume(consumer.assignment())

    def _start(self, pool: ThreadPoolExecutor, waiting: Sequence[Waiting]) -> list["Future[list[Waiting]]"]:
        """Start the deliveries; the events of a series are delivered in their order."""
        lanes = grouped((zlib.crc32(one.series) % len(self._deliveries), one) for one in waiting)
        return [
            pool.submit(copy_context().run, self._deliver, self._deliveries[lane], events)
            for lane, events in lanes.items()
        ]

    def _deliver(self, delivery: Delivery, events: Sequence[Waiting]) -> list[Waiting]:
        """Deliver what is due and return what is held: refused events, and the later ones of their series."""
        held: list[Waiting] = []
        series: set[bytes] = set()
        for event in events:
            if event.series not in series and event.is_due(self._clock().timestamp()):
                try:
                    if delivery.deliver(event, self._cancelled):
                        self._progress.done(event.place)
                        continue
                except Stopped:
                    return []
                except BaseException:
                    self._cancelled.set()
                    raise
            held.append(event)
            series.add(event.series)
        return held

    def _wait(self, consumer: Consumer, running: Sequence["Future[list[Waiting]]"]) -> list[Waiting]:
        """Wait for deliveries while the consumer stays in its group, and return what is held; nothing is read."""
        self._busy = True
        consumer.pause(consumer.assignment())
        try:
            while not all(one.done() for one in running):
                self._alive_at = time.monotonic()
                message = consumer.poll(0.05)
                if message is not None:
                    self._backlog.append(message)
                self._measure_lag(consumer)
                if self._stop.is_set():
                    self._cancelled.set()
            return [waiting for one in running for waiting in one.result()]
        except BaseException:
            self._cancelled.set()
            wait(running)  # the next round has the same connections, and clears `_cancelled`
            raise
        finally:
            self._busy = False
            consumer.resume(consumer.assignment())

    def _waiting(self, consumer: Consumer, message: Message) -> Waiting | None:
        """The message as what is to be delivered; None for one that cannot be read.

        Raises:
            KafkaException: the consumer cannot continue.
        """
        error = message.error()
        topic, partition, offset = message.topic(), message.partition(), message.offset()
        if error is not None:
            if error.code() not in UNDECODABLE:
                raise KafkaException(error)
            # the end of a batch that cannot be decoded is unknown: its messages are skipped one by one
            consumer.seek(TopicPartition(topic, partition, offset + 1))
            value = f"it cannot be decoded: {error.str()}".encode()
            return Waiting(Place(topic, partition, offset), self._kinds[topic], b"", value, 0.0)
        if message.value() is None:
            return None
        _, published_ms = message.timestamp()
        return Waiting(
            Place(topic, partition, offset),
            self._kinds[topic],
            message.key() or b"",
            message.value(),
            published_ms / 1000,
        )

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Begin where the group was, or where a new receiver is to begin, which is committed at once."""
        places = consumer.committed(partitions, timeout=ANSWER_S)
        new = [one for one in places if one.offset < 0]
        for place in new:
            first, end = consumer.get_watermark_offsets(place, timeout=ANSWER_S)
            place.offset = end if self._receiver.start == "now" else first
        if new:
            consumer.commit(offsets=new, asynchronous=False)
        consumer.assign(places)
        self._progress.start({(one.topic, one.partition): one.offset for one in places})
        if self._busy:
            consumer.pause(places)
        log.info("webhooks_assigned", receiver=self._receiver.name, partitions=len(places), new=len(new))

    def _revoked(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Stop, commit what was delivered and forget the rest: another process continues."""
        self._cancelled.set()
        self._commit(consumer)
        self._lost(consumer, partitions)

    def _lost(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self._cancelled.set()
        self._progress.forget((one.topic, one.partition) for one in partitions)
        self._backlog.clear()
        self._held.clear()
        metrics.LAG.labels(self._receiver.name).set(0)

    def _commit(self, consumer: Consumer) -> None:
        """Commit what is done; where that fails, the next process delivers it again."""
        behind = [TopicPartition(*at, offset) for at, offset in self._owned(consumer).items()]
        if not behind:
            return
        try:
            consumer.commit(offsets=behind, asynchronous=False)
        except KafkaException as error:
            log.warning("webhooks_not_committed", receiver=self._receiver.name, error=str(error))

    def _owned(self, consumer: Consumer) -> dict[tuple[str, int], int]:
        """What may be committed, of its own partitions: a message may come just before its partition goes."""
        owned = {(one.topic, one.partition) for one in consumer.assignment()}
        return {at: offset for at, offset in self._progress.committable().items() if at in owned}

    def _measure_lag(self, consumer: Consumer) -> None:
        if time.monotonic() - self._lag_at < LAG_EVERY_S:
            return
        self._lag_at = time.monotonic()
        lag = 0
        try:
            for (topic, partition), offset in self._owned(consumer).items():
                _, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=ANSWER_S)
                lag += max(0, end - offset)
        except KafkaException as error:
            log.warning("webhook_lag_unknown", receiver=self._receiver.name, error=str(error))
        else:
            metrics.LAG.labels(self._receiver.name).set(lag)
