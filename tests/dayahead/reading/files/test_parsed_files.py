from pathlib import Path

import pytest

from dayahead.reading.files.open_tables import open_tables
from dayahead.reading.files.parsed_files import ParsedFiles, decoded
from dayahead.reading.record_table import Torn
from tests.dayahead.reading.files.building import HEADER, make_source

TEXT = HEADER + "torn\n" + "".join(f"2024-01-01T00:00Z,m1,{number},ok\n" for number in range(50))


def read(files: ParsedFiles, path: Path) -> tuple[list[object], list[Torn]]:
    torn: list[Torn] = []
    tables = [decoded(table) for table in files.tables(path, torn)]
    return [table.record(place) for table in tables for place in range(len(table))], torn


@pytest.mark.parametrize("kept_bytes", [0, 1 << 20])
def test_every_read_gives_the_same_records_and_torn_lines_whether_they_are_kept_or_not(
    tmp_path: Path, kept_bytes: int
) -> None:
    file = tmp_path / "a.csv"
    file.write_text(TEXT)
    files = ParsedFiles(make_source(), kept_bytes)
    first = read(files, file)
    assert (len(first[0]), len(first[1])) == (50, 1)
    assert [read(files, file) for _ in range(3)] == [first] * 3


def test_a_file_is_parsed_twice_and_then_kept_until_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.csv"
    file.write_text(TEXT)
    parsed = count_opened(monkeypatch)
    files = ParsedFiles(make_source())
    for _ in range(5):
        read(files, file)
    assert len(parsed) == 2
    with file.open("a") as opened:
        opened.write("2024-01-01T00:00Z,m1,50,ok\n")
    assert len(read(files, file)[0]) == 51
    assert len(parsed) == 3


def test_files_that_are_gone_free_their_memory_for_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text(TEXT)
    parsed = count_opened(monkeypatch)
    files = ParsedFiles(make_source(), kept_bytes=1000)
    for name in ("a.csv", "a.csv", "b.csv", "b.csv", "b.csv"):
        read(files, tmp_path / name)
    assert len(parsed) == 5
    files.keep_only([tmp_path / "b.csv"])
    for _ in range(3):
        read(files, tmp_path / "b.csv")
    assert len(parsed) == 6


def count_opened(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """A list that grows with each file that is opened."""
    opened: list[object] = []

    def counted(path: Path, *arguments: object) -> object:
        opened.append(path)
        return open_tables(path, *arguments)  # type: ignore[arg-type] # as it is called

    monkeypatch.setattr("dayahead.reading.files.parsed_files.open_tables", counted)
    return opened
