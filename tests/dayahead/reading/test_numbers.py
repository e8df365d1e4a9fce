"""Numbers with the marks of their country, and texts that stand for none."""

import pytest

from tests.dayahead.reading.made import codes, hours, read

TIME = "2024-01-01T05:00Z"


@pytest.mark.parametrize(
    ("written", "marks", "value"),
    [
        ("10.007,25", {"decimal": ",", "thousands": ".", "delimiter": ";"}, 10007.25),
        ("999,25", {"decimal": ",", "thousands": ".", "delimiter": ";"}, 999.25),
        ("1.234.567", {"decimal": ",", "thousands": ".", "delimiter": ";"}, 1234567.0),
        ("10,007.25", {"thousands": ","}, 10007.25),
        ("10 007.25", {"thousands": " "}, 10007.25),
        ("1'000", {"thousands": "'"}, 1000.0),
        (" 1.5e3 ", {}, 1500.0),
        ("-0.5", {}, -0.5),
        ("+5", {}, 5.0),
        ("+1.000,5", {"decimal": ",", "thousands": ".", "delimiter": ";"}, 1000.5),
        (".5", {}, 0.5),
        ("12", {}, 12.0),
        ("2", {"scale": 1000}, 2000.0),
        (2, {"scale": 0.001}, 0.002),
    ],
)
def test_a_number_is_read_with_the_marks_of_its_source(written: object, marks: dict[str, object], value: float) -> None:
    assert hours(read([(TIME, written)], **marks)) == {"2024-01-01T05:00": value}


@pytest.mark.parametrize(
    ("written", "marks", "hint"),
    [
        ("10.007,25", {"decimal": ",", "delimiter": ";"}, "thousands: '.'"),
        ("1.234", {"decimal": ",", "delimiter": ";"}, "thousands: '.'"),
        ("12,5", {}, "decimal: ','"),
        ("1.5", {"decimal": ",", "thousands": ".", "delimiter": ";"}, "decimal: '.'"),
        ("n/e", {}, "null_marks"),
        ("1_000", {}, ""),
        ("nan", {}, ""),
        ("inf", {}, ""),
        ("0x10", {}, ""),
    ],
)
def test_what_is_no_number_is_rejected_and_names_what_would_make_it_one(
    written: str, marks: dict[str, object], hint: str
) -> None:
    conversion = read([(TIME, written)], **marks)
    assert codes(conversion) == ["not_a_number"]
    assert hint in conversion.rejections[0].reason


@pytest.mark.parametrize("written", ["", "  ", None])
def test_an_empty_value_is_a_dead_letter(written: object) -> None:
    assert codes(read([(TIME, written)])) == ["null_value"]


def test_a_null_mark_is_counted_and_no_dead_letter() -> None:
    conversion = read([(TIME, "n/e"), ("2024-01-01T06:00Z", "5")], null_marks=["n/e"])
    assert (len(conversion.rows), conversion.absent, codes(conversion)) == (1, 1, [])


def test_texts_and_numbers_in_one_column_are_both_read() -> None:
    assert list(hours(read([(TIME, "5,5"), ("2024-01-01T06:00Z", 6.5)], decimal=",", delimiter=";")).values()) == [
        5.5,
        6.5,
    ]


@pytest.mark.parametrize("values", [[-999, 5], [-999.0, 5.5], ["-999.00", "5"], ["-999", 5]])
def test_a_mark_that_is_a_number_is_absent_however_it_is_written(values: list[object]) -> None:
    conversion = read(zip([TIME, "2024-01-01T06:00Z"], values, strict=True), null_marks=["-999"])
    assert (len(conversion.rows), conversion.absent, codes(conversion)) == (1, 1, [])


@pytest.mark.parametrize("written", [1e14, "1e14"])
def test_a_value_that_is_absurd_by_its_scale_is_called_so(written: object) -> None:
    conversion = read([(TIME, written)], scale=1000)
    assert codes(conversion) == ["absurd_value"]
    assert "times 1000 (scale)" in conversion.rejections[0].reason
