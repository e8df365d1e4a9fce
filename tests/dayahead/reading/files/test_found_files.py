from pathlib import Path

import pytest

from dayahead.errors import SettingsError, SourceRefused, SourceUnavailable
from dayahead.reading.files.found_files import check_ending, ending_of, find_files


@pytest.mark.parametrize(
    ("name", "ending"),
    [
        ("LOAD.CSV", ".csv"),
        ("load.txt", ".txt"),
        ("load.Csv.GZ", ".csv.gz"),
        ("load.tsv.zst", ".tsv.zst"),
        ("load.xlsx", ".xlsx"),
        ("load.2024.parquet", ".parquet"),
        ("load.gz", None),
        ("load.xls", None),
    ],
)
def test_the_ending_of_a_name_counts_in_any_case(name: str, ending: str | None) -> None:
    assert ending_of(Path(name)) == ending


@pytest.mark.parametrize("name", ["load.xls", "load.csv.bz2", "data/*.json"])
def test_another_ending_is_refused_with_a_list_of_those_that_can_be_read(name: str) -> None:
    with pytest.raises(SettingsError, match=r"ends in \.csv, \.csv\.gz, .*, \.xlsx or \.parquet"):
        check_ending(Path(name))


def test_a_file_without_an_ending_is_refused(tmp_path: Path) -> None:
    (tmp_path / "load").write_text("a")
    with pytest.raises(SettingsError, match="ends in"):
        check_ending(tmp_path / "load")


@pytest.mark.parametrize("name", ["exports", "exports.d", "load-*", "load.csv?", "load.[ct]*"])
def test_a_folder_or_a_pattern_needs_no_ending(tmp_path: Path, name: str) -> None:
    (tmp_path / "exports.d").mkdir()
    check_ending(tmp_path / name)


def test_files_of_a_folder_come_in_the_order_of_their_names_without_other_and_temporary_ones(tmp_path: Path) -> None:
    for name in ("b.csv", "a.parquet", "c.xlsx", "~$c.xlsx", ".~lock.b.csv", "notes.md"):
        (tmp_path / name).write_text("")
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "d.csv").write_text("")
    assert [path.name for path in find_files(tmp_path)] == ["a.parquet", "b.csv", "c.xlsx"]
    assert [path.name for path in find_files(tmp_path / "**" / "*.csv")] == ["b.csv", "d.csv"]


def test_a_file_whose_name_has_a_wildcard_in_it_is_read_as_itself(tmp_path: Path) -> None:
    file = tmp_path / "load [kWh].csv"
    file.write_text("")
    assert find_files(file) == [file]


@pytest.mark.parametrize("name", ["", "*.csv", "none.csv", "none"])
def test_files_that_do_not_exist_yet_are_waited_for(tmp_path: Path, name: str) -> None:
    with pytest.raises(SourceUnavailable, match=r"\(yet\)"):
        find_files(tmp_path / name)


def test_a_file_that_has_another_ending_by_now_is_refused(tmp_path: Path) -> None:
    (tmp_path / "load").write_text("")
    with pytest.raises(SourceRefused, match="ends in"):
        find_files(tmp_path / "load")
