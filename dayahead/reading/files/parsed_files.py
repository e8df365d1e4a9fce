"""Keeps the parsed tables of files that are read more than once and have not changed.

A poll reads an unchanged file again and again, a backfill once for each page of hours. Parsing it each time would cost
as much as the first time, and returning nothing for an unchanged file would lose the rows of a poll that could not
publish them. So the tables are kept from the second read of a version on: a file that is read once, as for a training,
needs no memory after it. What is larger than `KEPT_BYTES` is parsed each time.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from dayahead.reading.files.file_errors import with_source_errors
from dayahead.reading.files.found_files import FileVersion, version_of
from dayahead.reading.files.open_tables import open_tables
from dayahead.reading.record_table import RecordTable, Torn
from dayahead.source import Source

KEPT_BYTES = 256 << 20
SAMPLE_ROWS = 10_000
REPEATS = 4
"""A text that occurs at least so often on average is kept once."""

OBJECT_BYTES = 100
"""Memory of a value that is a Python object, roughly."""


@dataclass
class _Parsed:
    """A file as it was read."""

    version: FileVersion
    tables: list[RecordTable] | None = None
    torn: list[Torn] = field(default_factory=list)
    size: int = 0


class ParsedFiles:
    """The files of one source."""

    def __init__(self, source: Source, kept_bytes: int = KEPT_BYTES) -> None:
        """Start; nothing is opened.

        Args:
            source: names their columns.
            kept_bytes: most memory that parsed tables may take.
        """
        self._source, self._kept_bytes = source, kept_bytes
        self._files: dict[Path, _Parsed] = {}

    def keep_only(self, paths: Collection[Path]) -> None:
        """Drop what is kept of other files."""
        self._files = {path: file for path, file in self._files.items() if path in paths}

    def tables(self, path: Path, torn: list[Torn]) -> Iterator[RecordTable]:
        """The tables of a file; repeated texts may be coded, see `decoded`.

        Args:
            path: the file.
            torn: where lines that are no records are added.

        Raises:
            SourceUnavailable, SourceRefused: see `open_tables`.
        """
        with with_source_errors(path):
            version = version_of(path)
        before = self._files.get(path)
        if before is None or before.version != version:
            self._files[path] = _Parsed(version)
            yield from open_tables(path, self._source, torn)
        elif before.tables is None:
            yield from self._parsed_again(path, before, torn)
        else:
            torn += before.torn
            yield from before.tables

    def _parsed_again(self, path: Path, file: _Parsed, torn: list[Torn]) -> Iterator[RecordTable]:
        """Parse a file, and keep its tables if they are small and it has not changed meanwhile."""
        free = self._kept_bytes - sum(other.size for other in self._files.values())
        tables: list[RecordTable] = []
        size, first_torn = 0, len(torn)
        for table in open_tables(path, self._source, torn):
            if size <= free:
                tables.append(_compact(table))
                size += _size(tables[-1])
            else:
                tables.clear()
            yield table
        with with_source_errors(path):
            is_same = version_of(path) == file.version
        if size <= free and is_same:
            file.tables, file.torn, file.size = tables, torn[first_torn:], size


def _compact(table: RecordTable) -> RecordTable:
    """A table whose repeated texts are kept once."""
    if table.data is None:
        return table
    data = table.data
    for place, column in enumerate(data.columns):
        if pa.types.is_string(column.type):
            sample = column.slice(0, SAMPLE_ROWS)
            if len(sample.unique()) * REPEATS <= len(sample):
                coded: Any = column.combine_chunks().dictionary_encode()
                data = data.set_column(place, data.column_names[place], coded)
    return replace(table, data=data, _columns={})


def decoded(table: RecordTable) -> RecordTable:
    """The table with each text in full."""
    if table.data is None or not any(pa.types.is_dictionary(kind) for kind in table.data.schema.types):
        return table
    data = table.data
    for place, column in enumerate(data.columns):
        if pa.types.is_dictionary(column.type):
            data = data.set_column(place, data.column_names[place], column.cast(pa.string()))
    return replace(table, data=data, _columns={})


def _size(table: RecordTable) -> int:
    """Bytes that a table takes, roughly."""
    lines = 0 if table.lines is None else 8 * len(table.lines)
    if table.data is not None:
        return table.data.nbytes + lines
    return len(table) * len(table.columns) * OBJECT_BYTES + lines
