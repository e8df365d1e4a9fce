"""Reads data files: text with columns, Excel workbooks and Parquet."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import Field

from dayahead.errors import DayaheadError
from dayahead.hours import Hour
from dayahead.reading.files.file_errors import with_source_errors
from dayahead.reading.files.found_files import FileVersion, check_ending, find_files, version_of
from dayahead.reading.files.near_hours import DayRange
from dayahead.reading.files.parsed_files import ParsedFiles
from dayahead.reading.reader import Answer
from dayahead.reading.record_table import RecordTable, Torn
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
        with with_source_errors(self._path):
            paths = find_files(self._path)
        return Answer(self._tables(paths, DayRange.around(start, end), torn), torn)

    def _tables(self, paths: Sequence[Path], days: DayRange, torn: list[Torn]) -> Iterator[RecordTable]:
        self._parsed.keep_only(paths)
        for path in paths:
            yield from self._parsed.tables(path, days, torn)
