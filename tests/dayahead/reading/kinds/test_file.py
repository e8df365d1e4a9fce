from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dayahead.errors import DeadLetterCode, SettingsError, SourceRefused, SourceUnavailable
from dayahead.reading.converter import convert, convert_answer
from dayahead.reading.kinds.file import File, FileSource
from dayahead.source import Source
from tests.ingest.building import FIRST, NOW, make_record, make_records, make_source

HEADER = "HourUTC;Area;Type;kWh\n"


def csv_source(path: Path, text: str, **changes: Any) -> Source:
    path.write_text(text)
    return make_source(kind="file", path=path, delimiter=";", decimal=",", **changes)


def read(source: Source, start: int = 0, end: int | None = None) -> Any:
    return convert_answer(FileSource(source).read(start, end), source, NOW)


def read_hours(reader: FileSource, source: Source) -> list[int]:
    return [row.hour - FIRST for row in convert_answer(reader.read(0, None), source, NOW).rows]


def test_a_csv_file_with_its_own_delimiter_and_decimal_mark_is_read(tmp_path: Path) -> None:
    source = csv_source(tmp_path / "a.csv", HEADER + "2023-01-01 00:00;DK1;111;12,5\n")
    assert read(source).rows == [("DK1/111", FIRST, 12.5)]


def test_labels_of_a_csv_file_stay_text(tmp_path: Path) -> None:
    source = csv_source(tmp_path / "a.csv", HEADER + "2023-01-01 00:00;DK1;007;1\n")
    assert read(source).rows[0].series_id == "DK1/007"


def test_one_bad_value_in_a_csv_file_is_rejected_alone(tmp_path: Path) -> None:
    text = HEADER + "2023-01-01 00:00;DK1;111;n/a\n2023-01-01 01:00;DK1;111;\n2023-01-01 02:00;DK1;111;3\n"
    conversion = read(csv_source(tmp_path / "a.csv", text))
    assert [rejection.code for rejection in conversion.rejections] == [
        DeadLetterCode.NOT_A_NUMBER,
        DeadLetterCode.NULL_VALUE,
    ]
    assert [row.hour for row in conversion.rows] == [FIRST + 2]


@pytest.mark.parametrize("torn", ["2023-01-01 01:00;DK1;111", "2023-01-01 01:00;DK1;111;2;9"])
def test_a_line_with_too_few_or_too_many_columns_is_rejected_alone(tmp_path: Path, torn: str) -> None:
    text = HEADER + f"2023-01-01 00:00;DK1;111;1\n{torn}\n2023-01-01 02:00;DK1;111;3\n"
    conversion = read(csv_source(tmp_path / "a.csv", text))
    assert [row.hour for row in conversion.rows] == [FIRST, FIRST + 2]
    ((rejection),) = conversion.rejections
    assert rejection.code is DeadLetterCode.MISSING_FIELD
    assert torn in rejection.raw().decode()


def test_a_malformed_line_is_reported_at_each_read_of_its_version_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    source = csv_source(file, HEADER + "torn\n2023-01-01 02:00;DK1;111;3\n")
    reader = FileSource(source)
    for _ in range(3):
        conversion = convert_answer(reader.read(0, None), source, NOW)
        assert (len(conversion.rows), len(conversion.rejections)) == (1, 1)
    file.write_text(HEADER + "2023-01-01 02:00;DK1;111;3\n")
    assert convert_answer(reader.read(0, None), source, NOW).rejections == []


@pytest.mark.parametrize("text", ["1.234", "1.234,5", "1_000"])
def test_a_number_written_in_another_way_than_the_source_says_is_no_number(tmp_path: Path, text: str) -> None:
    conversion = read(csv_source(tmp_path / "a.csv", HEADER + f"2023-01-01 00:00;DK1;111;{text}\n"))
    assert [rejection.code for rejection in conversion.rejections] == [DeadLetterCode.NOT_A_NUMBER]


def test_a_duplicate_column_is_rejected_by_name(tmp_path: Path) -> None:
    source = csv_source(tmp_path / "a.csv", "HourUTC;Area;Type;kWh;kWh\n2023-01-01 00:00;DK1;111;1;2\n")
    with pytest.raises(SourceRefused, match="more than one column kWh"):
        read(source)


def test_a_parquet_file_with_timestamps_is_read(tmp_path: Path) -> None:
    records = make_records(3)
    table = pa.Table.from_pylist(records)
    times = table["HourUTC"].cast(pa.timestamp("us"))
    pq.write_table(table.set_column(0, "HourUTC", times), tmp_path / "a.parquet")
    source = make_source()
    conversion = convert(FileSource(source, tmp_path / "a.parquet").read(0, None).records, source, NOW)
    assert sorted(conversion.rows) == sorted(convert(records, source, NOW).rows)


def test_of_a_long_file_only_the_asked_days_and_two_around_them_are_given(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_pylist(make_records(24 * 20, series=1)), tmp_path / "a.parquet")
    answer = FileSource(make_source(), tmp_path / "a.parquet").read(FIRST + 240, FIRST + 241)
    assert {str(record["HourUTC"])[:10] for record in answer.records} == {f"2023-01-{day:02d}" for day in range(9, 14)}


