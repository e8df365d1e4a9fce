import pytest

from dayahead.errors import SourceRefused
from dayahead.reading.files.header import find_header
from tests.dayahead.reading.files.building import make_source

ROWS = [["Load of 2024"], [], ["time", "meter", "value", "note"], ["2024-01-01T00:00", "main", "1", ""]]


def test_the_header_is_the_first_row_that_has_all_columns_of_the_source() -> None:
    header = find_header(ROWS, make_source(), "a.csv")
    assert (header.row, header.wanted) == (2, {0: "time", 1: "meter", 2: "value"})


def test_blanks_and_the_byte_order_mark_are_no_part_of_a_name() -> None:
    header = find_header([["\ufefftime", " meter", "value\u00a0"]], make_source(), "a.csv")
    assert list(header.wanted.values()) == ["time", "meter", "value"]


def test_names_that_look_the_same_are_the_same() -> None:
    header = find_header([["time", "meter", "Ma\u0308ngde\n[kWh]"]], make_source(value_column="Mängde [kWh]"), "a.csv")
    assert list(header.wanted.values()) == ["time", "meter", "Mängde [kWh]"]


def test_all_columns_are_read_where_each_is_a_series_but_those_without_a_name() -> None:
    source = make_source(
        key_columns=["site"], constant_labels={"site": "a"}, value_column=None, value_columns="all", value_label="part"
    )
    header = find_header([["time", "north", "", "south", ""]], source, "a.csv")
    assert header.wanted == {0: "time", 1: "north", 3: "south"}


def test_a_missing_column_is_refused_with_those_that_are_there_and_the_similar_one() -> None:
    with pytest.raises(SourceRefused) as refused:
        find_header([["Report"], ["Time", "meter", "Value [kWh]"], ["x", "y", "1"]], make_source(), "a.csv")
    text = str(refused.value)
    assert text.startswith("a.csv has no column 'time', 'value', which source meters names")
    assert "write 'Time' instead of 'time'" in text
    assert text.endswith("Its columns are: Time, meter, Value [kWh]")


def test_where_all_names_are_wrong_the_widest_of_the_first_rows_is_shown() -> None:
    with pytest.raises(SourceRefused, match=r"Its columns are: Zeit, Zähler, Menge$"):
        find_header([["Bericht"], ["Zeit", "Zähler", "Menge"], ["2024", "1", "2"]], make_source(), "a.csv")


@pytest.mark.parametrize(("line", "shown"), [("time;meter;value", ";"), ("time\tmeter\tvalue", r"\\t")])
def test_another_delimiter_is_suggested(line: str, shown: str) -> None:
    with pytest.raises(SourceRefused, match=f'set delimiter: "{shown}"'):
        find_header([[line]], make_source(), "a.csv")


def test_a_file_without_any_row_has_no_columns() -> None:
    with pytest.raises(SourceRefused, match="Its columns are: none"):
        find_header([], make_source(), "a.csv")


def test_only_the_first_of_very_many_columns_are_shown() -> None:
    with pytest.raises(SourceRefused, match=r"c39 and 60 more$"):
        find_header([[f"c{number}" for number in range(100)]], make_source(), "a.csv")


def test_a_column_that_occurs_twice_is_refused() -> None:
    with pytest.raises(SourceRefused, match="more than one column value: rename"):
        find_header([["time", "meter", "value", "value"]], make_source(), "a.csv")
