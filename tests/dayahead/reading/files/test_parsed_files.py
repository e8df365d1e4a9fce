from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from dayahead.hours import to_hour
from dayahead.reading.files.near_hours import DayRange
from dayahead.reading.files.open_tables import open_tables
from dayahead.reading.files.parsed_files import ParsedFiles
from dayahead.reading.record_table import RecordTable, Torn
from dayahead.source import Source
from tests.dayahead.reading.files.building import HEADER, make_source

DAYS = 100
FIRST = date(2024, 1, 1)
EVERYTHING = DayRange()
TEXT = HEADER + "torn\n" + "".join(f"{FIRST + timedelta(days=day)}T00:00Z,m1,{day},ok\n" for day in range(DAYS))


def page(first: int, days: int | None = 10) -> DayRange:
    """The days around some days of the file."""
    start = to_hour(datetime(2024, 1, 1, tzinfo=UTC)) + 24 * first
    return DayRange.around(start, None if days is None else start + 24 * days)


def read(files: ParsedFiles, path: Path, wanted: DayRange = EVERYTHING) -> tuple[list[int], list[str]]:
    torn: list[Torn] = []
    tables = list(files.tables(path, wanted, torn))
    days = [int(str(table.record(place)["value"])) for table in tables for place in range(len(table))]
    return days, [one.reason for one in torn]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Grows with each file that is opened."""
    paths: list[Path] = []

    def counted(path: Path, source: Source, torn: list[Torn]) -> Iterator[RecordTable]:
        paths.append(path)
        return open_tables(path, source, torn)

    monkeypatch.setattr("dayahead.reading.files.parsed_files.open_tables", counted)
    return paths


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "a.csv").write_text(TEXT)
    return tmp_path / "a.csv"


@pytest.mark.parametrize("kept_bytes", [0, 500, 1 << 20])
def test_every_read_gives_the_same_whatever_is_kept(file: Path, kept_bytes: int) -> None:
    files = ParsedFiles(make_source(), kept_bytes)
    (torn,) = read(ParsedFiles(make_source()), file)[1]
    for _ in range(3):
        assert read(files, file) == (list(range(DAYS)), [torn])
        assert read(files, file, page(50)) == (list(range(48, 63)), [torn])
        assert read(files, file, page(95, None)) == (list(range(93, DAYS)), [torn])


def test_polls_of_an_unchanged_file_parse_it_once_however_large_it_is(file: Path, opened: list[Path]) -> None:
    files = ParsedFiles(make_source(), kept_bytes=500)
    for first in (90, 90, 91, 92):
        assert read(files, file, page(first, None))[0] == list(range(first - 2, DAYS))
    assert len(opened) == 1


def test_pages_of_a_file_parse_it_twice(file: Path, opened: list[Path]) -> None:
    files = ParsedFiles(make_source())
    for first in range(10, 90, 10):
        assert read(files, file, page(first))[0] == list(range(first - 2, min(first + 13, DAYS)))
    assert len(opened) == 2


def test_pages_of_a_file_that_is_too_large_for_memory_parse_it_twice(file: Path, opened: list[Path]) -> None:
    files = ParsedFiles(make_source(), kept_bytes=1000)
    (torn,) = read(ParsedFiles(make_source()), file)[1]
    opened.clear()
    for first in (10, 20, 30, 40, 40):
        assert read(files, file, page(first)) == (list(range(first - 2, first + 13)), [torn])
    assert len(opened) == 2


def test_a_large_file_keeps_the_line_of_each_record_and_records_without_a_day(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(TEXT + "later,m1,100,ok\n")
    files = ParsedFiles(make_source(), kept_bytes=0)
    for _ in range(3):
        found = [
            (table.record(place)["value"], table.place(place))
            for table in files.tables(path, page(50), [])
            for place in range(len(table))
        ]
        assert found == [(str(day), f"a.csv, line {day + 3}") for day in [*range(48, 63), 100]]


def test_a_large_file_is_parsed_for_each_page_where_there_is_no_room_on_disk(
    file: Path, opened: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    files = ParsedFiles(make_source(), kept_bytes=1000)
    for first in (10, 20, 30, 40, 40):
        assert read(files, file, page(first))[0] == list(range(first - 2, first + 13))
    assert len(opened) == 4


def test_a_changed_large_file_is_parsed_again(file: Path, opened: list[Path]) -> None:
    files = ParsedFiles(make_source(), kept_bytes=0)
    for first in (10, 20, 30):
        read(files, file, page(first))
    with file.open("a") as appended:
        appended.write("2024-04-10T12:00Z,m1,100,ok\n")
    assert read(files, file, page(95))[0] == [*range(93, 101)]
    assert len(opened) == 3


def test_a_history_that_is_read_at_once_is_not_written_to_disk(file: Path, opened: list[Path]) -> None:
    files = ParsedFiles(make_source(), kept_bytes=0)
    for _ in range(3):
        assert len(read(files, file, DayRange(0, 40_000))[0]) == DAYS
    assert len(opened) == 3


def test_a_changed_file_is_parsed_again(file: Path, opened: list[Path]) -> None:
    files = ParsedFiles(make_source())
    read(files, file, page(90, None))
    with file.open("a") as appended:
        appended.write("2024-06-01T00:00Z,m1,100,ok\n")
    assert read(files, file, page(98, None))[0] == list(range(96, 101))
    assert len(opened) == 2


def test_files_that_are_gone_free_their_memory_for_others(tmp_path: Path, file: Path, opened: list[Path]) -> None:
    other = tmp_path / "b.csv"
    other.write_text(TEXT)
    files = ParsedFiles(make_source(), kept_bytes=4000)
    for path in (file, file, file, other, other, other):
        read(files, path)
    assert opened == [file, file, other, other, other]
    files.keep_only([other])
    for _ in range(3):
        read(files, other)
    assert opened[5:] == [other]
