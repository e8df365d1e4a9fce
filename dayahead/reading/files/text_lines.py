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

from dayahead.reading.files.text_blocks import TextBlock, is_utf8
from dayahead.reading.record_table import Record, Torn

MAX_RECORD_LINES = 100
TORN_LINE = "line"
"""The only column of what is left of a torn line."""

SHOWN_BYTES = 10_000
QUOTE = b'"'
QUOTED_CELL = re.compile(rb'"(?:[^"]|"")*"(?!")')


@dataclass
class SortedLines:
    """The lines of a block.

    Attributes:
        records: the lines that are records.
        numbers: number of the first line of each.
        torn: the others, except blank ones.
        rest: lines at the end whose last cell is still open; they belong to the next block.
    """

    records: list[bytes] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    torn: list[Torn] = field(default_factory=list)
    rest: bytes = b""


def sort_lines(block: TextBlock, delimiter: bytes, columns: int, file: str) -> SortedLines:
    """Separate records, torn lines and blank lines.

    Args:
        block: some lines.
        delimiter: one byte.
        columns: how many a record has.
        file: for messages.
    """
    lines = block.data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    found = SortedLines()
    blanks = delimiter + b" \t"
    place = 0
    while place < len(lines):
        line, number = lines[place], block.first_line + place
        length = 1
        count = column_count(line, delimiter)
        reason = ""
        if not block.is_utf8 and not is_utf8(line):
            reason = "is not UTF-8: set encoding: auto, or name the encoding"
        elif count is None:
            length = _record_lines(lines, place, delimiter, columns)
            if not length and len(lines) - place < MAX_RECORD_LINES and not block.is_last:
                found.rest = b"\n".join(lines[place:]) + b"\n"
                break
            if length < 2:
                length, reason = 1, "opens a quote that is not closed before the next record"
        elif count != columns:
            reason = f"has {count} column{'s' * (count != 1)}, the header has {columns}"
        if not line.strip(blanks):
            pass
        elif reason:
            found.torn.append(Torn(_left_of(line), f"{file}, line {number} {reason}"))
        else:
            found.records.append(line if length == 1 else b"\n".join(lines[place : place + length]))
            found.numbers.append(number)
        place += length
    return found


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


def first_cells(lines: Sequence[bytes], delimiter: bytes) -> Iterator[list[str]]:
    """The cells of some lines, each by itself."""
    for line in lines:
        cells, place = [], 0
        while place <= len(line):
            quoted = QUOTED_CELL.match(line, place)
            end = line.find(delimiter, quoted.end() if quoted else place)
            end = len(line) if end < 0 else end
            cell = line[place:end].decode(errors="replace")
            cells.append(cell[1:].replace('""', "\0").replace('"', "").replace("\0", '"') if quoted else cell)
            place = end + 1
        yield cells


def _record_lines(lines: Sequence[bytes], place: int, delimiter: bytes, columns: int) -> int:
    """How many lines the record has whose last cell is open at `place`; 1: it is torn; 0: more than there are."""
    record = lines[place]
    for length, line in enumerate(lines[place + 1 : place + MAX_RECORD_LINES], start=2):
        if column_count(line, delimiter) == columns:
            return 1
        record += b"\n" + line
        count = column_count(record, delimiter, strictly=True)
        if count is not None:
            return length if count == columns else 1
    return 0


def _left_of(line: bytes) -> Record:
    return {TORN_LINE: line[:SHOWN_BYTES].decode(errors="replace")}
