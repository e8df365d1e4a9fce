"""Opens a data file of which nothing is known: finds separator and header, and reads all columns as they are."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dayahead.errors import SourceRefused
from dayahead.reading.files.file_errors import with_source_errors
from dayahead.reading.files.found_files import PARQUET, WORKBOOK, check_ending, ending_of, find_files
from dayahead.reading.files.header import SEARCHED_LINES, SEPARATORS
from dayahead.reading.files.open_tables import open_tables
from dayahead.reading.files.text_blocks import TextBlock, text_blocks
from dayahead.reading.files.text_lines import first_rows
from dayahead.reading.record_table import Column, Record, RecordTable, Torn, tables_of
from dayahead.source import Source
from ingest.inspection.proposal import BY_OPTION, Answers, Said
from ingest.inspection.shapes import is_data, like_data

MOST_RECORDS = 2_000_000
"""Records that are looked at: more than a year of hours of 200 series."""

PEEK_BYTES = 1 << 20
LEAST_SHARE = 0.6
WITHOUT_LABEL = "file"


@dataclass(frozen=True)
class RawFile:
    """The columns of a file.

    Attributes:
        name: what it is called, without its ending.
        columns: name -> [n] values, text or with the type that the file has.
        rows: n.
        is_whole: False if the file may have more records than were looked at.
        said: fields of the source file that opening it showed.
    """

    name: str
    columns: dict[str, "pa.Array[Any]"]
    rows: int
    is_whole: bool
    said: dict[str, Said] = field(default_factory=dict)

    def table(self) -> RecordTable:
        """The columns as records."""
        return RecordTable(pa.table(self.columns), name=self.name)


def open_raw(path: Path, answers: Answers) -> RawFile:
    """Open a data file; of a folder or a pattern the first one.

    Args:
        path: of the file.
        answers: delimiter and sheet, where they are known.

    Raises:
        SettingsError: no file with this ending can be read.
        SourceUnavailable: it does not exist, is empty or damaged.
        SourceRefused: it has no header, or no columns.
    """
    check_ending(path)
    first = find_files(path)[0]
    with with_source_errors(first):
        names, said = _names_of(first, answers)
    looked = {"delimiter", "encoding", "sheet"} & said.keys()
    source = _any_columns(first, names, {one: said[one].value for one in looked})
    torn: list[Torn] = []
    raw = _read(open_tables(first, source, torn), path)
    return RawFile(raw.name, raw.columns, raw.rows, raw.is_whole, said)


def of_records(records: Sequence[Record], name: str) -> RawFile:
    """The columns of records that are objects (JSON)."""
    return _read(tables_of(records), Path(name))


def _read(tables: Iterable[RecordTable], path: Path) -> RawFile:
    parts: list[RecordTable] = []
    rows, is_whole = 0, True
    for table in tables:
        parts.append(table)
        rows += len(table)
        if rows >= MOST_RECORDS:
            is_whole = False
            break
    names = list(dict.fromkeys(name for part in parts for name in part.columns))
    if not rows or not names:
        raise SourceRefused(f"{path} has no records below its header: there is nothing to inspect")
    columns = {name: _joined([_as_array(part.column(name), len(part)) for part in parts]) for name in names}
    return RawFile(path.name.split(".")[0], columns, rows, is_whole)


def _joined(parts: "list[pa.Array[Any]]") -> "pa.Array[Any]":
    kinds = {part.type for part in parts if part.null_count < len(part)}
    kind = kinds.pop() if len(kinds) == 1 else pa.string()
    return pa.concat_arrays([part.cast(kind) for part in parts])


def _as_array(column: "Column | None", size: int) -> "pa.Array[Any]":
    """A column with one type; text where its values have several."""
    if column is None:
        return pa.nulls(size, pa.string())
    if not isinstance(column, list):
        return column
    kinds = {type(value) for value in column} - {type(None)}
    if kinds <= {datetime}:
        return pa.array(column, pa.timestamp("us", "UTC" if _is_aware(column) else None))
    if kinds <= {date}:
        return pa.array(column, pa.date32())
    return pa.array([None if value is None else _as_text(value) for value in column], pa.string())


def _is_aware(column: list[object]) -> bool:
    return any(isinstance(value, datetime) and value.tzinfo is not None for value in column)


def _as_text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime | date | time) else str(value)


def _names_of(path: Path, answers: Answers) -> tuple[list[str], dict[str, Said]]:
    """Names of the columns, and what finding them showed."""
    ending = ending_of(path)
    if ending == PARQUET:
        with pa.OSFile(str(path), "r") as opened, pq.ParquetFile(opened) as file:
            return list(file.schema_arrow.names), {}
    if ending == WORKBOOK:
        return _names_in_workbook(path, answers.sheet)
    try:
        return _names_in_text(next(text_blocks(path, "auto", PEEK_BYTES)), path, answers)
    except SourceRefused as error:
        try:
            names, said = _names_in_text(next(text_blocks(path, "utf-16", PEEK_BYTES)), path, answers)
        except (SourceRefused, UnicodeError):
            raise error from None
        return names, {"encoding": Said("utf-16", "every second byte is zero"), **said}


def _names_in_workbook(path: Path, sheet: str | None) -> tuple[list[str], dict[str, Said]]:
    from python_calamine import CalamineWorkbook  # noqa: PLC0415 - only for a workbook

    with CalamineWorkbook.from_path(path) as workbook:
        names = workbook.sheet_names
        if sheet is not None and sheet not in names:
            raise SourceRefused(f"{path} has no sheet {sheet!r}; there are: {', '.join(names)}")
        cells = workbook.get_sheet_by_name(sheet) if sheet else workbook.get_sheet_by_index(0)
        rows = [list(row) for row in islice(cells.iter_rows(), SEARCHED_LINES)]
    header = header_of([[cell for cell in row if cell not in ("", None)] for row in rows])
    if header is None:
        raise SourceRefused(_without_header(path))
    said = {} if sheet is None and len(names) == 1 else {"sheet": _sheet(sheet, names)}
    return [str(cell).strip() for cell in rows[header] if cell not in ("", None)], said


def _sheet(sheet: str | None, names: Sequence[str]) -> Said:
    if sheet is not None:
        return Said(sheet, BY_OPTION)
    return Said(names[0], f"the first of {len(names)}: {', '.join(names)} (--sheet reads another)")


def _names_in_text(block: TextBlock, path: Path, answers: Answers) -> tuple[list[str], dict[str, Said]]:
    lines = [line for line in block.data.split(b"\n")[: SEARCHED_LINES * 4] if line.strip()]
    found: list[tuple[float, int, str, list[str]]] = []
    for mark in [answers.delimiter] if answers.delimiter else SEPARATORS:
        rows = [cells for _, cells in first_rows(lines, mark.encode())]
        counts = Counter(len(row) for row in rows if len(row) > 1)
        if not counts:
            continue
        count, times = counts.most_common(1)[0]
        header = header_of([row if len(row) == count else [] for row in rows[:SEARCHED_LINES]])
        if header is not None and times / len(rows) >= LEAST_SHARE:
            found.append((times / len(rows), count, mark, rows[header]))
    if not found:
        raise SourceRefused(_without_header(path))
    _, count, mark, names = max(found, key=lambda one: one[:2])
    why = BY_OPTION if answers.delimiter else f"it separates the lines into {count} columns each"
    return [name.strip("\ufeff \t\u00a0") for name in names], {"delimiter": Said(mark, why)}


def _without_header(path: Path) -> str:
    return (
        f"{path} has no line with the names of its columns, or no columns that are separated by one of "
        f"{' '.join(SEPARATORS.values())}: add a line with names above the data, or set --delimiter"
    )


def header_of(rows: Sequence[Sequence[object]]) -> int | None:
    """The row with the names of the columns: the first full one, if it looks less like data than the row after it.

    Args:
        rows: the cells of the first rows; without those that are no rows of the table.
    """
    counts = Counter(len(row) for row in rows if len(row) > 1)
    if not counts:
        return None
    usual = counts.most_common(1)[0][0]
    full = [place for place, row in enumerate(rows) if len(row) >= usual]
    if len(full) < 2:
        return None
    first, second = full[0], full[1]
    if is_data(rows[first][0]) or like_data(rows[first]) >= like_data(rows[second]):
        return None
    return first


def _any_columns(path: Path, names: Sequence[str], said: dict[str, Any]) -> Source:
    """A source that reads every column of a file as it is."""
    return Source.model_validate(
        {
            "name": "inspected",
            "kind": "file",
            "title": "a file without a source file",
            "path": str(path),
            "time_column": names[0],
            "key_columns": [WITHOUT_LABEL],
            "constant_labels": {WITHOUT_LABEL: WITHOUT_LABEL},
            "value_columns": "all",
            "value_label": "column",
            "unit": "-",
            **said,
        }
    )
