from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dayahead.errors import SourceRefused
from dayahead.reading.files.delimited import DelimitedFile
from dayahead.reading.record_table import Torn
from tests.dayahead.reading.files.building import HEADER, make_source, places_of, records_of, values_of


def line(value: object, note: str = "ok") -> str:
    return f"2024-01-01T00:00Z,m1,{value},{note}\n"


def write(folder: Path, text: str, name: str = "a.csv") -> Path:
    (folder / name).write_text(text)
    return folder / name


def test_cells_are_text_and_empty_ones_are_null(tmp_path: Path) -> None:
    file = write(tmp_path, HEADER + "2024-01-01T00:00Z,007,,x\n" + '2024-01-01T01:00Z,"a ""b"", c",1.50,\n')
    assert records_of(file) == [
        {"time": "2024-01-01T00:00Z", "meter": "007", "value": None},
        {"time": "2024-01-01T01:00Z", "meter": 'a "b", c', "value": "1.50"},
    ]


def test_only_the_columns_that_the_source_names_are_read(tmp_path: Path) -> None:
    (table,) = DelimitedFile(write(tmp_path, HEADER + line(1)), make_source(), []).tables()
    assert (table.columns, table.data.schema.types) == (["time", "meter", "value"], [pa.string()] * 3)


def test_lines_above_the_header_are_skipped_and_line_numbers_still_count_them(tmp_path: Path) -> None:
    file = write(tmp_path, "sep=,\nReport of 2024,,,\n\n" + HEADER + line(1) + line(2))
    assert values_of(file) == ["1", "2"]
    assert places_of(file) == ["a.csv, line 5", "a.csv, line 6"]


@pytest.mark.parametrize("stray", ['"15 inch pipe', '"', 'a,"b'])
@pytest.mark.parametrize("place", [0, 10, 99])
def test_a_stray_quote_costs_its_line_alone(tmp_path: Path, stray: str, place: int) -> None:
    lines = [line(number) for number in range(100)]
    lines[place] = line(place, stray)
    torn: list[Torn] = []
    file = write(tmp_path, HEADER + "".join(lines))
    assert values_of(file, torn) == [str(number) for number in range(100) if number != place]
    (one,) = torn
    assert one.reason.startswith(f"a.csv, line {place + 2} ")
    assert one.record == {"line": lines[place].rstrip("\n")}


def test_each_of_several_stray_quotes_costs_its_line_alone(tmp_path: Path) -> None:
    wrong = {3: '"1 inch', 4: '"2 inch', 50: '"3 inch', 98: '"4 inch'}
    file = write(tmp_path, HEADER + "".join(line(number, wrong.get(number, "ok")) for number in range(100)))
    torn: list[Torn] = []
    assert len(values_of(file, torn)) == 96
    assert [one.reason.split(" opens")[0] for one in torn] == [f"a.csv, line {number + 2}" for number in wrong]


def test_a_quote_within_a_cell_is_text(tmp_path: Path) -> None:
    torn: list[Torn] = []
    assert values_of(write(tmp_path, HEADER + line(1, '5" pipe') + line(2)), torn) == ["1", "2"]
    assert torn == []


def test_a_quoted_cell_may_hold_line_ends(tmp_path: Path) -> None:
    text = HEADER + line(1, '"first, second\n\nthird ""quoted"" line"') + line(2) + line(3, '"a\nb"') + line(4)
    torn: list[Torn] = []
    file = write(tmp_path, text)
    assert values_of(file, torn) == ["1", "2", "3", "4"]
    assert torn == []
    assert [place.split("line ")[1] for place in places_of(file)] == ["2", "5", "6", "8"]


@pytest.mark.parametrize("block_bytes", range(60, 160, 7))
def test_where_a_block_ends_changes_nothing(tmp_path: Path, block_bytes: int) -> None:
    text = HEADER + line(1, '"a\nb\nc"') + line(2, '"stray') + "\n" + line(3, '"x, y"') + "torn\n" + line(4) + line(5)
    file = write(tmp_path, text + line(6, '"open to the end\n'))
    torn: list[Torn] = []
    tables = list(DelimitedFile(file, make_source(), torn, block_bytes).tables())
    places = [(table.place(place), table.record(place)["value"]) for table in tables for place in range(len(table))]
    assert places == [(f"a.csv, line {number}", value) for number, value in zip((2, 7, 9, 10), "1345", strict=True)]
    assert [one.reason.split()[2] for one in torn] == ["5", "8", "11"]


