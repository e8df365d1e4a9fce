"""Reads topic `forecasts` by offsets: its end, and what a client has missed since an event."""

import time
from types import TracebackType
from typing import Self

from confluent_kafka import Consumer, KafkaError, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient

from api.hearing import Made
from api.positions import ID_CHARACTERS, Positions
from dayahead.errors import DayaheadError, StorageError
from dayahead.kafka_clients import UNDECODABLE, open_consumer

MESSAGES_AT_ONCE = 500
READ_WITHIN_S = 30.0
"""Timeout of a replay without a message, seconds."""

CLIENT = "dayahead-api-replay"


class CannotReplay(DayaheadError):  # noqa: N818 - reads as what happened
    """Missed forecasts cannot be replayed; the message says why."""


def end_of_topic(consumer: Consumer, admin: AdminClient, topic: str, answer_s: float) -> Positions:
    """The offsets that the next messages of a topic will have.

    Args:
        consumer: any consumer of the cluster.
        admin: of the same cluster.
        topic: full name.
        answer_s: how long each answer is waited for.

    Raises:
        StorageError: there is no such topic.
        KafkaException: Kafka did not answer.
    """
    # the consumer is asked first: it fails sooner where Kafka is away
    found = consumer.list_topics(topic, timeout=answer_s).topics[topic]
    if found.error or not found.partitions:
        raise StorageError(f"topic {topic} does not exist: run `dayahead migrate`, or check DAYAHEAD_TOPIC_PREFIX")
    (described,) = admin.describe_topics(TopicCollection([topic]), request_timeout=answer_s).values()
    ends = [
        consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=answer_s)[1]
        for number in sorted(found.partitions)
    ]
    return Positions(str(described.result().topic_id)[:ID_CHARACTERS], tuple(ends))


class Replay:
    """Reads the messages between two positions, once; blocks, so run it in a thread.

    A topic that is compacted gives the newest message of each series that lies between, which is what a client that
    missed it needs.
    """

    def __init__(self, *, bootstrap: str, topic: str, start: Positions, end: Positions, limit: int) -> None:
        """Check; entering the context connects.

        Args:
            bootstrap: brokers, host:port separated by commas.
            topic: full name.
            start: behind the last event that the client has had.
            end: where the live events begin.
            limit: the most messages that are read.

        Raises:
            CannotReplay: there are too many between, or the positions are not of one topic.
        """
        self._bootstrap, self._topic = bootstrap, topic
        start = start.grown(len(end.offsets))
        if start.is_beyond(end):
            raise CannotReplay(f"topic {topic} was created again since the event that Last-Event-ID names")
        pairs = list(zip(start.offsets, end.offsets, strict=True))
        if (between := sum(b - a for a, b in pairs)) > limit:
            raise CannotReplay(
                f"{between} forecasts were made since the event that Last-Event-ID names, more than "
                f"DAYAHEAD_API_STREAM_REPLAY_LIMIT ({limit})"
            )
        self._position, self._end = start, end
        self._open = {number for number, (a, b) in enumerate(pairs) if a < b}
        self._consumer: Consumer | None = None

    def __enter__(self) -> Self:
        if self._open:
            self._consumer = open_consumer(
                self._bootstrap, CLIENT, CLIENT, {"auto.offset.reset": "earliest", "enable.partition.eof": True}
            )
            self._consumer.assign(
                [TopicPartition(self._topic, number, self._position.offsets[number]) for number in sorted(self._open)]
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._consumer is not None:
            self._consumer.close()

    def next(self) -> list[Made]:
        """Read more forecasts; empty when all have been read.

        Raises:
            CannotReplay: a batch cannot be decoded, or Kafka stopped answering.
        """
        if self._consumer is None:
            return []
        made: list[Made] = []
        until = time.monotonic() + READ_WITHIN_S
        while self._open and not made:
            if time.monotonic() > until:
                raise CannotReplay(f"Kafka at {self._bootstrap} did not answer for {READ_WITHIN_S:g} s")
            first = self._consumer.poll(1.0)
            messages = [] if first is None else [first, *self._consumer.consume(MESSAGES_AT_ONCE, timeout=0)]
            for message in messages:
                number, offset = message.partition(), message.offset()
                if (error := message.error()) is not None:
                    self._judge(error, number)
                elif number in self._open:
                    if offset >= self._end.offsets[number] - 1:
                        self._open.discard(number)
                    if offset >= self._end.offsets[number]:
                        continue
                    self._position = self._position.after(number, offset)
                    if message.key() and message.value():
                        made.append(Made(message.key().decode(errors="replace"), message.value(), self._position))
        return made

    def _judge(self, error: KafkaError, number: int | None) -> None:
        """Ignore an error that allows to continue; raise any other.

        Raises:
            CannotReplay: reading again would not help.
        """
        if error.code() == KafkaError._PARTITION_EOF:
            self._open.discard(number)  # compaction took the last ones before the end
        elif error.code() in UNDECODABLE:
            raise CannotReplay(f"partition {number} of topic {self._topic} cannot be decoded: {error.str()}")
