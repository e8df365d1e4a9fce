"""Selects the records near some hours by the day in their time, before anything else is converted.

A poll needs the last days of a file that may hold years. The day is read from the time as the source writes it,
whatever its zone; a record whose time has no such day is kept, since the conversion decides what is wrong with it.
"""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dayahead.hours import Hour, from_hour
from dayahead.reading.record_table import Column, RecordTable
from dayahead.reading.time_columns import DAY_US
from dayahead.reading.time_pattern import pattern_of
from dayahead.record_format import ANYTHING, AUTO, EPOCHS, PERIOD
from dayahead.source import Source

# No zone is further from UTC than 14 hours, and a record of the day before may decide which 02:00 a time is.
MARGIN = timedelta(days=2)
LONGEST_PAGE = 400
EPOCH = date(1970, 1, 1)
ISO_DAY = r"^(?P<Y>\d{4})-(?P<m>\d{2})-(?P<d>\d{2})"
DAY, CLOCK = "Ymd", "HMS"
"""Directives of a day, and others that may be before it."""

UNKNOWN = np.iinfo(np.int32).min

Days = NDArray[np.int32]
"""Days since 1970 of some records; UNKNOWN where a time has none that is recognized."""


@dataclass(frozen=True)
class DayRange:
    """Some days.

    Attributes:
        low: first day, days since 1970.
        high: last day; None: to the newest.
    """

    low: int = 0
    high: int | None = None

    @classmethod
    def around(cls, start: Hour, end: Hour | None) -> Self:
        """The days of some hours, and two more on both sides.

        Args:
            start: first hour.
            end: hour after the last one; None: to the newest.
        """
        low = (from_hour(max(start, 0)).date() - EPOCH - MARGIN).days
        high = None if end is None else (from_hour(end).date() - EPOCH + MARGIN).days
        return cls(max(low, 0), high)

    @property
    def is_everything(self) -> bool:
        """Whether no day lies outside."""
        return not self.low and self.high is None

    @property
    def is_page(self) -> bool:
        """Whether it is a part of a history that is read piece by piece, and not all of it."""
        return self.high is not None and self.high - self.low <= LONGEST_PAGE

    def overlaps(self, other: Self) -> bool:
        """Whether it shares a day with another range."""
        return (self.high is None or self.high >= other.low) and (other.high is None or self.low <= other.high)

    def covers(self, other: Self) -> bool:
        """Whether it has all days of another range."""
        return self.low <= other.low and (self.high is None or (other.high is not None and other.high <= self.high))


def records_near(table: RecordTable, source: Source, wanted: DayRange) -> RecordTable:
    """Leave out the records of other days.

    Args:
        table: some records.
        source: their columns.
        wanted: the days to keep.
    """
    days = None if wanted.is_everything else days_in(table, source)
    if days is None:
        return table
    near = days >= wanted.low if wanted.high is None else (days >= wanted.low) & (days <= wanted.high)
    near |= days == UNKNOWN
    return table if near.all() else table.take(np.flatnonzero(near))


def days_in(table: RecordTable, source: Source) -> Days | None:
    """The days of the records of a table.

    Args:
        table: n records.
        source: their columns.

    Returns:
        [n] days; None where the way in which they are written is not recognized.
    """
    column = table.column(source.times[0])
    return None if column is None else _days_of(column, source)


def _days_of(column: Column, source: Source) -> Days | None:
    """The days of some times; None if this way of writing them is not recognized."""
    if isinstance(column, list):
        return np.array([_day(value) for value in column], np.int32)
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        return _integers(pc.cast(column, pa.date32(), safe=False))
    if source.time_format in EPOCHS:
        numbers: Any = column.dictionary_decode() if isinstance(column, pa.DictionaryArray) else column
        return _days_since_epoch(numbers, DAY_US // EPOCHS[source.time_format])
    pattern = _day_pattern(source.time_format)
    coded: Any = column.dictionary_encode() if pa.types.is_string(column.type) else column
    if pattern is None or not pa.types.is_dictionary(coded.type):
        return None
    days = _days_of_text(coded.dictionary, pattern)
    places = coded.indices.fill_null(len(days)).to_numpy(zero_copy_only=False)
    of_each: Days = np.append(days, np.int32(UNKNOWN))[places]
    return of_each


def _day(value: object) -> int:
    return (date(value.year, value.month, value.day) - EPOCH).days if isinstance(value, date) else UNKNOWN


def _days_since_epoch(column: "pa.Array[Any]", unit: int) -> Days | None:
    try:
        numbers = pc.cast(column, pa.int64())
    except pa.ArrowInvalid:
        return None
    days = pc.floor(pc.divide(pc.cast(numbers, pa.float64()), float(unit)))
    return _integers(pc.cast(days, pa.int32(), safe=False))


def _days_of_text(texts: "pa.Array[Any]", pattern: str) -> Days:
    parts: Any = pc.extract_regex(texts, pattern)
    numbers = {field.name: _numbers(part) for field, part in zip(parts.type, parts.flatten(), strict=True)}
    year, month, day = numbers["Y"], numbers["m"], numbers["d"]
    months = (year - EPOCH.year) * 12 + month - 1
    days = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64) + day - 1
    known = np.asarray(pc.is_valid(parts)) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)
    return np.where(known, days, UNKNOWN).astype(np.int32)


def _numbers(texts: Any) -> NDArray[np.int64]:
    numbers: NDArray[np.int64] = texts.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    return numbers


def _integers(days: Any) -> Days:
    found: Days = days.cast(pa.int32()).fill_null(UNKNOWN).to_numpy(zero_copy_only=False)
    return found


def _day_pattern(time_format: str) -> str | None:
    """A regular expression that finds year, month and day in a text; None if the format does not start with them."""
    if time_format == AUTO:
        return ISO_DAY
    places = [time_format.find(f"%{part}") for part in DAY]
    start = time_format[: max(places) + 2]
    if -1 in places or PERIOD in start or ANYTHING in start or set(re.findall("%(.)", start)) - set(DAY + CLOCK):
        return None
    return "^" + pattern_of(start)
