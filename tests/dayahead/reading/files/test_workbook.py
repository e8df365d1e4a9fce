from datetime import datetime, timedelta
from pathlib import Path

import pytest
import xlsxwriter

from dayahead.errors import SourceRefused, SourceUnavailable
from dayahead.reading.files.workbook import workbook_tables
from tests.dayahead.reading.files.building import make_source, places_of, records_of

START = datetime(2024, 1, 1)  # noqa: DTZ001 - Excel knows no zones


def write(folder: Path, rows: list[list[object]], sheet: str = "Data", other: str | None = None) -> Path:
    file = folder / "a.xlsx"
    with xlsxwriter.Workbook(file, {"default_date_format": "dd.mm.yyyy hh:mm"}) as book:
        for name in filter(None, [other, sheet]):
            page = book.add_worksheet(name)
            for number, row in enumerate(rows if name == sheet else [["nothing"]]):
                page.write_row(number, 0, row)
    return file


def test_times_and_numbers_keep_their_types_and_an_empty_cell_is_null(tmp_path: Path) -> None:
    hours = [START + timedelta(hours=hour) for hour in range(3)]
    rows: list[list[object]] = [[hours[0], 12, 1.5], [hours[1], "12b", 2], [hours[2], 12, None]]
    assert records_of(write(tmp_path, [["time", "meter", "value"], *rows])) == [
        {"time": hours[0], "meter": 12, "value": 1.5},
        {"time": hours[1], "meter": "12b", "value": 2},
        {"time": hours[2], "meter": 12, "value": None},
    ]


def test_times_that_a_formula_added_up_are_whole_hours(tmp_path: Path) -> None:
    file = tmp_path / "a.xlsx"
    with xlsxwriter.Workbook(file) as book:
        form = book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
        page = book.add_worksheet()
        page.write_row(0, 0, ["time", "meter", "value"])
        days = 45292.0
        for row in range(1, 2001):
            page.write_number(row, 0, days, form)
            page.write_row(row, 1, ["m1", row])
            days += 1 / 24
    assert [record["time"] for record in records_of(file)] == [START + timedelta(hours=hour) for hour in range(2000)]


def test_rows_above_the_header_and_empty_rows_are_skipped(tmp_path: Path) -> None:
    rows: list[list[object]] = [["Report"], [], ["time", "meter", "value"], [START, "m1", 1], [], [START, "m1", 2]]
    file = write(tmp_path, rows)
    assert [record["value"] for record in records_of(file)] == [1, 2]
    assert places_of(file) == ["a.xlsx, line 4", "a.xlsx, line 6"]


def test_a_date_and_a_clock_in_two_columns_stay_apart(tmp_path: Path) -> None:
    file = tmp_path / "a.xlsx"
    with xlsxwriter.Workbook(file) as book:
        page = book.add_worksheet()
        page.write_row(0, 0, ["day", "clock", "meter", "value"])
        page.write_number(1, 0, 45292, book.add_format({"num_format": "dd.mm.yyyy"}))
        page.write_number(1, 1, 14 / 24 - 1e-10, book.add_format({"num_format": "hh:mm"}))
        page.write_row(1, 2, ["m1", 1])
        page.write_number(2, 0, 45292, book.add_format({"num_format": "dd.mm.yyyy"}))
        page.write_number(2, 1, 1, book.add_format({"num_format": "[hh]:mm"}))
        page.write_row(2, 2, ["m1", 2])
    records = records_of(file, time_column=None, time_columns=["day", "clock"])
    assert [f"{record['day']} {record['clock']}" for record in records] == [
        "2024-01-01 14:00:00",
        "2024-01-01 24:00:00",
    ]


def test_the_first_sheet_is_read_or_the_one_that_the_source_names(tmp_path: Path) -> None:
    rows: list[list[object]] = [["time", "meter", "value"], [START, "m1", 1]]
    file = write(tmp_path, rows, other="Cover")
    assert len(records_of(file, sheet="Data")) == 1
    with pytest.raises(SourceRefused, match="Its columns are: nothing"):
        records_of(file)
    with pytest.raises(SourceRefused, match="no sheet 'Load'; there are: Cover, Data"):
        records_of(file, sheet="Load")


def test_a_long_sheet_is_read_in_parts(tmp_path: Path) -> None:
    rows: list[list[object]] = [[START, "m1", number] for number in range(100)]
    tables = list(workbook_tables(write(tmp_path, [["time", "meter", "value"], *rows]), make_source(), rows=30))
    assert [len(table) for table in tables] == [30, 30, 30, 10]


def test_a_workbook_that_is_half_written_is_waited_for(tmp_path: Path) -> None:
    file = write(tmp_path, [["time", "meter", "value"], [START, "m1", 1]])
    file.write_bytes(file.read_bytes()[:-200])
    with pytest.raises(SourceUnavailable, match="may still be being written"):
        records_of(file)
