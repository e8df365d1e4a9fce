"""Parses times written as text: ISO 8601 or a pattern of a publisher; whole columns at once."""

import calendar
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dayahead.reading.arrow import as_numpy
from dayahead.reading.arrow import compute as pc
from dayahead.reading.time_pattern import pattern_of
from dayahead.record_format import ANYTHING, AUTO, HOUR_MINUTES, RecordFormat

SECOND_US = 1_000_000
MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86400
FIRST_MARK, SECOND_MARK = 1, 2

CLOCK = r"(?P<H>\d{1,2}):(?P<M>\d{2})(?::(?P<S>\d{2})(?:[.,](?P<f>\d+))?)?"
ISO = rf"(?P<Y>\d{{4}})-(?P<m>\d{{1,2}})-(?P<d>\d{{1,2}})(?:[T ]+{CLOCK})?"
OFFSET = r"(?:\s*(?P<z>Z|UTC|GMT|[+-]\d{2}:?(?:\d{2})?))?"
PLAIN_ISO = r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2})?$"

INTERVAL = r"(?P<startH>\d{1,2}):(?P<startM>\d{2})-(?P<endH>\d{2}):(?P<endM>\d{2})$"
"""The start and the end of a period; of a single text the end could be an offset, -05:00."""

LEAST_ENDS = 3
"""Different ends from which on they are ends: a publisher has two offsets, in winter and in summer."""

EARLIEST_OFFSET_S, LATEST_OFFSET_S = -12 * HOUR_S, 14 * HOUR_S
MONTHS = {
    name.lower(): number
    for names in (calendar.month_name, calendar.month_abbr)
    for number, name in enumerate(names)
    if name
}


@dataclass(frozen=True)
class ParsedTimes:
    """Times as written, without the zone of the source.

    Attributes:
        wall_us: [n] microseconds since 1970-01-01T00:00, on the clock of the source; UTC where `has_offset`.
        has_offset: [n] whether the time says its offset.
        period: [n] number of the period in its day, from 1; 0: the time says none.
        mark: [n] FIRST_MARK or SECOND_MARK of two equal times; 0: not marked.
        ok: [n] whether it is a time.
        is_date: [n] whether it is a day without a time of day.
    """

    wall_us: NDArray[np.int64]
    has_offset: NDArray[np.bool_]
    period: NDArray[np.int64]
    mark: NDArray[np.int8]
    ok: NDArray[np.bool_]
    is_date: NDArray[np.bool_]

    def take(self, places: NDArray[np.int64]) -> "ParsedTimes":
        """The times at some places."""
        return ParsedTimes(*(getattr(self, name)[places] for name in self.__dataclass_fields__))


def plain_times(wall_us: NDArray[np.int64], ok: NDArray[np.bool_], *, has_offset: bool) -> ParsedTimes:
    """Times that need no parsing.

    Args:
        wall_us: [n] microseconds since 1970.
        ok: [n] whether each is a time.
        has_offset: whether they are UTC.
    """
    size = len(wall_us)
    return ParsedTimes(
        wall_us,
        np.full(size, has_offset),
        np.zeros(size, np.int64),
        np.zeros(size, np.int8),
        ok,
        np.zeros(size, np.bool_),
    )


class TimeTexts:
    """Parses the texts of one source."""

    def __init__(self, form: RecordFormat) -> None:
        """Compile the pattern.

        Args:
            form: names the time format and its marks.

        Raises:
            ValueError: the pattern has a directive that is not known.
        """
        self._is_iso = form.time_format == AUTO
        self._marks = dict.fromkeys(form.first_marks, FIRST_MARK) | dict.fromkeys(form.second_marks, SECOND_MARK)
        marks = "|".join(re.escape(mark) for mark in sorted(self._marks, key=len, reverse=True))
        body = ISO if self._is_iso else pattern_of(form.time_format)
        offset = "" if "?P<z>" in body else OFFSET
        self._may_have_intervals = bool(offset) and ANYTHING not in form.time_format
        self._pattern = f"^{body}{offset}" + (rf"(?:\s*(?P<mark>{marks}))?$" if marks else "$")

    def parse(self, texts: "pa.Array[Any]") -> ParsedTimes:
        """Parse texts.

        Args:
            texts: [n] string; null: not a time.
        """
        texts = pc.utf8_trim_whitespace(texts)
        if self._is_iso and (quick := _quick_iso(texts)) is not None:
            return quick
        if self._may_have_intervals and _are_intervals(texts):
            return plain_times(np.zeros(len(texts), np.int64), np.zeros(len(texts), np.bool_), has_offset=False)
        groups = pc.extract_regex(texts, self._pattern)
        parsed = self._of_groups(groups, len(texts))
        if self._is_iso and not parsed.ok.all():
            _add_rare_iso(texts, parsed)
        return parsed

    def _of_groups(self, groups: "pa.Array[Any]", size: int) -> ParsedTimes:
        ok = ~as_numpy(groups.is_null())
        given = {groups.type.field(index).name for index in range(groups.type.num_fields)}

        def number(name: str, default: int) -> NDArray[np.int64]:
            if name not in given:
                return np.full(size, default, np.int64)
            text = pc.struct_field(groups, name)
            empty = pc.equal(pc.binary_length(text), 0)
            filled = pc.if_else(pc.fill_null(empty, True), str(default), text)
            return as_numpy(pc.cast(filled, pa.int64())).copy()

        def texts(name: str) -> list[str]:
            return [text or "" for text in pc.struct_field(groups, name).to_pylist()] if name in given else [""] * size

        year = number("Y", 0) if "Y" in given else 2000 + number("y", 0) - np.where(number("y", 0) >= 69, 100, 0)
        if "b" in given:
            month = np.array([MONTHS.get(text.lower(), 0) for text in texts("b")], np.int64)
        else:
            month = number("m", 1)
        day, hour, minute, second = number("d", 1), number("H", -1), number("M", 0), number("S", 0)
        is_date = ok & (hour < 0) & ("period" not in given)
        hour = np.maximum(hour, 0)
        if "p" in given:
            afternoon = np.array([text.lower() == "p" for text in texts("p")])
            ok &= (hour >= 1) & (hour <= 12)
            hour = hour % 12 + np.where(afternoon, 12, 0)
        ok &= (month >= 1) & (month <= 12) & (day >= 1) & (year >= 1) & (minute < 60) & (second < 60)
        # 24:00 is the midnight after
        ok &= (hour < 24) | ((hour == 24) & (minute == 0) & (second == 0))
        month = np.clip(month, 1, 12)
        months = (year - 1970) * 12 + month - 1
        first = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
        after = (months + 1).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
        ok &= day <= after - first
        seconds = (first + day - 1) * DAY_S + hour * HOUR_S + minute * MINUTE_S + second
        wall_us = seconds * SECOND_US + _fraction_us(texts("f") if "f" in given else None, size)
        has_offset, offset_s = _offsets(texts("z") if "z" in given else None, size)
        ok &= (offset_s >= EARLIEST_OFFSET_S) & (offset_s <= LATEST_OFFSET_S)
        wall_us = wall_us - offset_s * SECOND_US
        mark = np.array([self._marks.get(text, 0) for text in texts("mark")], np.int8)
        period = number("period", 0)
        if "period" in given:
            ok &= (period >= 1) & (seconds % DAY_S == 0)
        return ParsedTimes(wall_us, has_offset, period, mark, ok & ~is_date, is_date)


