"""Converts the records of a source to hourly rows; the same conversion for an API, a file and a replay.

Every record is checked against the contract of its source. Invalid ones are rejected with a code and a sentence,
one record (and one value of it) at a time; the others are kept.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

import orjson

from dayahead.errors import ContractError, DeadLetterCode
from dayahead.grouping import grouped
from dayahead.hours import Hour, format_utc, from_hour, to_microseconds
from dayahead.reading.local_time import LocalTimes
from dayahead.reading.reader import Answer
from dayahead.reading.record_table import Record
from dayahead.record_format import AUTO
from dayahead.rules import RowRules, check_known, contradicted, contradiction, number_of
from dayahead.series import series_id_of
from dayahead.source import Source

MINUTES = 60
MINUTE_US = 60_000_000


class Row(NamedTuple):
    """One measured value.

    Attributes:
        series_id: the series.
        hour: the hour that the value is for.
        value: in the unit of the source.
    """

    series_id: str
    hour: Hour
    value: float


@dataclass(frozen=True)
class Rejection:
    """A record that violates its contract.

    Attributes:
        record: as read.
        code: reason code.
        reason: the reason as a sentence.
        series_id: of the rejected value; empty if unknown.
        minute: start of its period, minutes since 1970; 0 if unknown.
        value: in the unit of the source, if it is a number outside the limits; else None.
    """

    record: Record
    code: DeadLetterCode
    reason: str
    series_id: str = ""
    minute: int = 0
    value: float | None = None

    def raw(self) -> bytes:
        """The record as JSON, as close to the original as its types allow."""
        try:
            return orjson.dumps(dict(self.record), default=str, option=orjson.OPT_NON_STR_KEYS)
        except orjson.JSONEncodeError:  # an integer of more than 64 bits
            return orjson.dumps({str(column): repr(value) for column, value in self.record.items()})


@dataclass(frozen=True)
class Conversion:
    """The result of a conversion.

    Attributes:
        rows: hourly values, each series and hour once.
        rejections: records that violate their contract.
        repeated: number of records that repeat another one; dropped.
        incomplete_hours: number of hours with a missing part (sources with periods under an hour); dropped.
    """

    rows: list[Row]
    rejections: list[Rejection]
    repeated: int
    incomplete_hours: int


class _Part(NamedTuple):
    """A value of one period, which may be shorter than an hour."""

    series_id: str
    minute: int  # since 1970-01-01T00:00Z
    value: float


def convert(records: Iterable[Record], source: Source, now: datetime) -> Conversion:
    """Turn records into hourly rows.

    Args:
        records: of one answer, in the order of the answer: it decides which 02:00 is which when clocks are set back.
        source: the definition of their columns, zone, period and bounds.
        now: the present moment: a value for an hour that starts later is rejected.

    Returns:
        The rows in the order of the answer, and what was dropped and why.
    """
    return _Converter(source, now).run(list(records))


def convert_answer(answer: Answer, source: Source, now: datetime) -> Conversion:
    """Turn an answer into hourly rows; see `convert`.

    Args:
        answer: what a reader returned; read once.
        source: its source.
        now: the present moment.
    """
    conversion = convert(answer.records, answer.source or source, now)
    torn = [Rejection(one.record, DeadLetterCode.MISSING_FIELD, one.reason) for one in answer.torn]
    return replace(conversion, rejections=[*conversion.rejections, *torn])


class _Converter:
    def __init__(self, source: Source, now: datetime) -> None:
        self._source = source
        self._rules = RowRules(source)
        self._now_us = to_microseconds(now)
        self._times = LocalTimes(source.time_zone)
        self._known_series: dict[tuple[object, ...], tuple[str, ...]] = {}
        self._rejections: list[Rejection] = []
        self._repeated = 0
        self._time_column = source.times[0]
        self._period = MINUTES if source.period_minutes == AUTO else source.period_minutes
        self._value_columns = list(source.values_in(()))
        self._label_columns = [column for column in source.key_columns if column not in source.constant_labels]

    def run(self, records: Sequence[Record]) -> Conversion:
        kept = [record for record in records if self._is_wanted(record)] if self._source.filters else records
        self._times.learn_direction(record.get(self._time_column) for record in kept)
        parts = self._once(self._parts(kept))
        rows, incomplete = self._hours(parts)
        return Conversion(rows, self._rejections, self._repeated, incomplete)

    def _is_wanted(self, record: Record) -> bool:
        # A record without the column is kept here, to be rejected with its reason instead of silently dropped.
        return all(
            column not in record or str(record[column]) in wanted for column, wanted in self._source.filters.items()
        )

    def _reject(self, record: Record, error: ContractError) -> None:
        self._rejections.append(Rejection(record, error.code, error.reason))

    def _parts(self, records: Iterable[Record]) -> Iterable[tuple[_Part, Record]]:
        for record in records:
            try:
                series_ids = self._series_ids(record)
                minute = self._minute(record, series_ids)
            except ContractError as error:
                self._reject(record, error)
                continue
            for column, series_id in zip(self._value_columns, series_ids, strict=True):
                try:
                    value = self._number(record, column)
                except ContractError as error:
                    self._reject(record, error)
                    continue
                part = _Part(series_id, minute, value)
                if self._is_within_limits(part, record, column):
                    yield part, record

    def _series_ids(self, record: Record) -> tuple[str, ...]:
        """The series of the record's value columns, in their order."""
        labels = tuple([record.get(column) for column in self._label_columns])
        try:
            return self._known_series[labels]
        except (KeyError, TypeError):  # not cached yet, or not a label
            pass
        constants = self._source.constant_labels
        names = tuple(
            constants[column] if column in constants else self._label(record, column)
            for column in self._source.key_columns
        )
        series_ids = tuple(
            series_id_of(names + ((self._source.named_values[column],) if self._source.named_values else ()))
            for column in self._value_columns
        )
        for series_id in series_ids:
            self._rules.check_series(series_id)
        if all(isinstance(label, str) for label in labels):  # 1, 1.0 and True are the same key but not the same label
            self._known_series[labels] = series_ids
        return series_ids

    def _field(self, record: Record, column: str) -> object:
        try:
            value = record[column]
        except KeyError:
            raise ContractError(
                DeadLetterCode.MISSING_FIELD,
                f"no column {column!r}; the record has {', '.join(sorted(map(str, record)))}",
            ) from None
        if value is None:
            raise ContractError(DeadLetterCode.MISSING_FIELD, f"column {column!r} is null but identifies the row")
        return value

    def _label(self, record: Record, column: str) -> str:
        value = self._field(record, column)
        is_nan = isinstance(value, float) and math.isnan(value)  # an empty cell of a table
        if is_nan or isinstance(value, bool | bytes | list | dict):
            raise ContractError(DeadLetterCode.BAD_SERIES_ID, f"column {column!r} is {value!r}, which names no series")
        return str(value)

    def _minute(self, record: Record, series_ids: tuple[str, ...]) -> int:
        minute = self._times.minute_of(self._field(record, self._time_column), series_ids)
        if minute % self._period:
            raise ContractError(
                DeadLetterCode.NOT_ON_THE_HOUR,
                f"{record[self._time_column]} does not start a period of {self._period} minutes",
            )
        written = f"{record[self._time_column]} ({self._source.time_zone})"
        if self._source.forecast_of is None:
            check_known(minute * MINUTE_US, self._now_us, written)
        self._rules.check_start(minute * MINUTE_US, written)
        return minute

    def _number(self, record: Record, column: str) -> float:
        if column not in record:
            self._field(record, column)
        return number_of(record[column], f"column {column!r}")

    def _is_within_limits(self, part: _Part, record: Record, column: str) -> bool:
        try:
            self._rules.check_value(part.value, f"column {column!r}")
        except ContractError as error:
            self._rejections.append(Rejection(record, error.code, error.reason, *part))
            return False
        return True

    def _once(self, parts: Iterable[tuple[_Part, Record]]) -> list[_Part]:
        """Each series and period once; if an answer contradicts itself, both values are rejected."""
        given = list(parts)
        values = [part.value for part, _ in given]
        wrong = contradicted(((part.series_id, part.minute) for part, _ in given), values)
        for place, other in sorted(wrong.items()):
            part, record = given[place]
            self._reject(record, contradiction(part.series_id, part.value, other))
        kept: dict[tuple[str, int], _Part] = {}
        for place, (part, _) in enumerate(given):
            if place not in wrong:
                kept.setdefault((part.series_id, part.minute), part)
        self._repeated += len(given) - len(wrong) - len(kept)
        return list(kept.values())

    def _hours(self, parts: Sequence[_Part]) -> tuple[list[Row], int]:
        if self._period == MINUTES:
            return [Row(part.series_id, part.minute // MINUTES, part.value) for part in parts], 0
        by_hour = grouped(((part.series_id, part.minute // MINUTES), part.value) for part in parts)
        whole = MINUTES // self._period
        divisor = whole if self._source.is_power else 1
        rows: list[Row] = []
        incomplete = 0
        for (series_id, hour), values in by_hour.items():
            if len(values) < whole:
                incomplete += 1
                continue
            row = Row(series_id, hour, math.fsum(values) / divisor)  # exact, so the result does not depend on the order
            try:
                self._rules.check_value(row.value, "the value of the hour")
            except ContractError as error:
                summed: Record = {"series_id": series_id, "valid_time": format_utc(from_hour(hour)), "value": row.value}
                place = (series_id, hour * MINUTES, row.value)
                self._rejections.append(Rejection(summed, error.code, error.reason, *place))
            else:
                rows.append(row)
        return rows, incomplete


def within(rows: Iterable[Row], start: Hour, end: Hour | None = None) -> list[Row]:
    """The rows from `start` (inclusive) to `end` (exclusive; None: no end)."""
    return [row for row in rows if row.hour >= start and (end is None or row.hour < end)]


def newest_hour(rows: Iterable[Row]) -> Hour | None:
    """The newest hour of some rows; None if there are none."""
    return max((row.hour for row in rows), default=None)
