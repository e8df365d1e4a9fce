"""What reading a source gives: hourly values, and the records that were rejected."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from dayahead.errors import DeadLetterCode
from dayahead.hours import Hour
from dayahead.reading.record_table import Record
from dayahead.record_format import AUTO
from dayahead.source import Source


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
        series_id: the one series that it is of; empty if unknown.
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
class HourColumns:
    """Hourly values as columns, each series and hour once.

    Attributes:
        names: the series.
        series: [n] place of each value's series in `names`.
        hour: [n] whole hours since 1970-01-01T00Z.
        value: [n] in the unit of the source.
    """

    names: Sequence[str]
    series: NDArray[np.int32]
    hour: NDArray[np.int64]
    value: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.hour)


@dataclass(frozen=True)
class Conversion:
    """The result of a conversion.

    Attributes:
        hours: the hourly values.
        rejections: records that violate their contract.
        repeated: number of records that repeat another one; dropped.
        incomplete: [i] hours with a missing part (records of less than an hour), once for each series; dropped.
        absent: number of values that the source says it does not have (`null_marks`); dropped.
        periods: lengths of the records of which hours were made, in minutes.
    """

    hours: HourColumns
    rejections: list[Rejection]
    repeated: int
    incomplete: NDArray[np.int64]
    absent: int
    periods: Sequence[int]

    @property
    def incomplete_hours(self) -> int:
        """Number of hours with a missing part."""
        return len(self.incomplete)

    def incomplete_within(self, start: Hour, end: Hour) -> int:
        """Number of hours with a missing part from `start` (inclusive) to `end` (exclusive)."""
        return int(np.count_nonzero((self.incomplete >= start) & (self.incomplete < end)))

    def incomplete_sentence(self, source: Source) -> str:
        """How many hours lack a part, and what to check if these are most; empty if none does.

        Hours after the newest complete one do not count: they may just not be over.
        """
        newest = int(self.hours.hour.max()) if len(self.hours) else None
        count = self.incomplete_hours if newest is None else int(np.count_nonzero(self.incomplete < newest))
        if not count:
            return ""
        sentence = f"{count:,} hours are incomplete: they lack a part and are left out"
        if count > len(self.hours) and source.period_minutes != AUTO:
            sentence += f". Is period_minutes {source.period_minutes} right? auto finds it in the data"
        return sentence

    @cached_property
    def rows(self) -> list[Row]:
        """The hourly values one by one, in the order of the answer."""
        names = self.hours.names
        series, hours, values = self.hours.series.tolist(), self.hours.hour.tolist(), self.hours.value.tolist()
        return [Row(names[one], hour, value) for one, hour, value in zip(series, hours, values, strict=True)]


def within(rows: Iterable[Row], start: Hour, end: Hour | None = None) -> list[Row]:
    """The rows from `start` (inclusive) to `end` (exclusive; None: no end)."""
    return [row for row in rows if row.hour >= start and (end is None or row.hour < end)]


def newest_hour(rows: Iterable[Row]) -> Hour | None:
    """The newest hour of some rows; None if there are none."""
    return max((row.hour for row in rows), default=None)
