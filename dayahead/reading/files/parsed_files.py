"""Keeps what was parsed of files that have not changed since.

A poll reads the newest days of an unchanged file again and again, a backfill a page of hours after the other. Parsing
the file each time would cost as much as the first time, and returning nothing for an unchanged file would lose the rows
of a poll that could not publish them. So the records near the hours of the first read are kept, which are enough for
the next polls. A read of other hours keeps the whole file: in memory if it fits into `KEPT_BYTES`, else on disk for the
pages of a backfill. A file that is read once and as a whole, as for a training, needs no memory after it.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import structlog

from dayahead.reading.files.file_errors import with_source_errors
from dayahead.reading.files.found_files import FileVersion, version_of
from dayahead.reading.files.near_hours import DayRange, records_near
from dayahead.reading.files.open_tables import open_tables
from dayahead.reading.files.spilled_tables import CannotSpillError, SpilledTables
from dayahead.reading.record_table import RecordTable, Torn
from dayahead.source import Source

log = structlog.get_logger()

KEPT_BYTES = 256 << 20
SAMPLE_ROWS = 10_000
REPEATS = 4
"""A text that occurs at least so often on average is kept once."""

OBJECT_BYTES = 100
"""Memory of a value that is a Python object, roughly."""


EVERYTHING = DayRange()


@dataclass
class _Parsed:
    """A version of a file, and what is kept of it: tables of some days, or all on disk; and all torn lines."""

    version: FileVersion
    days: DayRange | None = None
    tables: list[RecordTable] = field(default_factory=list)
    torn: list[Torn] = field(default_factory=list)
    size: int = 0
    was_read: bool = False
    is_large: bool = False
    spilled: SpilledTables | None = None
    may_spill: bool = True

    def close(self) -> None:
        """Free the disk."""
        if self.spilled is not None:
            self.spilled.close()


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
        for path, file in self._files.items():
            if path not in paths:
                file.close()
        self._files = {path: file for path, file in self._files.items() if path in paths}

    def tables(self, path: Path, wanted: DayRange, torn: list[Torn]) -> Iterator[RecordTable]:
        """The tables of a file.

        Args:
            path: the file.
            wanted: the days to return; a record whose day is not recognized is always returned.
            torn: where lines that are no records are added.

        Raises:
            SourceUnavailable, SourceRefused: see `open_tables`.
        """
        with with_source_errors(path):
            version = version_of(path)
        file = self._files.get(path)
        if file is None or file.version != version:
            if file is not None:
                file.close()
            file = self._files[path] = _Parsed(version)
        if file.days is not None and file.days.covers(wanted):
            torn += file.torn
            near = map(_decoded, (records_near(table, self._source, wanted) for table in file.tables))
            yield from filter(len, near)
        elif file.spilled is not None:
            torn += file.torn
            kept = (records_near(table, self._source, wanted) for table in file.spilled.tables(wanted))
            yield from filter(len, map(_decoded, kept))
        else:
            yield from filter(len, self._parsed(path, file, wanted, torn))

    def _parsed(self, path: Path, file: _Parsed, wanted: DayRange, torn: list[Torn]) -> Iterator[RecordTable]:
        """Parse a file, and keep its tables, or those of the days wanted, if they are small."""
        days = EVERYTHING if file.was_read and not file.is_large else wanted
        free = self._kept_bytes - sum(other.size for other in self._files.values() if other is not file)
        # A first read of everything may be the only one.
        keeps = file.was_read or not wanted.is_everything
        spills = file.was_read and file.may_spill and wanted.is_page
        tables: list[RecordTable] = []
        size, first_torn = 0, len(torn)
        with ExitStack() as unless_kept:
            spilled = self._spilled(file, [], unless_kept) if spills and file.is_large else None
            for table in open_tables(path, self._source, torn):
                near = records_near(table, self._source, wanted)
                kept = table if days.is_everything else near
                if spilled is not None:
                    spilled = _added(spilled, [_compact(table)], file)
                elif keeps and len(kept):
                    tables.append(_compact(kept))
                    size += _size(tables[-1])
                    if size > free:
                        keeps = False
                        if spills and days.is_everything:
                            spilled = self._spilled(file, tables, unless_kept)
                        tables.clear()
                yield near
            file.was_read = True
            with with_source_errors(path):
                is_same = version_of(path) == file.version
            if is_same and spilled is not None:
                unless_kept.pop_all()
                file.spilled, file.torn = spilled, torn[first_torn:]
        if keeps and is_same and file.spilled is None:
            file.days, file.tables, file.torn, file.size = days, tables, torn[first_torn:], size
        elif size > free and days.is_everything:
            file.is_large = True

    def _spilled(self, file: _Parsed, tables: Sequence[RecordTable], unless_kept: ExitStack) -> SpilledTables | None:
        """Start to write the tables of a file to disk; None where that fails."""
        try:
            spilled = unless_kept.enter_context(SpilledTables(self._source))
        except OSError as error:
            _warn_not_spilled(file, error)
            return None
        return _added(spilled, tables, file)


def _added(spilled: SpilledTables, tables: Sequence[RecordTable], file: _Parsed) -> SpilledTables | None:
    try:
        for table in tables:
            spilled.add(table)
    except (CannotSpillError, OSError, pa.ArrowException) as error:
        spilled.close()
        _warn_not_spilled(file, error)
        return None
    return spilled


def _warn_not_spilled(file: _Parsed, error: Exception) -> None:
    """Say that the file is parsed for each page instead."""
    file.may_spill = False
    log.warning("file_parsed_for_each_page", file=file.version[0], reason=str(error) or type(error).__name__)


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


def _decoded(table: RecordTable) -> RecordTable:
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
