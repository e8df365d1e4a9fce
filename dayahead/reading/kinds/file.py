"""Reads data files: text with columns, Excel workbooks and Parquet."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import Field

from dayahead.errors import DayaheadError
from dayahead.hours import Hour
from dayahead.reading.files.found_files import TEXT, FileVersion, check_ending, find_files, version_of
from dayahead.reading.files.near_hours import records_near
from dayahead.reading.files.parsed_files import ParsedFiles
from dayahead.reading.reader import Answer
from dayahead.reading.record_table import Record, RecordTable, Torn
from dayahead.reading.source_kind import KindFields, SourceKind, SourcePath, Surroundings
from dayahead.source import Source


class FileFields(KindFields):
    """Fields of a source file for this kind; those of the format (`delimiter`) are in every source, for `--data`."""

    path: SourcePath = Field(
        description="The data file, relative to the source file; or a folder or a pattern (data/*.csv): all files in it"
    )
    sheet: str | None = Field(default=None, description="Sheet of an Excel workbook; left out: the first one")


class File(SourceKind):
    """One file, or several with the same columns."""

    name = "file"
    fields = FileFields

    def reader(self, source: Source, surroundings: Surroundings) -> "FileSource":
        """See `SourceKind.reader`."""
        return FileSource(source)

    def version(self, source: Source) -> tuple[FileVersion, ...]:
        """Name, modification time and size of each file; empty if there is none."""
        try:
            return tuple(version_of(path) for path in find_files(FileFields.of(source).path))
        except (DayaheadError, OSError):  # the read raises the error
            return ()


class FileSource:
    """Files, each parsed again when it changes, so that its writer can append to it or replace it."""

    def __init__(self, source: Source, path: Path | None = None) -> None:
        """Store the arguments; a read opens the files.

        Args:
            source: definition of the columns; may be of another kind.
            path: a file, folder or pattern; by default that of the source.

        Raises:
            SettingsError: the source has no path, or no file with this ending can be read.
        """
        self._path = path or FileFields.of(source).path
        check_ending(self._path)
        self._source = source
        self._parsed = ParsedFiles(source)

    def read(self, start: Hour, end: Hour | None) -> Answer:
        """See `Reader.read`; returns up to two more days on both sides. Errors of a file are raised by its tables."""
        torn: list[Torn] = []
        return Answer(self._tables(find_files(self._path), start, end, torn), torn)

    def _tables(self, paths: Sequence[Path], start: Hour, end: Hour | None, torn: list[Torn]) -> Iterator[RecordTable]:
        self._parsed.keep_only(paths)
        for path in paths:
            is_text = any(ending in path.name.lower() for ending in TEXT)
            for table in self._parsed.tables(path, torn):
                near = records_near(table, self._source, start, end)
                if len(near):
                    yield self._typed(near) if is_text else near

    def _typed(self, table: RecordTable) -> RecordTable:
        """Parse the numbers of a text file; other text is kept, to be rejected with its reason."""
        assert table.data is not None
        columns = list(self._source.values_in(()))
        objects: list[Record] = []
        for record in table.data.to_pylist():
            for column in columns:
                if isinstance(record[column], str):
                    record[column] = self._number(record[column])
            objects.append(record)
        return replace(table, data=None, objects=objects, _columns={})

    def _number(self, text: str) -> float | str:
        # With a decimal comma a dot separates thousands: "1.234" is not 1.234. "1_0" is a number only in Python.
        foreign = "_." if self._source.decimal == "," else "_"
        try:
            return text if any(mark in text for mark in foreign) else float(text.replace(self._source.decimal, "."))
        except ValueError:
            return text
