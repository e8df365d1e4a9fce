"""Whether the log explains why a forecast is no longer what its window gives."""

import time
from collections.abc import Callable

from confluent_kafka import Consumer, KafkaException, TopicPartition

from dayahead.errors import BrokerUnavailable
from dayahead.hours import Hour
from dayahead.models.window import WINDOW_HOURS
from stream.decode import DecodedMessage, Decoder, LogMessage
from stream.kafka_output import LIBRARY_LOG

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
        consumer = Consumer(
            {
                "bootstrap.servers": self._bootstrap,
                "group.id": "dayahead-auditor",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
            },
            logger=LIBRARY_LOG,
        )
        try:
            where = TopicPartition(topic, partition, start)
            low, _ = consumer.get_watermark_offsets(where, timeout=ANSWER_S)
            if start < low or end - start > LONGEST_READ:
                return None
            consumer.assign([where])
            return self._search(consumer, start, end, wanted)
        except KafkaException as error:
            raise BrokerUnavailable(f"Kafka at {self._bootstrap} did not answer the auditor: {error}") from error
        finally:
            consumer.close()

    def _search(self, consumer: Consumer, start: int, end: int, wanted: Callable[[DecodedMessage], bool]) -> bool:
        decoder, position, until = Decoder(), start, time.monotonic() + READ_WITHIN_S
        while position < end:
            for message in consumer.consume(500, timeout=1.0):
                if (error := message.error()) is not None:
                    raise BrokerUnavailable(f"Kafka at {self._bootstrap} did not give the log: {error}")
                position = message.offset() + 1
                if position > end:
                    return False
                if wanted(decoder.decode(LogMessage(message.offset(), message.value()))):
                    return True
            if time.monotonic() > until:
                raise BrokerUnavailable(
                    f"Kafka at {self._bootstrap} gave messages {start} to {position - 1} of {start} to {end - 1} "
                    "and then nothing"
                )
        return False
