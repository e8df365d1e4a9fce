"""What an audit asks Kafka: why a forecast is no longer what its window gives, and what was sent of it."""

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

import orjson
from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from dayahead.errors import BrokerUnavailable
from dayahead.hours import Hour
from dayahead.kafka_clients import open_consumer
from dayahead.models.serving.window import WINDOW_HOURS
from stream.intake.decode import DecodedMessage, Decoder
from stream.servers.log_reader import is_of_message, log_message

CLIENT = "dayahead-auditor"
ANSWER_S = 10.0
READ_WITHIN_S = 30.0
LONGEST_READ = 50_000
"""Messages that are looked through for one forecast; where more came since, the log is not asked."""


class LaterMessages:
    """Reads a stretch of `observations`; subscribes to nothing and commits nothing."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap

    def changed_quietly(self, topic: str, partition: int, start: int, end: int, series_id: str) -> bool | None:
        """Whether a message that asked for no forecast touched a series.

        Args:
            topic: full name of the topic.
            partition: of the series.
            start: the first message that is looked at.
            end: the message after the last.
            series_id: the series.

        Returns:
            None where the log does not hold these messages any more, or there are too many.

        Raises:
            BrokerUnavailable: Kafka did not answer.
        """
        return self._any(
            topic, partition, start, end, lambda message: not message.refresh and series_id in message.series_ids
        )

    def changed_window(
        self, topic: str, partition: int, start: int, end: int, series_id: str, origin: Hour
    ) -> bool | None:
        """Whether a message touched the window of a forecast after that was made.

        Args:
            topic: full name of the topic.
            partition: of the series.
            start: the message that made the forecast, or before which it was made anew for another release.
            end: the message after the last.
            series_id: the series.
            origin: of the forecast.

        Returns:
            None where the log does not hold these messages any more, or there are too many.

        Raises:
            BrokerUnavailable: Kafka did not answer.
        """

        def touches(message: DecodedMessage) -> bool:
            pairs = zip(message.series_ids, message.hours, strict=True)
            hours = [hour for one, hour in pairs if one == series_id]
            if message.offset == start and message.refresh and hours and max(hours) == origin:
                return False  # it made the forecast
            return any(origin - WINDOW_HOURS < hour <= origin for hour in hours)

        return self._any(topic, partition, start, end, touches)

    def _any(
        self, topic: str, partition: int, start: int, end: int, wanted: Callable[[DecodedMessage], bool]
    ) -> bool | None:
        with _reading(self._bootstrap) as consumer:
            where = TopicPartition(topic, partition, start)
            low, _ = consumer.get_watermark_offsets(where, timeout=ANSWER_S)
            if start < low or end - start > LONGEST_READ:
                return None
            decoder = Decoder()
            return any(
                wanted(decoder.decode(log_message(message)))
                for message in _stretch(consumer, self._bootstrap, where, end)
            )


class SentForecasts:
    """Reads the end of `forecasts`; subscribes to nothing and commits nothing.

    Args:
        bootstrap: Kafka.
        topic: full name of the topic.
    """

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._bootstrap, self._topic = bootstrap, topic

    def newest(self, partition: int, since_us: int, series_ids: Collection[str]) -> dict[tuple[str, str], bytes] | None:
        """What a consumer has of some series that keeps the newest message of a series and an origin.

        Args:
            partition: of the series.
            since_us: only what was sent since then, microseconds since 1970.
            series_ids: the series.

        Returns:
            The values by series_id and origin, as the message writes it; None where too many were sent since.

        Raises:
            BrokerUnavailable: Kafka did not answer.
        """
        keys = {series_id.encode() for series_id in series_ids}
        newest: dict[tuple[str, str], bytes] = {}
        with _reading(self._bootstrap) as consumer:
            moment = TopicPartition(self._topic, partition, since_us // 1000)
            _, end = consumer.get_watermark_offsets(moment, timeout=ANSWER_S)
            (where,) = consumer.offsets_for_times([moment], timeout=ANSWER_S)
            if where.offset < 0:  # nothing was sent since
                return newest
            if end - where.offset > LONGEST_READ:
                return None
            for message in _stretch(consumer, self._bootstrap, where, end):
                if message.key() in keys and (value := message.value()) is not None:
                    sent = orjson.loads(value)
                    newest[sent["series_id"], sent["origin"]] = value
        return newest


@contextmanager
def _reading(bootstrap: str) -> Iterator[Consumer]:
    consumer = open_consumer(bootstrap, CLIENT, CLIENT, {"auto.offset.reset": "earliest"})
    try:
        yield consumer
    except KafkaException as error:
        raise BrokerUnavailable(f"Kafka at {bootstrap} did not answer the auditor: {error}") from error
    finally:
        consumer.close()


def _stretch(consumer: Consumer, bootstrap: str, where: TopicPartition, end: int) -> Iterator[Message]:
    """The messages of a partition from an offset to the one before `end`, as far as they are still there."""
    consumer.assign([where])
    position, until = where.offset, time.monotonic() + READ_WITHIN_S
    while position < end:
        for message in consumer.consume(500, timeout=1.0):
            error = message.error()
            if error is not None and is_of_message(error):
                position = message.offset() + 1
                continue
            if error is not None:
                raise BrokerUnavailable(f"Kafka at {bootstrap} did not give the log: {error}")
            position = message.offset() + 1
            if position > end:
                return
            yield message
        if time.monotonic() > until:
            raise BrokerUnavailable(
                f"Kafka at {bootstrap} gave messages {where.offset} to {position - 1} of {where.offset} to {end - 1} "
                "and then nothing"
            )
