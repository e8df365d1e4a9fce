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
        incomplete_hours: number of hours with a missing part (records of less than an hour); dropped.
        absent: number of values that the source says it does not have (`null_marks`); dropped.
        periods: lengths of the records of which hours were made, in minutes.
    """

    hours: HourColumns
    rejections: list[Rejection]
    repeated: int
    incomplete_hours: int
    absent: int
    periods: Sequence[int]

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
