"""Decodes messages of `observations` into rows or weather; each invalid row becomes a dead letter.

A rejection depends only on what the log holds, the message and its timestamp by the broker, never on the clock, so
that reading the log again rejects the same rows.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
import structlog

from dayahead.contracts import ABSURD_MAGNITUDE, MAX_MESSAGE_BYTES, MAX_ROWS_PER_MESSAGE
from dayahead.errors import ContractError, DeadLetterCode
from dayahead.hours import HOUR_US, Hour, format_utc, from_hour, to_microseconds
from dayahead.row_reading import RowReader, moment_of
from dayahead.rules import SHOWN, check_published, contradicted, contradiction, shown
from dayahead.weather.message import WeatherPublication, is_weather, read_weather
from stream.servers.log_reader import LogMessage
from stream.servers.withheld import Withheld, too_large

log = structlog.get_logger()

FIELDS = {"source", "available_at", "refresh", "rows"}
REASON_OF_FAILURE = 300


@dataclass(frozen=True)
class Refusal:
    """A rejected message, or a rejected row in a new envelope, for the dead letters.

    Attributes:
        offset: of the message.
        value: the raw bytes of the message, or the same message with the one bad row, so that it can be corrected.
        error: why.
        source: named in the message, empty where it could not be read.
        carried: key and headers of the message, where the whole message was rejected.
        series_id: of the rejected row, empty where the whole message was rejected or the row names none.
    """

    offset: int
    value: bytes
    error: ContractError
    source: str = ""
    carried: tuple[tuple[str, bytes], ...] = ()
    series_id: str = ""


@dataclass
class DecodedMessage:
    """The valid rows of a message as columns, and its rejected rows.

    Attributes:
        offset: in the log.
        source: as named in the message; not looked up yet.
        available_us: when the source published it, microseconds since 1970.
        refresh: whether the message asks for forecasts of its series.
        series_ids: of the rows; not looked up yet.
        hours: of the rows.
        values: of the rows, in the unit of the source.
        refusals: rejected rows, or the whole message.
        available_at: as written, for the envelope of a row that is rejected later.
        beyond_limits: series, hour and value of the rows outside the limits of the source.
        is_weather: whether it is a message of weather, which has no rows; its `source` is the weather source.
        weather: what it says, None where it is rejected.
    """

    offset: int
    source: str = ""
    available_us: int = 0
    refresh: bool = True
    series_ids: list[str] = field(default_factory=list)
    hours: list[Hour] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    available_at: str = ""
    beyond_limits: list[tuple[str, Hour, float]] = field(default_factory=list)
    is_weather: bool = False
    weather: WeatherPublication | None = None

    def refuse(self, errors: Mapping[int, ContractError]) -> None:
        """Reject rows that were decoded as valid.

        Args:
            errors: place of the row -> why.
        """
        if not errors:
            return
        for place, error in sorted(errors.items()):
            row = [self.series_ids[place], format_utc(from_hour(self.hours[place])), self.values[place]]
            self.refuse_row(row, error)
        left = [place for place in range(len(self.hours)) if place not in errors]
        self.series_ids = [self.series_ids[place] for place in left]
        self.hours = [self.hours[place] for place in left]
        self.values = [self.values[place] for place in left]

    def refuse_row(self, row: object, error: ContractError) -> None:
        """Reject one row, in an envelope that can be sent again after the row is corrected."""
        series_id = row[0] if isinstance(row, list) and row and isinstance(row[0], str) else ""
        self.refusals.append(Refusal(self.offset, envelope_bytes(self, [row]), error, self.source, series_id=series_id))


class Decoder:
    """Decodes messages."""

    def __init__(self) -> None:
        self._rows = RowReader()

    def decode(self, message: LogMessage) -> DecodedMessage:
        """Decode a message; never raises for its content."""
        decoded = DecodedMessage(message.offset)
        if isinstance(message.value, Withheld):
            if message.value.error is not None:
                decoded.refusals.append(_whole(message, message.value.error))
            return decoded
        try:
            self._read(message, decoded)
        except ContractError as error:
            decoded.refusals.append(_whole(message, error, decoded.source))
        except RecursionError:
            return refused_whole(message, _not_a_batch("it is nested too deeply"))
        except Exception as error:
            log.exception("message_not_decoded", offset=message.offset)
            return refused_whole(message, failed(error), decoded.source)
        return decoded

    def _read(self, message: LogMessage, decoded: DecodedMessage) -> None:
        if message.value is not None and len(message.value) > MAX_MESSAGE_BYTES:
            raise too_large(message.value)
        body = _json(message.value)
        if not isinstance(body, dict):
            raise _not_a_batch(f"an object is expected, not {type(body).__name__}")
        if is_weather(body):
            decoded.is_weather = True
            if isinstance(name := body["weather"], str) and name.isprintable():
                decoded.source = name
            decoded.weather = read_weather(body, message.received_us)
            return
        if missing := {"source", "available_at", "rows"} - body.keys():
            raise _not_a_batch(f"it lacks {', '.join(sorted(missing))}")
        if unknown := body.keys() - FIELDS:
            raise _not_a_batch(f"it has unknown fields: {', '.join(sorted(map(repr, unknown)))[:SHOWN]}")
        source, refresh, rows = body["source"], body.get("refresh", True), body["rows"]
        if not isinstance(source, str) or not source.isprintable() or not source:
            raise _not_a_batch(f"source must be the name of a source, not {shown(source)}")
        decoded.source = source
        if not isinstance(refresh, bool):
            raise _not_a_batch(f"refresh must be true or false, not {shown(refresh)}")
        if not isinstance(rows, list) or not 0 < len(rows) <= MAX_ROWS_PER_MESSAGE:
            size = len(rows) if isinstance(rows, list) else type(rows).__name__
            raise _not_a_batch(f"rows must be a list of 1 to {MAX_ROWS_PER_MESSAGE} rows, not {size}")
        available_at = moment_of(body["available_at"], "available_at")
        if message.received_us is not None:
            check_published(available_at, message.received_us)
        decoded.available_us = to_microseconds(available_at)
        decoded.available_at, decoded.refresh = body["available_at"], refresh
        if not self._read_at_once(rows, decoded):
            self._read_one_by_one(rows, decoded)

    def _read_at_once(self, rows: list[Any], decoded: DecodedMessage) -> bool:
        """Decode all rows at once; False where one of them must be checked by itself."""
        columns = _columns(rows)
        if columns is None:
            return False
        ids, times, values = columns
        try:
            hours = [self._rows.hour(text) for text in times]
            numbers = np.array(values, np.float64)
        except (ContractError, OverflowError):
            return False
        # a comparison with NaN is false
        sound = (np.abs(numbers) < ABSURD_MAGNITUDE).all()
        if not sound or max(hours) * HOUR_US > decoded.available_us:
            return False
        if len(set(zip(ids, hours, strict=True))) < len(hours):
            return False
        decoded.series_ids, decoded.hours, decoded.values = list(ids), hours, numbers.tolist()
        return True

    def _read_one_by_one(self, rows: list[Any], decoded: DecodedMessage) -> None:
        for row in rows:
            try:
                series_id, hour, value = self._rows.read(row, decoded.available_us)
            except ContractError as error:
                decoded.refuse_row(row, error)
            else:
                decoded.series_ids.append(series_id)
                decoded.hours.append(hour)
                decoded.values.append(value)
        places = zip(decoded.series_ids, decoded.hours, strict=True)
        decoded.refuse(
            {
                place: contradiction(decoded.series_ids[place], decoded.values[place], other)
                for place, other in contradicted(places, decoded.values).items()
            }
        )


def _columns(rows: list[Any]) -> list[tuple[Any, ...]] | None:
    """Split rows into ids, times and values; None where a row is not [text, text, number]."""
    if set(map(type, rows)) != {list} or set(map(len, rows)) != {3}:
        return None
    ids, times, values = columns = list(zip(*rows, strict=True))
    plain = {*map(type, ids), *map(type, times)} == {str} and {*map(type, values)} <= {float, int}
    return columns if plain else None


def refused_whole(message: LogMessage, error: ContractError, source: str = "") -> DecodedMessage:
    """Reject a whole message.

    Args:
        message: as it stands in the log.
        error: why.
        source: name of the source that it states, where that was read.
    """
    return DecodedMessage(message.offset, refusals=[_whole(message, error, source)])


def failed(error: Exception) -> ContractError:
    """Return the error of a message that breaks no rule but makes the worker fail."""
    return ContractError(
        DeadLetterCode.FAILED, f"the worker failed on it: {type(error).__name__}: {str(error)[:REASON_OF_FAILURE]}"
    )


def _whole(message: LogMessage, error: ContractError, source: str = "") -> Refusal:
    return Refusal(message.offset, message.value or b"", error, source, message.carried)


def _json(value: bytes | None) -> Any:
    if not value:
        raise ContractError(DeadLetterCode.NOT_JSON, "the message is empty")
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError as error:
        try:
            # Python's json writes NaN and Infinity, which JSON does not have: the other rows are still valid.
            return json.loads(value.decode("utf-8"))
        except UnicodeDecodeError as fault:
            raise ContractError(DeadLetterCode.NOT_JSON, f"the message is not UTF-8: {fault.reason}") from fault
        except (ValueError, RecursionError):
            raise ContractError(DeadLetterCode.NOT_JSON, f"the message is no JSON: {error}") from error


def _not_a_batch(reason: str) -> ContractError:
    return ContractError(DeadLetterCode.NOT_A_BATCH, reason)


def envelope_bytes(message: DecodedMessage, rows: list[Any]) -> bytes:
    """Encode a message with the envelope of another one and other rows."""
    envelope = {
        "source": message.source,
        "available_at": message.available_at,
        "refresh": message.refresh,
        "rows": rows,
    }
    try:
        return orjson.dumps(envelope)
    except (orjson.JSONEncodeError, RecursionError):
        # A lone surrogate or an integer beyond 64 bits: only Python's json keeps what was sent.
        return json.dumps(envelope).encode()
