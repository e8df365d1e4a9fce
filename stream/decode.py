"""From the bytes of `observations` to rows: good rows go on, bad ones become dead letters, one by one.

Stricter than pydantic's lax reading of the same contract (dayahead.contracts.ObservationBatch): a text is no number.
Whatever is refused is refused by what the message says, never by the clock, so that a second reading of the log
refuses the same.
"""

import json
import math
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import orjson

from dayahead.contracts import ABSURD_MAGNITUDE, MAX_ROWS_PER_MESSAGE
from dayahead.errors import ContractError, DeadLetterCode
from dayahead.hours import HOUR_S, Hour, parse_utc, to_hour, to_microseconds

FIELDS = {"source", "available_at", "refresh", "rows"}
REMEMBERED_TIMES = 100_000
SHOWN = 80
HOUR_US = HOUR_S * 1_000_000


@dataclass(frozen=True)
class LogMessage:
    """A message of `observations` as it stands in the log; `value` is None for a tombstone."""

    offset: int
    value: bytes | None


@dataclass(frozen=True)
class Refusal:
    """What goes to the dead letters: a whole message, or one row in an envelope of its own.

    Attributes:
        offset: of the message.
        value: the raw bytes of the message, or the same message with the one bad row, so that it can be mended.
        error: why.
        source: name that the message gives, where it could be read.
    """

    offset: int
    value: bytes
    error: ContractError
    source: str = ""


