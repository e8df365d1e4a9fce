"""Replays dead letters into `observations`, or raises where that is not possible."""

from collections.abc import Collection, Mapping

import orjson
from confluent_kafka import KafkaException, Producer

from dayahead.dead_letter_box import KeptLetter
from dayahead.dead_letters import remedy_of
from dayahead.errors import BrokerUnavailable, ContractError, ReplayRefused
from dayahead.grouping import grouped
from dayahead.hours import HOUR_US, Clock, format_utc, from_hour, parse_utc, to_microseconds
from dayahead.kafka_clients import Unsent, open_producer, send_all
from dayahead.reading.converter import convert
from dayahead.record_format import HOUR_MINUTES
from dayahead.rules import RowRules
from dayahead.series import partition_of
from dayahead.storage.tables.source import RegisteredSource
from dayahead.topics import OBSERVATIONS
from dayahead.weather.message import is_weather, weather_bytes
from stream.intake.decode import DecodedMessage, Decoder, envelope_bytes
from stream.servers.log_reader import LogMessage

ANSWER_S = 10.0
INGEST = "ingest"


class Replayer:
    """Sends messages of `observations` to the partitions that their series belong to.

    Args:
        bootstrap: brokers, host:port separated by commas.
        topic_prefix: put before the name of the topic.
        sources: registered sources by name.
        clock: the present moment: when the broker would take a message.
        references: names of the registered references, whose hours are no observations.
    """

    def __init__(
        self,
        bootstrap: str,
        topic_prefix: str,
        sources: Mapping[str, RegisteredSource],
        clock: Clock,
        references: Collection[str] = (),
    ) -> None:
        self._bootstrap, self._topic = bootstrap, topic_prefix + OBSERVATIONS.name
        self._sources, self._clock, self._references = sources, clock, references
        self._producer: Producer | None = None

    def check(self, letter: KeptLetter, corrected: bytes | None = None) -> DecodedMessage:
        """Check a dead letter and return its rows.

        Args:
            letter: the letter.
            corrected: replaces its value: a message of `observations`, or a record where the letter is one.

        Raises:
            ReplayRefused: it would be rejected again, or it is only the beginning of a message.
        """
        if letter.stub is not None and corrected is None:
            raise ReplayRefused(
                f"it is a stub: the first {len(letter.value):,} of {letter.stub.size:,} bytes. {_remedy(letter)}"
            )
        value = letter.value if corrected is None else corrected
        try:
            is_record = letter.headers.get("stage") == INGEST and not _is_batch(value)
            message = self._of_record(letter, value) if is_record else self._of_message(value)
            self._check_rows(message)
        except ContractError as error:
            raise ReplayRefused(f"it would be set aside again, {error}. {remedy_of(error.code)}") from error
        return message

    def put_back(self, message: DecodedMessage, partition: int | None = None) -> int:
        """Send checked rows or weather, and return the number of rows or messages.

        Args:
            message: that was checked.
            partition: that weather is sent to, None for every one; rows go where they belong.

        Raises:
            BrokerUnavailable: Kafka did not answer, or did not acknowledge them.
        """
        producer = self._producer = self._producer or open_producer(
            self._bootstrap, "dayahead-dead-letters", 3 * ANSWER_S
        )
        try:
            partitions = len(producer.list_topics(self._topic, timeout=ANSWER_S).topics[self._topic].partitions)
        except KafkaException as error:
            raise BrokerUnavailable(f"Kafka at {self._bootstrap} does not answer ({error}): try again") from error
        if not partitions:
            raise BrokerUnavailable(f"Kafka at {self._bootstrap} has no topic {self._topic}: run `dayahead migrate`")
        if message.weather is not None:
            value = weather_bytes(message.weather.source, message.weather.values)
            wanted = range(partitions) if partition is None else [partition]
            messages = [Unsent(value, partition=one) for one in wanted]
        else:
            messages = _of_rows(message, partitions)
        try:
            send_all(producer, self._topic, messages, 4 * ANSWER_S)
        except BrokerUnavailable as error:
            raise BrokerUnavailable(f"Kafka at {self._bootstrap} did not take the rows ({error}): try again") from error
        return len(messages) if message.weather is not None else len(message.series_ids)

    def _check_rows(self, message: DecodedMessage) -> None:
        """Check rows against the rules of the source, as the workers do.

        Raises:
            ContractError: one of the rows breaks them.
            ReplayRefused: the source is not registered.
        """
        if message.weather is not None:
            return
        registered = self._sources.get(message.source)
        if registered is None:
            raise ReplayRefused(f"source {message.source[:60]!r} is not registered: dayahead sources register FILE")
        rules = RowRules(registered.source)
        for series_id, hour, value in zip(message.series_ids, message.hours, message.values, strict=True):
            rules.check_series(series_id)
            rules.check_start(hour * HOUR_US, format_utc(from_hour(hour)))
            rules.check_value(value)

    def _of_message(self, value: bytes) -> DecodedMessage:
        """Decode a message as a worker would now.

        Raises:
            ContractError: it breaks the contract.
        """
        decoded = Decoder().decode(LogMessage(0, value, to_microseconds(self._clock())))
        if decoded.refusals:
            raise decoded.refusals[0].error
        return decoded

    def _of_record(self, letter: KeptLetter, value: bytes) -> DecodedMessage:
        """Convert a record of a source to rows, as a poll does.

        Raises:
            ContractError: the source refuses the record, as it did before.
            ReplayRefused: the source is not registered or a reference, or the record is no hour by itself.
        """
        name = letter.headers.get("source", "")
        if name in self._references:
            raise ReplayRefused(
                f"it is a record of source {name!r}, a reference forecast, which is not written to observations: once "
                "its publisher corrects it, a poll reads it"
            )
        registered = self._sources.get(name)
        if registered is None:
            raise ReplayRefused(
                f"it is a record of source {name!r}, which is not registered: dayahead sources register FILE"
            )
        known_at = parse_utc(letter.headers["time"])
        conversion = convert([_record(value)], registered.source, known_at)
        if conversion.rejections:
            raise ContractError(conversion.rejections[0].code, conversion.rejections[0].reason)
        if not conversion.rows:
            raise ReplayRefused(
                f"it is a record of {registered.source.period_minutes} minutes, which makes no hour of {HOUR_MINUTES} "
                f"by itself: fetch the hour again with dayahead backfill --source FILE --from … --to …"
            )
        ids, hours, values = zip(*conversion.rows, strict=True)
        return DecodedMessage(
            offset=letter.offset,
            source=name,
            available_us=to_microseconds(known_at),
            series_ids=list(ids),
            hours=list(hours),
            values=list(values),
            available_at=format_utc(known_at),
        )


