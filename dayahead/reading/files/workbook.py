"""Reads a sheet of an Excel workbook; its cells keep their types.

python-calamine reads it: a reader in Rust, many times faster than one in Python, which opens every version of .xlsx.
Excel stores a time as days in binary floating point, so 14:00 may be a microsecond off, and each number as a float, so
a meter 12 is 12.0. Both are corrected here to what Excel shows.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from itertools import chain, islice
from pathlib import Path

from dayahead.errors import SourceRefused
from dayahead.reading.files.file_errors import damaged
from dayahead.reading.files.header import SEARCHED_LINES, find_header
from dayahead.reading.record_table import Record, RecordTable
from dayahead.source import Source

ROWS = 200_000
EXACT = 2**53
"""Below it a float holds every integer."""

ROUNDING = timedelta(milliseconds=50)
HALF_SECOND = timedelta(milliseconds=500)
ANY_DAY = date(2000, 1, 1)


def workbook_tables(path: Path, source: Source, sheet: str | None = None, rows: int = ROWS) -> Iterator[RecordTable]:
    """Read a sheet.

    Args:
        path: the workbook.
        source: names the columns.
        sheet: name of the sheet; None: the first one.
        rows: most rows of a table.

    Raises:
        SourceUnavailable: the file is damaged or still being written.
        SourceRefused: it has no such sheet, it is protected, or a column is missing.
    """
    from python_calamine import (  # noqa: PLC0415 - only a process that reads a workbook loads it
        CalamineError,
        CalamineWorkbook,
        PasswordError,
    )

    try:
        with CalamineWorkbook.from_path(path) as workbook:
            if sheet is not None and sheet not in workbook.sheet_names:
                raise SourceRefused(f"{path} has no sheet {sheet!r}; there are: {', '.join(workbook.sheet_names)}")
            cells = workbook.get_sheet_by_name(sheet) if sheet else workbook.get_sheet_by_index(0)
            yield from _tables(cells.iter_rows(), path.name, source, rows)
    except PasswordError as error:
        raise SourceRefused(f"{path} is protected by a password: save it without one") from error
    except CalamineError as error:
        raise damaged(path, error) from error


def _tables(given: Iterator[Sequence[object]], name: str, source: Source, rows: int) -> Iterator[RecordTable]:
    head = list(islice(given, SEARCHED_LINES))
    header = find_header(head, source, name)
    whole_dates = len(source.times) == 1
    records: list[Record] = []
    lines: list[int] = []
    for line, row in enumerate(chain(head[header.row + 1 :], given), start=header.row + 2):
        record: Record = {column: _cell(row[place], whole_dates) for place, column in header.wanted.items()}
        if any(cell not in ("", None) for cell in row):
            records.append(record)
            lines.append(line)
        if len(records) == rows:
            yield RecordTable(objects=records, name=name, lines=lines)
            records, lines = [], []
    if records:
        yield RecordTable(objects=records, name=name, lines=lines)


def _cell(value: object, whole_dates: bool) -> object:
    if isinstance(value, str):
        return value or None
    if isinstance(value, float) and value.is_integer() and abs(value) < EXACT:
        return int(value)
    return _moment(value, whole_dates) if isinstance(value, date | time | timedelta) else value


def _moment(value: date | time | timedelta, whole_dates: bool) -> object:
    if isinstance(value, datetime):
        return _rounded(value)
    if isinstance(value, time):
        return _rounded(datetime.combine(ANY_DAY, value)).time()
    if isinstance(value, timedelta):  # a clock that shows 24:00
        return _clock(value)
    return datetime.combine(value, time()) if whole_dates else value  # midnight of a column of times


def _clock(since_midnight: timedelta) -> str:
    minutes, seconds = divmod(round(since_midnight.total_seconds()), 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}"


def _rounded(moment: datetime) -> datetime:
    second = (moment + HALF_SECOND).replace(microsecond=0)
    return second if abs(moment - second) <= ROUNDING else moment
