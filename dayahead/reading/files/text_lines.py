"""Separates the lines of a text file that are records from those that are not.

A quote at the start of a cell opens it, up to the next single quote; within it, delimiters and line ends are text and
two quotes are one. Anywhere else a quote is text. So a quote that is never closed would take all following lines into
its cell. To prevent that, a cell ends with its line as soon as the next line is a record by itself: then the line with
the quote is torn, and only that line. A cell with line ends in it is read if none of its further lines, alone, has as
many columns as the header.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dayahead.reading.files.text_blocks import TextBlock, is_utf8
from dayahead.reading.record_table import Record, Torn

MAX_RECORD_LINES = 100
MAX_NAME_LINES = 5
TORN_LINE = "line"
"""The only column of what is left of a torn line."""

SHOWN_BYTES = 10_000
QUOTE = b'"'
BLANKS = b" \t\x1a"
"""They make no record; the last one is how DOS ended a text."""
NEWLINE = ord("\n")
FIRST_BEYOND_ASCII = 0x80
QUOTED_CELL = re.compile(rb'"(?:[^"]|"")*"(?!")')


@dataclass
class SortedLines:
    """The lines of a block.

    Attributes:
        records: the lines that are records, in pieces of one or more whole lines, each with its line end.
        numbers: number of the first line of each record.
        torn: the others, except blank ones.
        rest: lines at the end whose last cell is still open; they belong to the next block.
        has_long_cells: whether a record has more than one line.
    """

    records: list[bytes] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    torn: list[Torn] = field(default_factory=list)
    rest: bytes = b""
    has_long_cells: bool = False


class LineSorter:
    """Sorts the lines of one block; lines without quotes and with the right number of columns are not looked at."""

    def __init__(self, block: TextBlock, delimiter: bytes, columns: int, file: str) -> None:
        """Find the lines.

        Args:
            block: some lines.
            delimiter: one byte.
            columns: how many a record has.
            file: for messages.
        """
        self._block, self._delimiter, self._columns, self._file = block, delimiter, columns, file
        codes = np.frombuffer(block.data, np.uint8)
        ends = np.flatnonzero(codes == NEWLINE)
        if not block.data.endswith(b"\n"):
            ends = np.append(ends, len(codes))
        self._ends = ends
        self._starts = np.append(0, ends[:-1] + 1)
        delimiters = _count_in_lines(codes == ord(delimiter), ends)
        is_plain = (delimiters == columns - 1) & (ends - self._starts > delimiters)
        is_plain &= _count_in_lines(codes == ord(QUOTE), ends) == 0
        if not block.is_utf8:
            is_plain &= _count_in_lines(codes >= FIRST_BEYOND_ASCII, ends) == 0
        self._special = np.flatnonzero(~is_plain)

    def sort(self) -> SortedLines:
        """Separate records, torn lines and blank lines."""
        found = SortedLines()
        done = 0
        for place in self._special.tolist():
            if place < done:  # within the record before
                continue
            self._add(found, done, place)
            line = self._line(place)
            length, reason = self._judged(place, line)
            done = place + max(length, 1)
            if not length:
                found.rest = self._block.data[self._starts[place] :]
                return found
            if not line.strip(self._delimiter + BLANKS):
                pass
            elif reason:
                number = self._block.first_line + place
                found.torn.append(Torn(_left_of(line), f"{self._file}, line {number} {reason}"))
            else:
                found.has_long_cells |= length > 1
                self._add(found, place, done, records=1)
        self._add(found, done, len(self._ends))
        return found

    def _add(self, found: SortedLines, place: int, end: int, records: int | None = None) -> None:
        if end > place:
            found.records.append(self._block.data[self._starts[place] : self._ends[end - 1]] + b"\n")
            first = self._block.first_line + place
            found.numbers.extend(range(first, first + (records or end - place)))

    def _line(self, place: int) -> bytes:
        return self._block.data[self._starts[place] : self._ends[place]]

    def _judged(self, place: int, line: bytes) -> tuple[int, str]:
        """How many lines a record has, and why it is none; no lines: the next block may have the rest of it."""
        if not self._block.is_utf8 and not is_utf8(line):
            return 1, "is not UTF-8: set encoding: auto, or name the encoding"
        count = column_count(line, self._delimiter)
        if count is None:
            length = self._record_lines(place)
            if not length and len(self._ends) - place < MAX_RECORD_LINES and not self._block.is_last:
                return 0, ""
            return max(length, 1), "" if length > 1 else "opens a quote that is not closed before the next record"
        if count != self._columns:
            return 1, f"has {count} column{'s' * (count != 1)}, the header has {self._columns}"
        return 1, ""

    def _record_lines(self, place: int) -> int:
        """How many lines the record has whose last cell is open at `place`; 1: torn; 0: more than there are."""
        record = self._line(place)
        for length in range(2, min(MAX_RECORD_LINES, len(self._ends) - place) + 1):
            line = self._line(place + length - 1)
            if column_count(line, self._delimiter) == self._columns:
                return 1
            record += b"\n" + line
            count = column_count(record, self._delimiter, strictly=True)
            if count is not None:
                return length if count == self._columns else 1
        return 0


def may_open_quotes(data: bytes, delimiter: bytes) -> bool:
    """Whether a line may open a quote without closing it. A quote within a cell, as in 5", is text."""
    if QUOTE not in data:
        return False
    if not (data.startswith(QUOTE) or delimiter + QUOTE in data or b"\n" + QUOTE in data):
        return False
    codes = np.frombuffer(data, np.uint8)
    before = np.searchsorted(np.flatnonzero(codes == ord(QUOTE)), np.flatnonzero(codes == NEWLINE))
    return bool((before & 1).any()) or data.count(QUOTE) % 2 == 1