def test_a_time_that_is_not_a_date_is_always_returned_so_that_it_is_rejected(tmp_path: Path) -> None:
    source = csv_source(tmp_path / "a.csv", HEADER + "2019-01-01 00:00;DK1;111;1\nsome day;DK1;111;1\n")
    conversion = read(source, FIRST, FIRST + 1)
    assert [rejection.code for rejection in conversion.rejections] == [DeadLetterCode.BAD_TIME]


def test_a_file_is_read_again_when_it_has_changed(tmp_path: Path) -> None:
    source = csv_source(tmp_path / "a.csv", HEADER + "2023-01-01 00:00;DK1;111;1\n")
    reader = FileSource(source)
    assert len(reader.read(0, None).records) == 1
    with (tmp_path / "a.csv").open("a") as file:
        file.write("2023-01-01 01:00;DK1;111;2\n")
    assert len(reader.read(0, None).records) == 2


def test_a_file_that_lacks_a_column_is_refused_with_its_name(tmp_path: Path) -> None:
    source = csv_source(tmp_path / "a.csv", "HourUTC;Area;Type\n2023-01-01 00:00;DK1;111\n")
    with pytest.raises(SourceRefused, match=r"no column 'kWh'.*Its columns are: HourUTC, Area, Type"):
        read(source)


def test_a_missing_file_is_retried(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match="does not exist"):
        FileSource(make_source(), tmp_path / "later.csv").read(0, None)


def test_a_file_that_is_half_written_is_waited_for(tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    pq.write_table(pa.Table.from_pylist([make_record()]), file)
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(SourceUnavailable, match="cannot be read"):
        list(FileSource(make_source(), file).read(0, None).tables)


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"a\.xls: .* ends in \.csv, .*\.tsv\.zst, \.xlsx or \.parquet"):
        FileSource(make_source(), tmp_path / "a.xls")


def test_the_files_of_a_folder_are_read_in_the_order_of_their_names_and_only_what_changed_again(tmp_path: Path) -> None:
    folder = tmp_path / "exports"
    folder.mkdir()
    (folder / "2.csv").write_text(HEADER + "2023-01-01 01:00;DK1;111;2\n2023-01-01 02:00;DK1;111;3\n")
    (folder / "1.csv").write_text(HEADER + "2023-01-01 00:00;DK1;111;1\n2023-01-01 01:00;DK1;111;2\n")
    (folder / "notes.md").write_text("no data")
    source = make_source(kind="file", path=folder, delimiter=";")
    reader = FileSource(source)
    assert read_hours(reader, source) == [0, 1, 2]
    before = File().version(source)
    (folder / "3.csv").write_text(HEADER + "2023-01-01 03:00;DK1;111;4\n")
    assert File().version(source) != before
    assert read_hours(reader, source) == [0, 1, 2, 3]
    (folder / "1.csv").unlink()
    assert read_hours(reader, source) == [1, 2, 3]


def test_the_files_that_a_pattern_matches_are_read(tmp_path: Path) -> None:
    (tmp_path / "load-1.csv").write_text(HEADER + "2023-01-01 00:00;DK1;111;1\n")
    (tmp_path / "load-2.csv").write_text(HEADER + "2023-01-01 01:00;DK1;111;1\n")
    (tmp_path / "price.csv").write_text("a;b\n1;2\n")
    source = make_source(kind="file", path=tmp_path / "load-*.csv", delimiter=";")
    assert read_hours(FileSource(source), source) == [0, 1]


def test_a_folder_without_data_files_is_waited_for(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match=r"no data file \(yet\)"):
        FileSource(make_source(kind="file", path=tmp_path)).read(0, None)


def test_real_local_time_with_gaps_and_both_changes_of_the_clock_is_read(real_data: Path) -> None:
    source = make_source(
        kind="file",
        path=real_data / "ElectricityBalanceNonv_TotalLoad.parquet",
        time_column="HourDK",
        time_zone="Europe/Copenhagen",
        key_columns=["PriceArea"],
        value_column="Value",
        unit="MWh",
        minimum=None,
        maximum=None,
    )
    conversion = read(source)
    assert len(conversion.rows) + len(conversion.rejections) + conversion.repeated == 67986
    assert len(conversion.rows) > 67000
    assert {rejection.code for rejection in conversion.rejections} <= {
        DeadLetterCode.BAD_TIME,
        DeadLetterCode.CONTRADICTION,
        DeadLetterCode.ABSURD_VALUE,
    }


def test_real_half_hours_make_whole_hours(real_data: Path) -> None:
    source = make_source(
        kind="file",
        path=real_data / "vic_elec_halfhourly.parquet",
        time_column="Time",
        key_columns=["State"],
        constant_labels={"State": "VIC"},
        value_column="Demand",
        period_minutes=30,
        minimum=None,
        maximum=None,
    )
    conversion = read(source)
    assert (len(conversion.rows), conversion.rejections, conversion.incomplete_hours) == (52608 // 2, [], 0)
    assert conversion.rows[0].value == 4382.825174 + 4263.365526
