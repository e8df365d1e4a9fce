"""Reads CSV files and other text with columns, all of it as text.

Arrow parses each block with all processors. It reads past a quote that is never closed and knows no line numbers, so
its result counts only if the block has as many rows as lines and no line with an open quote. Of any other block the
lines are sorted first (`text_lines.py`), and the records among them parsed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv

from dayahead.errors import SourceRefused
from dayahead.reading.files.header import SEARCHED_LINES, Header, find_header
from dayahead.reading.files.text_blocks import BLOCK_BYTES, TextBlock, text_blocks
from dayahead.reading.files.text_lines import LineSorter, first_rows, may_open_quotes
from dayahead.reading.record_table import RecordTable, Torn
from dayahead.source import Source

PARSED_BYTES = 4 << 20
"""Share of a block that one thread parses at a time; longer than any line."""

MANY_TORN = 20
"""If so many lines are torn and none is a record, the file is written in another way than the source says."""

TAB = "\t"


class DelimitedFile:
    """One text file with columns, or an answer that is one."""

    def __init__(
        self,
        path: Path,
        source: Source,
        torn: list[Torn],
        block_bytes: int = BLOCK_BYTES,
        body: bytes | None = None,
    ) -> None:
        """Store the arguments; nothing is opened.

        Args:
            path: the file.
            source: names the columns, the delimiter and the encoding.
            torn: where lines that are no records are added.
            block_bytes: approximate size of what is read at once.
            body: of an answer that is no file; `path` is then only its name in messages.
        """
        self._path, self._source, self._torn, self._block_bytes = path, source, torn, block_bytes
        self._body = body
        self._delimiter = _delimiter_of(path, source)
        self._separator = self._delimiter.encode()

    def tables(self) -> Iterator[RecordTable]:
        """Read the file lazily, a table for each block.

        Raises:
            SourceUnavailable, SourceRefused: see `text_blocks` and `find_header`.
        """
        blocks = text_blocks(self._path, self._source.encoding, self._block_bytes, self._body)
        first = next(blocks)
        header, above = self._header(first)
        rest = b""
        for block in chain([_without_lines(first, above)], blocks):
            whole = block
            if rest:
                line = block.first_line - rest.count(b"\n")
                whole = TextBlock(rest + block.data, line, block.is_last, block.is_utf8)
            table = self._parsed_whole(whole, header)
            if table is None:
                table, rest = self._parsed_by_line(whole, header)
            else:
                rest = b""
            if table is not None and len(table):
                yield table

    def _header(self, block: TextBlock) -> tuple[Header, int]:
        """The header, and how many lines end with it."""
        lines = block.data.split(b"\n", SEARCHED_LINES)[:SEARCHED_LINES]
        rows = list(first_rows(lines, self._separator))
        header = find_header([cells for _, cells in rows], self._source, self._path.name)
        after = next((cells for _, cells in rows[header.row + 1 :] if any(cells)), None)
        return replace(header, names=_as_wide_as(after, header.names)), rows[header.row][0]

    def _parsed_whole(self, block: TextBlock, header: Header) -> RecordTable | None:
        """The table of a block that holds nothing but records of one line each; None for any other."""
        if not block.is_utf8 or may_open_quotes(block.data, self._separator):
            return None
        if not block.data:
            return RecordTable()
        invalid: list[object] = []
        try:
            data = self._parsed(block.data, header, invalid)
        except pa.ArrowInvalid:
            return None
        if invalid or data.num_rows != block.line_count or _may_have_blank_rows(data):
            return None
        return RecordTable(data, name=self._path.name, first_line=block.first_line)

    def _parsed_by_line(self, block: TextBlock, header: Header) -> tuple[RecordTable | None, bytes]:
        """The table of the records in a block, and the lines at its end that belong to the next one."""
        found = LineSorter(block, self._separator, len(header.names), self._path.name).sort()
        self._torn += found.torn
        if not found.records and len(found.torn) >= MANY_TORN and block.first_line <= SEARCHED_LINES:
            raise SourceRefused(
                f"{found.torn[0].reason}, and no line after it fits: check delimiter, and whether decimal needs quotes"
            )
        if not found.records:
            return None, found.rest
        invalid: list[object] = []
        data = self._parsed(b"".join(found.records), header, invalid, has_long_cells=found.has_long_cells)
        if invalid or data.num_rows != len(found.numbers):
            raise SourceRefused(
                f"{self._path}, lines {found.numbers[0]} to {found.numbers[-1]} cannot be separated into columns: "
                "save the file again as CSV without quotes in its texts"
            )
        numbers = found.numbers
        if numbers[-1] - numbers[0] == len(numbers) - 1:
            return RecordTable(data, name=self._path.name, first_line=numbers[0]), found.rest
        return RecordTable(data, name=self._path.name, lines=numbers), found.rest

    def _parsed(
        self, text: bytes, header: Header, invalid: list[object], *, has_long_cells: bool = False
    ) -> "pa.Table":
        columns = [str(place) for place in range(len(header.names))]
        wanted = [columns[place] for place in header.wanted]
        given: Any = pa.BufferReader(text)
        table = pyarrow.csv.read_csv(
            given,
            read_options=pyarrow.csv.ReadOptions(
                column_names=columns, block_size=len(text) + 1 if has_long_cells else PARSED_BYTES
            ),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=self._delimiter,
                newlines_in_values=has_long_cells,
                invalid_row_handler=lambda row: _skipped(row, invalid),
            ),
            # All columns as text: one bad value must not decide the type of its column.
            convert_options=pyarrow.csv.ConvertOptions(
                include_columns=wanted,
                column_types=dict.fromkeys(wanted, pa.string()),
                strings_can_be_null=True,
                null_values=[""],
            ),
        )
        return table.rename_columns(list(header.wanted.values()))


def _delimiter_of(path: Path, source: Source) -> str:
    """The delimiter of the source; of a .tsv file a tab, if the source gives none."""
    if "delimiter" not in source.model_fields_set and ".tsv" in (suffix.lower() for suffix in path.suffixes[-2:]):
        return TAB
    return source.delimiter


def _as_wide_as(record: Sequence[str] | None, names: Sequence[str]) -> Sequence[str]:
    """The names of all columns, where only the header or only the records end with delimiters."""
    if record is None or len(record) == len(names):
        return names
    if len(record) > len(names):
        return [*names, *record[len(names) :]] if not any(record[len(names) :]) else names
    return names[: len(record)] if not any(names[len(record) :]) else names


def _without_lines(block: TextBlock, count: int) -> TextBlock:
    place = 0
    for _ in range(count):
        place = block.data.find(b"\n", place) + 1
        if not place:
            return TextBlock(b"", block.first_line + count, block.is_last)
    return TextBlock(block.data[place:], block.first_line + count, block.is_last, block.is_utf8)


def _may_have_blank_rows(data: "pa.Table") -> bool:
    """Whether every column has an empty cell; rows without any cell are left out as blank lines are."""
    return all(column.null_count for column in data.columns)


def _skipped(row: object, invalid: list[object]) -> Any:
    invalid.append(row)
    return "skip"
