"""Reads Kafka for an audit: messages that changed a window since a forecast, and published forecasts."""

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
"""Limit of messages that are read for one forecast; where more follow it, the log is not read."""


class LaterMessages:
    """Reads a range of `observations` without subscribing or committing."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap

    def changed_quietly(self, topic: str, partition: int, start: int, end: int, series_id: str) -> bool | None:
        """Check whether a message that asked for no forecast changed a series.

        Args:
            topic: full name of the topic.
            partition: of the series.
            start: the first message to read.
            end: the message after the last.
            series_id: the series.

        Returns:
            None if the log no longer has these messages, or there are too many.

        Raises:
            BrokerUnavailable: Kafka did not answer.
        """
        return self._any(
            topic, partition, start, end, lambda message: not message.refresh and series_id in message.series_ids
        )

    def changed_window(
        self, topic: str, partition: int, start: int, end: int, series_id: str, origin: Hour
    ) -> bool | None:
        """Check whether a message changed the window of a forecast after it was made.

        Args:
            topic: full name of the topic.
            partition: of the series.
            start: the message that caused the forecast, or the next offset when it was refreshed with another release.
            end: the message after the last.
            series_id: the series.
            origin: of the forecast.

        Returns:
            None if the log no longer has these messages, or there are too many.

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
    """Reads the end of `forecasts` without subscribing or committing.

    Args:
        bootstrap: Kafka.
        topic: full name of the topic.
    """

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._bootstrap, self._topic = bootstrap, topic

    def newest(self, partition: int, since_us: int, series_ids: Collection[str]) -> dict[tuple[str, str], bytes] | None:
        """Read the newest message of each origin of some series.

        Args:
            partition: of the series.
            since_us: only messages since then, microseconds since 1970.
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
    """Yield the messages of a partition from an offset to the one before `end`, as far as they still exist."""
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
