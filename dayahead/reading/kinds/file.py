"""Reads a CSV or Parquet file."""

from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
from pydantic import Field

from dayahead.errors import SettingsError, SourceRefused, SourceUnavailable
from dayahead.hours import Hour, from_hour
from dayahead.reading.reader import Answer
from dayahead.reading.record_table import Record
from dayahead.reading.source_kind import KindFields, SourceKind, SourcePath, Surroundings
from dayahead.source import Source

# No zone is further from UTC than 14 hours, and a record of the day before may decide which 02:00 a time is.
MARGIN = timedelta(days=2)
ISO_DATE = r"^\d{4}-\d{2}-\d{2}"
DATE_LENGTH = 10
TORN_LINE = "line"
"""The only column of a record for a line with too few or too many columns."""


class FileFields(KindFields):
    """Fields of a source file for this kind; `delimiter` and `decimal` are in every source, for `--data`."""

    path: SourcePath = Field(description="The CSV or Parquet file, relative to the source file")


class File(SourceKind):
    """One file."""

    name = "file"
    fields = FileFields

    def reader(self, source: Source, surroundings: Surroundings) -> "FileSource":
        """See `SourceKind.reader`."""
        return FileSource(source)

    def version(self, source: Source) -> tuple[int, int]:
        """Modification time and size of the file; zeros if it does not exist."""
        try:
            status = FileFields.of(source).path.stat()
        except OSError:  # the read raises the error
            return 0, 0
        return status.st_mtime_ns, status.st_size


class FileSource:
    """One file, reread when it changes, so that its writer can append to it or replace it."""

    def __init__(self, source: Source, path: Path | None = None) -> None:
        """Store the arguments; the first read opens the file.

        Args:
            source: definition of the columns; may be of another kind.
            path: the file; by default that of the source.

        Raises:
            SettingsError: the source has no path, or the file name ends in neither .csv nor .parquet.
        """
        file = path or FileFields.of(source).path
        if file.suffix not in (".csv", ".parquet"):
            raise SettingsError(f"{file}: the name of a data file ends in .csv or .parquet")
        self._source, self._path = source, file
        self._table: pa.Table | None = None
        self._torn: list[Record] = []
        self._version: tuple[int, int] | None = None

    def read(self, start: Hour, end: Hour | None) -> Answer:
        """See `Reader.read`; returns up to two more days on both sides."""
        table = self._current_table()
        column = self._source.times[0]
        if column in table.column_names:
            low = str((from_hour(start) - MARGIN).date())
            high = None if end is None else str((from_hour(end) + MARGIN).date())
            table = table.filter(_is_near(table[column], low, high))
        return Answer.of([*(self._typed(record) for record in table.to_pylist()), *self._torn])

    def _current_table(self) -> pa.Table:
        try:
            status = self._path.stat()
            version = (status.st_mtime_ns, status.st_size)
            if self._table is None or version != self._version:
                self._table, self._version = self._load(), version
        except FileNotFoundError as error:
            raise SourceUnavailable(f"{self._path} does not exist (yet)", cause="no_file") from error
        except pa.ArrowInvalid as error:
            # Also the state of a file that is still being written.
            raise SourceUnavailable(f"{self._path} cannot be read: {error}", cause="bad_answer") from error
        except OSError as error:
            raise SourceRefused(f"{self._path} cannot be read: {error}") from error
        return self._table

    def _load(self) -> pa.Table:
        if self._path.suffix == ".parquet":
            table = pq.read_table(self._path)
        else:
            names = self._source.data_columns
            self._torn = []
            # All columns as text: one bad value must not decide the type of its column.
            table = pyarrow.csv.read_csv(
                self._path,
                parse_options=pyarrow.csv.ParseOptions(
                    delimiter=self._source.delimiter, invalid_row_handler=self._set_aside
                ),
                convert_options=pyarrow.csv.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True, null_values=[""]
                ),
            )
        wanted = [name for name in self._source.data_columns if name in table.column_names]
        if repeated := [name for name in wanted if table.column_names.count(name) > 1]:
            raise SourceRefused(f"{self._path} has more than one column {', '.join(repeated)}: rename all but one")
        return table.select(wanted)

    def _set_aside(self, row: pyarrow.csv.InvalidRow) -> Literal["skip"]:
        """Reject only the line that has too few or too many columns."""
        self._torn.append({TORN_LINE: row.text})
        return "skip"

    def _typed(self, record: Record) -> Record:
        """Parse the numbers of a CSV file; other text is kept, to be rejected with its reason."""
        if self._path.suffix == ".parquet":
            return record
        columns = list(self._source.values_in(()))
        typed = dict(record)
        for column in columns:
            text = record.get(column)
            if isinstance(text, str):
                typed[column] = self._number(text)
        return typed

    def _number(self, text: str) -> float | str:
        # With a decimal comma a dot separates thousands: "1.234" is not 1.234. "1_0" is a number only in Python.
        foreign = "_." if self._source.decimal == "," else "_"
        try:
            return text if any(mark in text for mark in foreign) else float(text.replace(self._source.decimal, "."))
        except ValueError:
            return text


def _is_near(times: "pa.ChunkedArray[Any]", low: str, high: str | None) -> "pa.ChunkedArray[Any]":
    """Which times may lie between two dates; text that is not an ISO date is kept, to be rejected with its reason."""
    text = pc.cast(times, pa.string())
    date = pc.utf8_slice_codeunits(text, 0, DATE_LENGTH)
    outside: Any = pc.less(date, pa.scalar(low))
    if high is not None:
        outside = pc.or_(outside, pc.greater(date, pa.scalar(high)))
    far: Any = pc.and_(pc.match_substring_regex(text, ISO_DATE), outside)
    near: pa.ChunkedArray[Any] = pc.invert(pc.fill_null(far, pa.scalar(False)))
    return near
