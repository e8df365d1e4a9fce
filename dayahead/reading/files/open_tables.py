"""Opens any data file as tables of records; an error of a library becomes one of a source."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from dayahead.errors import SourceRefused, SourceUnavailable
from dayahead.reading.files.delimited import DelimitedFile
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


@contextmanager
def with_source_errors(path: Path) -> Iterator[None]:
    """Turn an error of the system or of a library on a file into one of a source.

    Args:
        path: the file.

    Raises:
        SourceUnavailable: it does not exist, is damaged or still being written.
        SourceRefused: it may not be read.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise SourceUnavailable(f"{path} does not exist (yet)", cause="no_file") from error
    except (pa.ArrowException, UnicodeError, EOFError) as error:
        raise _damaged(path, error) from error
    except OSError as error:
        if error.errno is None:  # Arrow's, of the content
            raise _damaged(path, error) from error
        raise SourceRefused(f"{path} cannot be read: {error.strerror or error}") from error


def _tables(path: Path, source: Source, torn: list[Torn]) -> Iterator[RecordTable]:
    ending = ending_of(path)
    if not path.stat().st_size:
        raise SourceUnavailable(f"{path} is empty: it may be about to be written", cause="bad_answer")
    if ending == PARQUET:
        return parquet_tables(path, source)
    if ending == WORKBOOK:
        sheet = (source.model_extra or {}).get(SHEET)
        return workbook_tables(path, source, None if sheet is None else str(sheet))
    return DelimitedFile(path, source, torn).tables()


def _damaged(path: Path, error: Exception) -> SourceUnavailable:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return SourceUnavailable(
        f"{path} cannot be read: {reason}. It may still be being written; if this stays, it is damaged: write it again",
        cause="bad_answer",
    )