@pytest.mark.parametrize(
    ("torn_line", "reason"), [("2024,m1", "has 2 columns, the header has 4"), ("2024,m1,1,a,b", "has 5 columns")]
)
def test_a_line_with_too_few_or_too_many_columns_is_torn(tmp_path: Path, torn_line: str, reason: str) -> None:
    torn: list[Torn] = []
    file = write(tmp_path, HEADER + line(1) + torn_line + "\n" + line(2))
    assert values_of(file, torn) == ["1", "2"]
    assert places_of(file) == ["a.csv, line 2", "a.csv, line 4"]
    ((record, text),) = [(one.record, one.reason) for one in torn]
    assert (record, f"a.csv, line 3 {reason}" in text) == ({"line": torn_line}, True)


def test_a_file_of_torn_lines_alone_is_refused_with_what_to_check(tmp_path: Path) -> None:
    with pytest.raises(SourceRefused, match=r"a\.csv, line 2 has 5 columns, the header has 4, and no line .* decimal"):
        records_of(write(tmp_path, HEADER + line("12,5") * 20))


def test_blank_lines_and_lines_of_delimiters_alone_are_skipped(tmp_path: Path) -> None:
    torn: list[Torn] = []
    file = write(tmp_path, HEADER + "\n" + line(1) + "   \n,,,\n" + line(2) + ",,,\n\n")
    assert (values_of(file, torn), torn) == (["1", "2"], [])
    assert places_of(file) == ["a.csv, line 3", "a.csv, line 6"]


@pytest.mark.parametrize(("header_end", "line_end"), [(",", ""), ("", ","), ("", ",,"), (",,", ","), (",", ",")])
def test_delimiters_at_the_end_of_the_header_or_of_the_lines_alone_are_no_columns(
    tmp_path: Path, header_end: str, line_end: str
) -> None:
    lines = [line(1), line(2), "torn\n", line(3)]
    text = "".join(one.replace("\n", line_end + "\n") for one in lines)
    torn: list[Torn] = []
    assert values_of(write(tmp_path, HEADER.replace("\n", header_end + "\n\n") + text), torn) == ["1", "2", "3"]
    assert [one.reason.split()[2] for one in torn] == ["5"]


def test_a_name_in_quotes_may_have_a_line_end(tmp_path: Path) -> None:
    file = write(tmp_path, 'A "report"\n"time","meter","value\n[kWh]",note\n' + line(1) + "torn\n")
    torn: list[Torn] = []
    assert [one["value [kWh]"] for one in records_of(file, torn, value_column="value [kWh]")] == ["1"]
    assert torn[0].reason.startswith("a.csv, line 5 ")


def test_a_quote_that_is_not_closed_above_the_header_does_not_hide_it(tmp_path: Path) -> None:
    assert values_of(write(tmp_path, '"Report\n' + HEADER.replace("note", '"note"') + line(1))) == ["1"]


def test_the_mark_at_the_end_of_a_text_of_dos_is_no_line(tmp_path: Path) -> None:
    torn: list[Torn] = []
    assert (values_of(write(tmp_path, HEADER + line(1) + "\x1a"), torn), torn) == (["1"], [])


def test_a_line_that_is_not_in_the_encoding_of_the_source_is_torn(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes((HEADER + line(1)).encode() + line(2, "\xe6").encode("latin-1"))
    torn: list[Torn] = []
    assert values_of(tmp_path / "a.csv", torn, encoding="utf-8") == ["1"]
    assert "line 3 is not UTF-8" in torn[0].reason


def test_a_tsv_file_is_separated_by_tabs_unless_the_source_says_otherwise(tmp_path: Path) -> None:
    text = HEADER + line(1)
    assert values_of(write(tmp_path, text.replace(",", "\t"), "a.TSV")) == ["1"]
    assert values_of(write(tmp_path, text.replace(",", ";"), "b.tsv"), delimiter=";") == ["1"]


def test_a_file_with_a_header_alone_has_no_records(tmp_path: Path) -> None:
    assert records_of(write(tmp_path, HEADER)) == []
    assert records_of(write(tmp_path, HEADER.rstrip())) == []


def test_a_missing_column_is_refused_with_the_name_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(SourceRefused, match=r"a\.csv has no column 'value'.*write 'Value' instead of 'value'"):
        records_of(write(tmp_path, HEADER.replace("value", "Value") + line(1)))


cells = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=6)


@settings(max_examples=60)
@given(st.lists(st.tuples(cells, cells), max_size=12), st.integers(40, 200))
def test_every_quoted_text_is_read_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], block_bytes: int
) -> None:
    def quoted(text: str) -> str:
        return '"' + text.replace('"', '""') + '"'

    file = tmp_path_factory.mktemp("quoted") / "a.csv"
    written = [f"x,{quoted(meter)},{quoted(value)},\n" for meter, value in rows]
    file.write_bytes((HEADER + "".join(written)).encode())
    torn: list[Torn] = []
    tables = list(DelimitedFile(file, make_source(), torn, block_bytes).tables())
    read = [table.record(place) for table in tables for place in range(len(table))]
    assert [(one["meter"] or "", one["value"] or "") for one in read] == rows
    assert torn == []
