"""Converts the records of a source to hourly rows; the same conversion for an API, a file and a replay.

Tables are converted column by column to parts: series, time and value. Every record is checked against the contract of
its source. Only what violates it is looked at one by one, and rejected with a code and a sentence; the rest is kept.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dayahead.errors import ContractError, DeadLetterCode
from dayahead.hours import Hour, format_utc, from_hour, to_microseconds
from dayahead.reading.arrow import as_numpy
from dayahead.reading.arrow import compute as pc
from dayahead.reading.blame import blamed_on
from dayahead.reading.clock_changes import utc_text
from dayahead.reading.doubts import doubts
from dayahead.reading.label_columns import SeriesOfRecords
from dayahead.reading.linear_order import answer_order
from dayahead.reading.part_columns import PartColumns
from dayahead.reading.periods import Hours, Parts, hours_of
from dayahead.reading.reader import Answer
from dayahead.reading.record_table import Record, RecordTable, tables_of
from dayahead.reading.records import Conversion, HourColumns, Rejection
from dayahead.reading.registers import hours_of_readings
from dayahead.reading.time_columns import TimeColumns
from dayahead.reading.value_columns import ValueColumns
from dayahead.reading.wall_times import MINUTE_US, WallTimes
from dayahead.record_format import AUTO, HOUR_MINUTES
from dayahead.rules import RowRules, check_known, contradicted, contradiction
from dayahead.source import Source

Number = TypeVar("Number", bound=np.generic)

RECORDS_KEPT = 500_000
"""Records of an answer that are kept until its end, to show in rejections; of a larger one only the values are."""


def convert(records: Iterable[Record], source: Source, now: datetime) -> Conversion:
    """Turn records into hourly rows.

    Args:
        records: of one answer, in the order of the answer: it decides which 02:00 is which when clocks are set back.
        source: the definition of their columns, zone, period and bounds.
        now: the present moment: a value for an hour that starts later is rejected.

    Returns:
        The rows in the order of the answer, and what was dropped and why.
    """
    return convert_answer(Answer(tables_of(records)), source, now)


def convert_answer(answer: Answer, source: Source, now: datetime) -> Conversion:
    """Turn an answer into hourly rows; see `convert`.

    Args:
        answer: what a reader returned; read once, table by table.
        source: its source.
        now: the present moment.

    Raises:
        SourceUnavailable: a table cannot be read now.
        SourceRefused: a table can never be read.
    """
    with blamed_on(source):
        converter = _Converter(answer.source or source, now)
        for table in answer.tables:
            converter.add(table)
        for torn in answer.torn:
            converter.reject(Rejection(torn.record, DeadLetterCode.MISSING_FIELD, torn.reason))
        return converter.result(answer.until)


@dataclass(frozen=True)
class _Placed:
    """The records of a table that have a series and a time.

    Attributes:
        table: the table.
        first: number of its first record in the answer.
        places: [m] which of its records.
        combination: [m] which of `series` each has.
        series: the series of each value column, for each combination of labels.
        minute, wall, mark, open: [m] see `PlacedTimes`.
    """

    table: RecordTable
    first: int
    places: NDArray[np.int64]
    combination: NDArray[np.int64]
    series: Sequence[tuple[str, ...]]
    minute: NDArray[np.int64]
    wall: NDArray[np.int64]
    mark: NDArray[np.int8]
    open: NDArray[np.bool_]


class _Converter:
    def __init__(self, source: Source, now: datetime) -> None:
        self._source, self._now_us = source, to_microseconds(now)
        self._rules = RowRules(source)
        self._times, self._zone = TimeColumns(source), WallTimes(source)
        self._values, self._series_of = ValueColumns(source), SeriesOfRecords(source, self._rules)
        self._numbers: dict[str, int] = {}  # series -> number
        self._rejections: list[tuple[int, Rejection]] = []
        self._parts = PartColumns()
        self._kept: list[RecordTable] = []
        self._first: list[int] = []  # number of the first record of each table
        self._records = self._absent = self._repeated = 0

    def reject(self, rejection: Rejection, number: int | None = None) -> None:
        """Add a rejection; without the number of its record after all others."""
        self._rejections.append((self._records if number is None else number, rejection))

    def add(self, table: RecordTable) -> None:
        """Read one table."""
        first, self._records = self._records, self._records + len(table)
        if not len(table):
            return
        if self._records <= RECORDS_KEPT:
            self._kept.append(table)
            self._first.append(first)
        values = self._source.values_in(table.columns)
        placed = self._placed(table, first, list(values.values()))
        if len(placed.places):
            for number, name in enumerate(values):
                self._add_values(placed, name, number)

    def _placed(self, table: RecordTable, first: int, suffixes: Sequence[str | None]) -> _Placed:
        faults = self._without_columns(table)
        combination, series = self._series_of.combinations(table, suffixes)
        for place in np.flatnonzero(np.array([isinstance(one, ContractError) for one in series])[combination]).tolist():
            error = series[combination[place]]
            assert isinstance(error, ContractError)
            faults.setdefault(place, error)
        times = self._times.read(table)
        times_in_utc = self._zone.place(times, lambda place: self._written(table, place))
        for place in np.flatnonzero(~times.ok).tolist():
            if place not in faults:
                faults[place] = self._no_time(table, place, is_date=bool(times.is_date[place]))
        for place, error in times_in_utc.faults.items():
            faults.setdefault(place, error)
        self._add_impossible(table, times_in_utc.minute, faults)
        wanted = self._wanted(table)
        for place, error in sorted(faults.items()):
            if wanted[place]:
                named = series[combination[place]]
                reason = table.placed(error.reason, place)
                only = named[0] if isinstance(named, tuple) and len(named) == 1 else ""
                self.reject(Rejection(table.record(place), error.code, reason, only), first + place)
        wanted[list(faults)] = False
        return _Placed(
            table,
            first,
            np.flatnonzero(wanted),
            _those(combination, wanted),
            [() if isinstance(one, ContractError) else one for one in series],
            _those(times_in_utc.minute, wanted),
            _those(times_in_utc.wall, wanted),
            _those(times.mark, wanted),
            _those(times_in_utc.open, wanted),
        )

    def _wanted(self, table: RecordTable) -> NDArray[np.bool_]:
        """Which records the filters keep; one without the column is kept, to be rejected with its reason."""
        keeps = np.ones(len(table), np.bool_)
        for name, values in self._source.filters.items():
            column, wanted = table.column(name), [value.strip() for value in values]
            if column is None:
                continue
            if isinstance(column, list):
                keeps &= np.array([str(value).strip() in wanted for value in column], np.bool_) | table.lacking(name)
            else:
                texts = pc.utf8_trim_whitespace(pc.cast(column, pa.string()))
                found = pc.fill_null(pc.is_in(texts, value_set=pa.array(wanted, pa.string())), False)
                keeps &= as_numpy(found) | table.lacking(name)
        return keeps

    def _without_columns(self, table: RecordTable) -> dict[int, ContractError]:
        """The records without a time, a label or a column of a filter."""
        faults: dict[int, ContractError] = {}
        needed = [*self._source.times, *self._source.label_columns]
        for name in dict.fromkeys([*needed, *self._source.filters]):
            places = table.without(name) if name in needed else np.flatnonzero(table.lacking(name))
            for place in places.tolist():
                faults.setdefault(place, self._no_value(table, place, name))
        return faults

    def _no_value(self, table: RecordTable, place: int, name: str) -> ContractError:
        if table.lacks(place, name):
            columns = ", ".join(sorted(map(str, table.record(place))))
            return ContractError(DeadLetterCode.MISSING_FIELD, f"no column {name!r}; the record has {columns}")
        return ContractError(DeadLetterCode.MISSING_FIELD, f"column {name!r} is null but identifies the row")

    def _no_time(self, table: RecordTable, place: int, *, is_date: bool) -> ContractError:
        written, form = self._written(table, place), self._source.time_format
        if is_date:
            reason = (
                f"{written} is a day without a time: a value of a day is no value of an hour; where the time of day is "
                "in another column, name both in time_columns"
            )
        elif form == AUTO:
            reason = f"{written!r} is not an ISO 8601 time: describe it with time_format"
        else:
            reason = f"{written!r} is not like time_format {form!r}"
        return ContractError(DeadLetterCode.BAD_TIME, reason)

    def _written(self, table: RecordTable, place: int) -> str:
        """The time of a record as it is written."""
        record = table.record(place)
        return " ".join(str(record.get(name)) for name in self._source.times)

    def _add_impossible(self, table: RecordTable, minute: NDArray[np.int64], faults: dict[int, ContractError]) -> None:
        """Find records of the future, and of before the source can have any."""
        start = minute - (self._zone.period if self._source.time_label == "end" else 0)
        is_known = self._source.forecast_of is None  # the hours of a forecast are yet to come
        wrong = (is_known & (start * MINUTE_US > self._now_us)) | (start < self._rules.oldest * HOUR_MINUTES)
        if wrong.any():
            wrong &= ~self._without_any_value(table)
        for place in np.flatnonzero(wrong).tolist():
            if place not in faults:
                written = f"{self._written(table, place)} ({self._source.time_zone})"
                try:
                    if is_known:
                        check_known(int(start[place]) * MINUTE_US, self._now_us, written)
                    self._rules.check_start(int(start[place]) * MINUTE_US, written)
                except ContractError as error:
                    faults[place] = error

    def _without_any_value(self, table: RecordTable) -> NDArray[np.bool_]:
        """The records that have no value, as their source says: hours that are written before they are over."""
        empty = np.ones(len(table), np.bool_)
        for name in self._source.values_in(table.columns):
            column = table.column(name)
            if column is not None:
                empty &= self._values.read(column).absent
        return empty

    def _add_values(self, placed: _Placed, name: str, number: int) -> None:
        """Add the values of one column as parts."""
        table = placed.table
        column = table.column(name)
        names = [one[number] if one else "" for one in placed.series]
        if column is None:
            for index, place in enumerate(placed.places.tolist()):
                error = self._no_value(table, place, name)
                series_id = names[placed.combination[index]]
                self.reject(Rejection(table.record(place), error.code, error.reason, series_id), placed.first + place)
            return
        read = self._values.read(column)
        if len(placed.places) < len(table):
            read = read.take(placed.places)
        values, ok, absent = read.values, read.ok, read.absent
        self._absent += int(np.count_nonzero(absent))
        for index in np.flatnonzero(~ok & ~absent).tolist():
            place = int(placed.places[index])
            error = (
                self._no_value(table, place, name)
                if table.lacks(place, name)
                else self._values.error(table.value(place, name), name)
            )
            reason = table.placed(error.reason, place)
            series_id = names[placed.combination[index]]
            self.reject(Rejection(table.record(place), error.code, reason, series_id), placed.first + place)
        series = np.array([self._numbers.setdefault(one, len(self._numbers)) for one in names], np.int32)
        series_of = series[placed.combination]
        if self._source.quantity != "register":
            outside = ok & ((values < self._rules.low) | (values > self._rules.high))
            for index in np.flatnonzero(outside).tolist():
                self._reject_outside(placed, index, names[placed.combination[index]], float(values[index]), name)
            ok = ok & ~outside
        self._parts.add(
            _those(series_of, ok),
            _those(placed.minute, ok),
            _those(values, ok),
            placed.first + _those(placed.places, ok),
            (_those(placed.open, ok), _those(placed.wall, ok), _those(placed.mark, ok)),
        )

    def _reject_outside(self, placed: _Placed, index: int, series_id: str, value: float, column: str) -> None:
        place = int(placed.places[index])
        try:
            self._rules.check_value(value, f"column {column!r}")
        except ContractError as error:
            reason = placed.table.placed(error.reason, place)
            record, minute = placed.table.record(place), int(placed.minute[index])
            self.reject(Rejection(record, error.code, reason, series_id, minute, value), placed.first + place)

    def result(self, until: Hour | None = None) -> Conversion:
        """Make hours of all parts, before `until` if it is given."""
        names = list(self._numbers)
        parts = self._once(self._parts.sorted(self._zone), names)
        make = self._of_readings if self._source.quantity == "register" else self._of_parts
        hours = make(parts, names)
        del parts  # of a large answer a third of the memory
        if until is not None:
            hours = replace(hours.take(hours.hour < until), incomplete=hours.incomplete[hours.incomplete < until])
        good = self._within_limits(hours, names) & self._undoubted(hours, names)
        if not good.all():
            hours = hours.take(good)
        order = answer_order(hours.place)
        columns = HourColumns(names, hours.series[order], hours.hour[order], hours.value[order])
        self._rejections.sort(key=lambda one: one[0])
        return Conversion(
            columns,
            [rejection for _, rejection in self._rejections],
            self._repeated,
            hours.incomplete,
            self._absent,
            _distinct(hours.period),
        )

    def _once(self, parts: Parts, names: Sequence[str]) -> Parts:
        """Each series and time once; values that contradict each other are all rejected."""
        same = (parts.series[1:] == parts.series[:-1]) & (parts.minute[1:] == parts.minute[:-1])
        if not same.any():
            return parts
        keep = np.ones(len(parts), np.bool_)
        keep[1:] = ~same
        repeated = np.flatnonzero(np.append(same, False) | ~keep)  # all members of each group
        values = parts.value[repeated].tolist()
        keys = zip(parts.series[repeated].tolist(), parts.minute[repeated].tolist(), strict=True)
        wrong = contradicted(keys, values)
        for place, other in wrong.items():
            index = int(repeated[place])
            error = contradiction(names[parts.series[index]], values[place], other)
            self._reject_part(parts, index, names, error)
            keep[index] = False
        self._repeated += len(parts) - int(np.count_nonzero(keep)) - len(wrong)
        return parts.take(keep)

    def _of_parts(self, parts: Parts, names: Sequence[str]) -> Hours:
        hours = hours_of(parts, self._source)
        for index in hours.off_hour.tolist():
            self._reject_part(parts, index, names, self._off_hour(parts, index))
        for index in hours.off_grid.tolist():
            self._reject_part(parts, index, names, self._off_grid(parts, index))
        if self._source.is_said or self._source.off_hour == "split" or self._source.period_minutes != AUTO:
            return hours
        unsaid = hours.period < HOUR_MINUTES
        if unsaid.any():
            self._reject_unsaid(parts, hours, names)
            return hours.take(~unsaid)
        return hours

    def _off_hour(self, parts: Parts, index: int) -> ContractError:
        zone = self._source.time_zone
        return ContractError(
            DeadLetterCode.NOT_ON_THE_HOUR,
            f"{utc_text(parts.minute[index])} is not on an hour of UTC: hourly records in {zone} start within one; set "
            "off_hour: split to divide them between the two hours that they lie in",
        )

    def _off_grid(self, parts: Parts, index: int) -> ContractError:
        period = self._source.period_minutes
        length = HOUR_MINUTES if period == AUTO else period
        return ContractError(
            DeadLetterCode.NOT_ON_THE_HOUR,
            f"{utc_text(parts.minute[index])} does not {self._source.time_label} a period of {length} minutes, or "
            f"another record of its hour does not; period_minutes is {period}",
        )

    def _reject_unsaid(self, parts: Parts, hours: Hours, names: Sequence[str]) -> None:
        """Reject the parts of hours that may be sums or means."""
        minute = parts.minute - (self._source.time_label == "end")
        short = {
            (series, hour): period
            for series, hour, period in zip(
                hours.series.tolist(), hours.hour.tolist(), hours.period.tolist(), strict=True
            )
            if period < HOUR_MINUTES
        }
        places = zip(parts.series.tolist(), (minute // HOUR_MINUTES).tolist(), strict=True)
        for index, place in enumerate(places):
            if (period := short.get(place)) is not None:
                error = ContractError(
                    DeadLetterCode.NOT_ON_THE_HOUR,
                    f"{names[place[0]]} has records of {period} minutes and its source does not say what they are: set "
                    "quantity: energy (they are summed) or quantity: power (averaged)",
                )
                self._reject_part(parts, index, names, error)

    def _of_readings(self, parts: Parts, names: Sequence[str]) -> Hours:
        rollover = self._source.register_rollover
        scaled = None if rollover is None else rollover * self._source.scale
        hours = hours_of_readings(parts, scaled, self._rules.high)
        for index in hours.broken.tolist():
            error = ContractError(
                DeadLetterCode.REGISTER_RESET,
                f"the reading after {utc_text(parts.minute[index])} does not continue {parts.value[index]:g}: the "
                "register was reset or replaced, and the hour between is unknown; where it starts again from 0, set "
                "register_rollover",
            )
            self._reject_part(parts, index, names, error)
        for index in hours.off_hour.tolist():
            error = ContractError(
                DeadLetterCode.NOT_ON_THE_HOUR,
                f"{utc_text(parts.minute[index])} is not on an hour of UTC, like every reading of its series: an hour "
                "needs a reading at its start and one at its end",
            )
            self._reject_part(parts, index, names, error)
        return Hours(
            hours.series,
            hours.hour,
            hours.value,
            hours.place,
            np.full(len(hours.hour), HOUR_MINUTES),
            hours.incomplete,
            hours.broken[:0],
            hours.broken[:0],
        )

    def _reject_part(self, parts: Parts, index: int, names: Sequence[str], error: ContractError) -> None:
        """Reject a value with its record, or of a large answer with what is left of it."""
        number = int(parts.place[index])
        series_id, minute = names[parts.series[index]], int(parts.minute[index])
        table = bisect_right(self._first, number) - 1
        place = number - self._first[table] if self._first else 0
        record: Mapping[str, object]
        if self._first and place < len(self._kept[table]):
            record = self._kept[table].record(place)
            reason = self._kept[table].placed(error.reason, place)
        else:
            record = {"series_id": series_id, "time": utc_text(minute), "value": float(parts.value[index])}
            reason = error.reason
        self.reject(Rejection(record, error.code, reason, series_id, minute), number)

    def _within_limits(self, hours: Hours, names: Sequence[str]) -> NDArray[np.bool_]:
        """Which hours are within the limits; a part was judged already, an hour of one part with it."""
        outside = (hours.value < self._rules.low) | (hours.value > self._rules.high)
        for index in np.flatnonzero(outside).tolist():
            series_id, hour, value = names[hours.series[index]], int(hours.hour[index]), float(hours.value[index])
            try:
                self._rules.check_value(value, "the value of the hour")
            except ContractError as error:
                record = {"series_id": series_id, "valid_time": format_utc(from_hour(hour)), "value": value}
                rejection = Rejection(record, error.code, error.reason, series_id, hour * HOUR_MINUTES, value)
                self.reject(rejection, int(hours.place[index]))
        return ~outside

    def _undoubted(self, hours: Hours, names: Sequence[str]) -> NDArray[np.bool_]:
        """Which hours are of series that can be consumption by the hour; of the others one rejection each."""
        found = doubts(hours, self._source)
        for number, why in found.items():
            reason = f"{names[number]} {why}"
            self.reject(Rejection({"series_id": names[number]}, DeadLetterCode.NO_HOURLY_VALUES, reason, names[number]))
        return ~np.isin(hours.series, list(found)) if found else np.ones(len(hours.hour), np.bool_)


def _distinct(periods: NDArray[np.int64]) -> list[int]:
    """The distinct lengths, ascending; nearly always one."""
    if len(periods) and periods.min() == periods.max():
        return [int(periods[0])]
    return [int(period) for period in np.unique(periods)]


def _those(column: "NDArray[Number]", which: NDArray[np.bool_]) -> "NDArray[Number]":
    """Some values of a column; the column itself where these are all."""
    return column if which.all() else column[which]
