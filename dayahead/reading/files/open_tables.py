"""Opens any data file as tables of records; an error of a library becomes one of a source."""

from collections.abc import Iterator
from pathlib import Path

from dayahead.reading.files.delimited import DelimitedFile
from dayahead.reading.files.file_errors import with_source_errors
from dayahead.reading.files.file_format import check_start
from dayahead.reading.files.found_files import PARQUET, WORKBOOK, ending_of
from dayahead.reading.files.parquet import parquet_tables
from dayahead.reading.files.workbook import workbook_tables
from dayahead.reading.record_table import RecordTable, Torn
from dayahead.source import Source

SHEET = "sheet"


def open_tables(path: Path, source: Source, torn: list[Torn]) -> Iterator[RecordTable]:
    """Read one file lazily.

    Args:
        path: the file.
        source: names its columns and says how they are written; may be of another kind than `file`.
        torn: where lines that are no records are added while the tables are read.

    Raises:
        SourceUnavailable: the file does not exist, is damaged or still being written.
        SourceRefused: it cannot be read as it is: a column is missing, permission, another format than its name says.
    """
    with with_source_errors(path):
        yield from _tables(path, source, torn)


def _tables(path: Path, source: Source, torn: list[Torn]) -> Iterator[RecordTable]:
    ending = ending_of(path)
    check_start(path)
    if ending == PARQUET:
        return parquet_tables(path, source)
    if ending == WORKBOOK:
        sheet = (source.model_extra or {}).get(SHEET)
        return workbook_tables(path, source, None if sheet is None else str(sheet))
    return DelimitedFile(path, source, torn).tables()