def _are_intervals(texts: "pa.Array[Any]") -> bool:
    """Whether texts end with the start and the end of a period, like 05:00-06:00: no offset changes by the hour."""
    found = pc.drop_null(pc.extract_regex(texts, INTERVAL))
    if len(found) * 2 <= len(texts):
        return False
    numbers = [
        as_numpy(pc.cast(pc.struct_field(found, name), pa.int64())) for name in ("startH", "startM", "endH", "endM")
    ]
    start, end = numbers[0] * HOUR_MINUTES + numbers[1], numbers[2] * HOUR_MINUTES + numbers[3]
    return len(np.unique(end)) >= LEAST_ENDS and len(np.unique((end - start) % (DAY_S // MINUTE_S))) == 1


def _quick_iso(texts: "pa.Array[Any]") -> ParsedTimes | None:
    """Times in plain ISO 8601, if all are: twenty times faster than any pattern."""
    if texts.null_count or not pc.all(pc.match_substring_regex(texts, PLAIN_ISO)).as_py():
        return None
    try:
        moments = pc.cast(texts, pa.timestamp("us"))
    except pa.ArrowInvalid:  # a 13th month
        return None
    wall_us = as_numpy(moments.cast(pa.int64()))
    return plain_times(wall_us, np.ones(len(texts), np.bool_), has_offset=False)


def _add_rare_iso(texts: "pa.Array[Any]", parsed: ParsedTimes) -> None:
    """Parse the other forms of ISO 8601, such as 20240101T00Z, one by one."""
    for place in np.flatnonzero(~parsed.ok & ~parsed.is_date):
        text = texts[int(place)].as_py()
        try:
            moment = datetime.fromisoformat(text or "")
        except ValueError:
            continue
        if not re.search(r"[T ]\d", text):
            parsed.is_date[place] = True
            continue
        offset = moment.utcoffset()
        if offset is not None and not EARLIEST_OFFSET_S <= offset.total_seconds() <= LATEST_OFFSET_S:
            continue
        parsed.has_offset[place] = offset is not None
        parsed.wall_us[place] = _microseconds(moment)
        parsed.ok[place] = True


def _microseconds(moment: datetime) -> int:
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return round((aware - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * SECOND_US)


def _fraction_us(texts: list[str] | None, size: int) -> NDArray[np.int64]:
    """Microseconds of fractions of a second; what is smaller counts as one, so that it does not look like none."""
    if texts is None:
        return np.zeros(size, np.int64)
    return np.array(
        [int(text[:6].ljust(6, "0")) or int(bool(text.strip("0"))) if text else 0 for text in texts], np.int64
    )


def _offsets(texts: list[str] | None, size: int) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Whether each time says its offset, and the offset in seconds."""
    if texts is None or not any(texts):
        return np.zeros(size, np.bool_), np.zeros(size, np.int64)
    known: Mapping[str, int] = {text: _offset_s(text) for text in set(texts) if text}
    return np.array([bool(text) for text in texts]), np.array([known.get(text, 0) for text in texts], np.int64)


def _offset_s(text: str) -> int:
    if text[0] not in "+-":
        return 0
    digits = text[1:].replace(":", "").ljust(4, "0")
    seconds = int(digits[:2]) * HOUR_S + int(digits[2:]) * MINUTE_S
    return -seconds if text[0] == "-" else seconds