def _count_in_lines(is_found: NDArray[np.bool_], ends: NDArray[np.intp]) -> NDArray[np.intp]:
    """How many of some bytes each line has."""
    return np.diff(np.searchsorted(np.flatnonzero(is_found), ends), prepend=0)


def column_count(text: bytes, delimiter: bytes, *, strictly: bool = False) -> int | None:
    """Number of columns of a line; None if its last cell is still open.

    Args:
        text: one line, or several that may be one record.
        delimiter: one byte.
        strictly: return 0 if text follows the quote that closes a cell.
    """
    if QUOTE not in text:
        return text.count(delimiter) + 1
    count, place = 0, 0
    while True:
        count += 1
        if text.startswith(QUOTE, place):
            cell = QUOTED_CELL.match(text, place)
            if cell is None:
                return None
            place = cell.end()
            if strictly and text[place : place + 1] not in (b"", delimiter):
                return 0
        place = text.find(delimiter, place)
        if place < 0:
            return count
        place += 1


def first_rows(lines: Sequence[bytes], delimiter: bytes) -> Iterator[tuple[int, list[str]]]:
    """The rows that may be a header, each with the place of the line after it.

    Args:
        lines: the first ones of a file.
        delimiter: one byte.
    """
    place = 0
    while place < len(lines):
        row, end = lines[place], place + 1
        if column_count(row, delimiter) is None:  # perhaps a name with a line end in it
            for length in range(2, MAX_NAME_LINES + 1):
                longer = b"\n".join(lines[place : place + length])
                if column_count(longer, delimiter, strictly=True):
                    row, end = longer, place + length
                    break
        yield end, _cells(row, delimiter)
        place = end


def _cells(row: bytes, delimiter: bytes) -> list[str]:
    cells, place = [], 0
    while place <= len(row):
        quoted = QUOTED_CELL.match(row, place)
        end = row.find(delimiter, quoted.end() if quoted else place)
        end = len(row) if end < 0 else end
        text = row[quoted.end() if quoted else place : end]
        if quoted:
            text = quoted.group()[1:-1].replace(QUOTE * 2, QUOTE) + text
        cells.append(text.decode(errors="replace"))
        place = end + 1
    return cells


def _left_of(line: bytes) -> Record:
    return {TORN_LINE: line[:SHOWN_BYTES].decode(errors="replace")}
