"""Reads the time columns of a table: text, typed stamps or numbers, in one column or several."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, time
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dayahead.reading.arrow import as_numpy
from dayahead.reading.arrow import compute as pc
from dayahead.reading.record_table import Column, RecordTable, plain_values
from dayahead.reading.time_text import FIRST_MARK, SECOND_MARK, SECOND_US, ParsedTimes, TimeTexts, plain_times
from dayahead.record_format import AUTO, EPOCHS, RecordFormat

US_OF_UNIT = {"s": 1_000_000, "ms": 1_000, "us": 1}
DAY_US = 86_400_000_000
MOST_US = 2**62
FIRST_US, END_US = ((day - date(1970, 1, 1)).days * DAY_US for day in (date.min, date.max))
"""Python holds the times between them, the later ones in any zone."""


class TimeColumns:
    """Reads the times of the records of one source."""

    def __init__(self, form: RecordFormat) -> None:
        """Store the arguments.

        Args:
            form: names the columns and how times are written.
        """
        self._names, self._form = form.times, form
        self._texts = TimeTexts(form)
        self._unit_us = EPOCHS.get(form.time_format)
        self._is_pattern = form.time_format != AUTO and self._unit_us is None

    def read(self, table: RecordTable) -> ParsedTimes:
        """The times of a table.

        Args:
            table: n records. A time is none where a column of it is missing.
        """
        times = self._read(table)
        ok = times.ok & (times.wall_us >= FIRST_US) & (times.wall_us < END_US)
        times = replace(times, ok=ok)
        marks = None if self._form.mark_column is None else table.column(self._form.mark_column)
        return times if marks is None else replace(times, mark=self._marks(marks))

    def _marks(self, column: Column) -> NDArray[np.int8]:
        """Which of two equal times each record has, as its mark says."""
        known = dict.fromkeys(self._form.first_marks, FIRST_MARK)
        known |= dict.fromkeys(self._form.second_marks, SECOND_MARK)
        return np.array([known.get(str(value).strip(), 0) for value in plain_values(column)], np.int8)

    def _read(self, table: RecordTable) -> ParsedTimes:
        columns = [table.column(name) for name in self._names]
        present = [column for column in columns if column is not None]
        if len(present) < len(columns):
            return plain_times(np.zeros(len(table), np.int64), np.zeros(len(table), np.bool_), has_offset=False)
        if len(present) > 1:
            return self._parsed(_joined(present))
        (column,) = present
        if isinstance(column, list):
            column = pa.array([self._as_text(value) for value in column], pa.string())
        if pa.types.is_timestamp(column.type):
            return _of_stamps(column)
        if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
            return self._parsed(_text(column)) if self._is_pattern else self._of_numbers(column)
        is_text = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
        if is_text or pa.types.is_date(column.type):
            return self._parsed(pc.cast(column, pa.string()))
        return self._parsed(pa.nulls(len(table), pa.string()))

    def _parsed(self, texts: "pa.Array[Any]") -> ParsedTimes:
        """Parse each distinct text once."""
        if self._unit_us is not None:
            return self._of_numbers(_numbers(texts))
        encoded = pc.dictionary_encode(texts)
        is_there = as_numpy(encoded.is_valid())
        if not is_there.any():
            return plain_times(np.zeros(len(texts), np.int64), is_there, has_offset=False)
        times = self._texts.parse(encoded.dictionary).take(as_numpy(pc.fill_null(encoded.indices, 0)).astype(np.int64))
        return replace(times, ok=times.ok & is_there, is_date=times.is_date & is_there)

    def _of_numbers(self, column: "pa.Array[Any]") -> ParsedTimes:
        size = len(column)
        if self._unit_us is None:  # a number is no ISO time
            return plain_times(np.zeros(size, np.int64), np.zeros(size, np.bool_), has_offset=True)
        numbers = as_numpy(pc.cast(column, pa.float64(), safe=False))
        ok = np.isfinite(numbers) & (np.abs(numbers) * self._unit_us < MOST_US)
        wall_us = np.where(ok, np.ceil(np.where(ok, numbers, 0.0) * self._unit_us), 0).astype(np.int64)
        return plain_times(wall_us, ok, has_offset=True)

    def _as_text(self, value: object) -> str | None:
        if isinstance(value, datetime | date):
            return value.isoformat()
        if isinstance(value, int | float) and self._form.time_format != AUTO:
            return _plain_text(value)
        return value if isinstance(value, str) else None


def _of_stamps(column: "pa.Array[Any]") -> ParsedTimes:
    ok = as_numpy(column.is_valid())
    whole = as_numpy(pc.fill_null(column.cast(pa.int64()), 0))
    has_offset = column.type.tz is not None
    if column.type.unit == "ns":
        # what is smaller than a microsecond counts as one, so that it does not look like a whole second
        wall_us = whole // 1_000
        return plain_times(wall_us + ((whole % 1_000 > 0) & (wall_us % SECOND_US == 0)), ok, has_offset=has_offset)
    unit_us = US_OF_UNIT[column.type.unit]
    ok = ok & (np.abs(whole) < MOST_US // unit_us)
    return plain_times(np.where(ok, whole, 0) * unit_us, ok, has_offset=has_offset)


def _numbers(texts: "pa.Array[Any]") -> "pa.Array[Any]":
    trimmed = pc.utf8_trim_whitespace(texts)
    fits = pc.fill_null(pc.match_substring_regex(trimmed, r"^-?\d+(\.\d+)?$"), False)
    numbers: pa.Array[Any] = pc.cast(pc.if_else(fits, trimmed, pa.scalar(None, pa.string())), pa.float64())
    return numbers


def _joined(columns: Sequence[Column]) -> "pa.Array[Any]":
    """The texts of several columns, joined by a blank; null where one is null."""
    joined: pa.Array[Any] = pc.binary_join_element_wise(*[_text(column) for column in columns], " ")
    return joined


def _text(column: Column) -> "pa.Array[Any]":
    if isinstance(column, list):
        return pa.array([_plain_text(value) for value in column], pa.string())
    if pa.types.is_timestamp(column.type):
        micro = pc.fill_null(column.cast(pa.timestamp("us"), safe=False).cast(pa.int64()), 0)
        is_day = not np.any(as_numpy(micro) % DAY_US)
        text: pa.Array[Any] = pc.strftime(column, format="%Y-%m-%d" if is_day else "%Y-%m-%dT%H:%M:%S")
    elif pa.types.is_floating(column.type):
        text = pa.array([_plain_text(value) for value in column.to_pylist()], pa.string())
    else:
        text = pc.utf8_trim_whitespace(pc.cast(column, pa.string()))
    return text


def _plain_text(value: object) -> str | None:
    if value is None or isinstance(value, bool | bytes | list | dict):
        return None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime) and value.time() == time():
        return value.date().isoformat()
    return value.isoformat() if isinstance(value, datetime | date | time) else str(value).strip()
