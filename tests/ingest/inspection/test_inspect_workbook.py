"""`dayahead sources inspect` on Excel workbooks, whose cells have types."""

from datetime import datetime
from pathlib import Path

import pytest
import xlsxwriter

from dayahead.hours import to_hour
from dayahead.reading.records import Row
from tests.ingest.inspection.inspecting import inspected, moments, run, value_at

EXPECTED = [Row("load", to_hour(m), value_at(m)) for m in moments("2024-01-01", 3)]
OPTIONS = ("--time-zone", "UTC", "--unit", "kWh")


def write(file: Path, sheets: dict[str, list[list[object]]], form: str = "yyyy-mm-dd hh:mm") -> Path:
    with xlsxwriter.Workbook(file, {"default_date_format": form}) as book:
        for name, rows in sheets.items():
            page = book.add_worksheet(name)
            for number, row in enumerate(rows):
                page.write_row(number, 0, row)
    return file


def bare(moment: datetime) -> datetime:
    return moment.replace(tzinfo=None)


def test_cells_with_times_are_times(tmp_path: Path) -> None:
    rows: list[list[object]] = [["time", "load"], *([bare(m), value_at(m)] for m in moments("2024-01-01", 3))]
    assert inspected(write(tmp_path / "load.xlsx", {"Data": rows}), *OPTIONS) == EXPECTED


@pytest.mark.parametrize("clock", ["text", "cell"])
def test_a_day_and_a_time_of_day_are_joined(clock: str, tmp_path: Path) -> None:
    file = tmp_path / "load.xlsx"
    with xlsxwriter.Workbook(file) as book:
        day, time = book.add_format({"num_format": "dd.mm.yyyy"}), book.add_format({"num_format": "hh:mm"})
        page = book.add_worksheet()
        page.write_row(0, 0, ["Date", "Time", "load"])
        for number, m in enumerate(moments("2024-01-01", 3), start=1):
            page.write_datetime(number, 0, bare(m).replace(hour=0), day)
            if clock == "cell":
                page.write_datetime(number, 1, m.time(), time)
            else:
                page.write_string(number, 1, f"{m:%H:%M}")
            page.write_number(number, 2, value_at(m))
    assert inspected(file, *OPTIONS) == EXPECTED


def test_the_first_sheet_is_read_unless_another_is_named(tmp_path: Path) -> None:
    rows: list[list[object]] = [["time", "load"], *([bare(m), value_at(m)] for m in moments("2024-01-01", 3))]
    notes: list[list[object]] = [["year", "who"], ["2024", "a person"], ["2025", "another"]]
    file = write(tmp_path / "load.xlsx", {"Notes": notes, "Data": rows})
    assert inspected(file, *OPTIONS, "--sheet", "Data") == EXPECTED
    assert "no sheet 'Date'; there are: Notes, Data" in str(run("inspect", file, "--sheet", "Date").exception)


def test_lines_above_the_header_of_a_sheet_are_skipped(tmp_path: Path) -> None:
    rows: list[list[object]] = [
        ["Report"],
        [],
        ["time", "load"],
        *([bare(m), value_at(m)] for m in moments("2024-01-01", 3)),
    ]
    assert inspected(write(tmp_path / "load.xlsx", {"Data": rows}), *OPTIONS) == EXPECTED


def test_names_of_columns_with_line_ends_make_a_source_file_that_can_be_read(tmp_path: Path) -> None:
    rows: list[list[object]] = [
        ["Time\n(UTC)", "Load\n(MWh)"],
        *([bare(m), value_at(m)] for m in moments("2024-01-01", 3)),
    ]
    assert inspected(write(tmp_path / "load.xlsx", {"Data": rows})) == EXPECTED