def _remedy(letter: KeptLetter) -> str:
    return remedy_of(letter.code, whole=letter.stub is None)


def _is_batch(value: bytes) -> bool:
    """Check whether a value is a message of `observations`, not a record of a source."""
    try:
        body = orjson.loads(value)
        return "rows" in body or is_weather(body)
    except (orjson.JSONDecodeError, TypeError):
        return False


def _of_rows(message: DecodedMessage, partitions: int) -> list[Unsent]:
    """Rows as messages, each to the partition of its series."""
    rows = grouped(
        (partition_of(series_id, partitions), [series_id, format_utc(from_hour(hour)), number])
        for series_id, hour, number in zip(message.series_ids, message.hours, message.values, strict=True)
    )
    return [Unsent(envelope_bytes(message, part), partition=partition) for partition, part in rows.items()]


def partition_of_weather(letter: KeptLetter, corrected: bytes | None) -> int | None:
    """The partition that a message of weather goes back to.

    Each partition has rejected the message by itself, so that each has a letter of its own; a corrected message, or one
    that never reached Kafka, goes to all: None.
    """
    partition = int(letter.headers.get("source_partition", "-1"))
    return None if corrected is not None or partition < 0 else partition


def _record(value: bytes) -> dict[str, object]:
    try:
        record = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise ReplayRefused(
            f"it is a record of a source and no JSON ({error}): give a corrected one, --with FILE"
        ) from error
    if not isinstance(record, dict):
        raise ReplayRefused("it is a record of a source and no JSON object: give a corrected one, --with FILE")
    return record