@dataclass
class DecodedMessage:
    """The good rows of a message, side by side, and what was refused of it.

    Attributes:
        offset: in the log.
        source: as the message names it; not looked up yet.
        available_us: when the source published it, microseconds since 1970.
        refresh: whether the touched series are forecast anew.
        series_ids: of the rows; not looked up yet.
        hours: of the rows.
        values: of the rows, in the unit of the source.
        refusals: bad rows, or the whole message.
        available_at: as written, for the envelope of a row that is refused later.
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

    def refuse_row(self, row: object, error: ContractError) -> None:
        """Set one row aside, in an envelope that can be sent again once the row is mended."""
        self.refusals.append(Refusal(self.offset, envelope_bytes(self, [row]), error, self.source))


class Decoder:
    """Reads messages; remembers the texts of hours that it has read, since a message repeats them."""

    def __init__(self) -> None:
        self._hours: dict[str, Hour] = {}

    def decode(self, message: LogMessage) -> DecodedMessage:
        """Read a message; never raises for what is in it."""
        decoded = DecodedMessage(message.offset)
        try:
            self._read(message.value, decoded)
        except ContractError as error:
            decoded.refusals.append(Refusal(message.offset, message.value or b"", error, decoded.source))
        return decoded

    def _read(self, value: bytes | None, decoded: DecodedMessage) -> None:
        body = _json(value)
        if not isinstance(body, dict):
            raise _not_a_batch(f"an object is expected, not {type(body).__name__}")
        if missing := {"source", "available_at", "rows"} - body.keys():
            raise _not_a_batch(f"it lacks {', '.join(sorted(missing))}")
        if unknown := body.keys() - FIELDS:
            raise _not_a_batch(f"it has unknown fields: {', '.join(sorted(map(repr, unknown)))[:SHOWN]}")
        source, refresh, rows = body["source"], body.get("refresh", True), body["rows"]
        if not isinstance(source, str) or not source.isprintable() or not source:
            raise _not_a_batch(f"source must be the name of a source, not {_shown(source)}")
        decoded.source = source
        if not isinstance(refresh, bool):
            raise _not_a_batch(f"refresh must be true or false, not {_shown(refresh)}")
        if not isinstance(rows, list) or not 0 < len(rows) <= MAX_ROWS_PER_MESSAGE:
            size = len(rows) if isinstance(rows, list) else type(rows).__name__
            raise _not_a_batch(f"rows must be a list of 1 to {MAX_ROWS_PER_MESSAGE} rows, not {size}")
        available_at = _moment(body["available_at"], "available_at")
        decoded.available_us = to_microseconds(available_at)
        decoded.available_at, decoded.refresh = body["available_at"], refresh
        if not self._read_at_once(rows, decoded):
            self._read_one_by_one(rows, decoded)

    def _read_at_once(self, rows: list[Any], decoded: DecodedMessage) -> bool:
        """All rows together; False where one of them needs a closer look."""
        columns = _columns(rows)
        if columns is None:
            return False
        ids, times, values = columns
        try:
            hours = [self._hour(text) for text in times]
            numbers = np.array(values, np.float64)
        except (ContractError, OverflowError):
            return False
        # a comparison with NaN is false
        sound = (np.abs(numbers) < ABSURD_MAGNITUDE).all()
        if not sound or max(hours) * HOUR_US > decoded.available_us:
            return False
        decoded.series_ids, decoded.hours, decoded.values = list(ids), hours, numbers.tolist()
        return True

    def _read_one_by_one(self, rows: list[Any], decoded: DecodedMessage) -> None:
        for row in rows:
            try:
                series_id, hour, value = self._row(row, decoded.available_us)
            except ContractError as error:
                decoded.refuse_row(row, error)
            else:
                decoded.series_ids.append(series_id)
                decoded.hours.append(hour)
                decoded.values.append(value)

    def _row(self, row: Any, available_us: int) -> tuple[str, Hour, float]:
        if not isinstance(row, list) or len(row) != 3:
            raise ContractError(
                DeadLetterCode.BAD_ROW, f"a row is [series_id, valid_time, value], this one {_shown(row)}"
            )
        series_id, time, value = row
        if not isinstance(series_id, str):
            raise ContractError(DeadLetterCode.BAD_SERIES_ID, f"a series_id is a text, this one {_shown(series_id)}")
        hour = self._hour(time)
        if hour * HOUR_US > available_us:
            raise ContractError(
                DeadLetterCode.FUTURE_HOUR, f"the hour {time} had not begun when the source published it"
            )
        return series_id, hour, _number(value)

    def _hour(self, text: Any) -> Hour:
        if isinstance(text, str) and (known := self._hours.get(text)) is not None:
            return known
        moment = _moment(text, "valid_time")
        if moment.minute or moment.second or moment.microsecond:
            raise ContractError(DeadLetterCode.NOT_ON_THE_HOUR, f"valid_time {text!r} is not the start of an hour")
        hour = to_hour(moment)
        if len(self._hours) >= REMEMBERED_TIMES:
            self._hours.clear()
        self._hours[text] = hour
        return hour


def _columns(rows: list[Any]) -> list[tuple[Any, ...]] | None:
    """Ids, times and values; None where a row is not [text, text, number]."""
    if set(map(type, rows)) != {list} or set(map(len, rows)) != {3}:
        return None
    ids, times, values = columns = list(zip(*rows, strict=True))
    plain = {*map(type, ids), *map(type, times)} == {str} and {*map(type, values)} <= {float, int}
    return columns if plain else None


def _json(value: bytes | None) -> Any:
    if not value:
        raise ContractError(DeadLetterCode.NOT_JSON, "the message is empty")
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError as error:
        try:
            # Python's own writer puts NaN and Infinity where JSON has none: the other rows are still good.
            return json.loads(value)
        except (ValueError, RecursionError):
            raise ContractError(DeadLetterCode.NOT_JSON, f"the message is no JSON: {error}") from error


def _moment(text: Any, name: str) -> datetime:
    if not isinstance(text, str):
        raise ContractError(DeadLetterCode.BAD_TIME, f"{name} is a text like 2023-01-24T22:00:00Z, not {_shown(text)}")
    try:
        return parse_utc(text)
    except (ValueError, OverflowError) as error:
        raise ContractError(DeadLetterCode.BAD_TIME, f"{name} {text[:SHOWN]!r}: {error}") from error


def _number(value: Any) -> float:
    if value is None:
        raise ContractError(DeadLetterCode.NULL_VALUE, "the value is null")
    if isinstance(value, bool) or not isinstance(value, float | int):
        raise ContractError(DeadLetterCode.NOT_A_NUMBER, f"the value is no number: {_shown(value)}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if math.isnan(number):
        raise ContractError(DeadLetterCode.NOT_A_NUMBER, "the value is not a number (NaN)")
    if not abs(number) < ABSURD_MAGNITUDE:
        raise ContractError(
            DeadLetterCode.ABSURD_VALUE, f"the value {_shown(value)} is beyond what any series can have in an hour"
        )
    return number


def _not_a_batch(reason: str) -> ContractError:
    return ContractError(DeadLetterCode.NOT_A_BATCH, reason)


def _shown(value: object) -> str:
    return repr(value)[:SHOWN]


def envelope_bytes(message: DecodedMessage, rows: list[Any]) -> bytes:
    """A message like another one, with other rows."""
    envelope = {
        "source": message.source,
        "available_at": message.available_at,
        "refresh": message.refresh,
        "rows": rows,
    }
    try:
        return orjson.dumps(envelope)
    except (orjson.JSONEncodeError, RecursionError):
        # A lone surrogate or an integer beyond 64 bits: only Python's own writer keeps what was sent.
        return json.dumps(envelope).encode()
