"""Every way of writing a time that publishers use, and what it stands for."""

from datetime import datetime
from typing import Any, Literal

import pyarrow as pa
import pytest

from dayahead.errors import SettingsError
from dayahead.reading.converter import convert, convert_answer
from dayahead.reading.reader import Answer
from dayahead.reading.record_table import RecordTable
from tests.dayahead.reading.made import NOW, codes, hours, read, source


@pytest.mark.parametrize(
    ("time_format", "written", "hour"),
    [
        ("auto", "2024-01-01T05:00Z", "2024-01-01T05:00"),
        ("auto", " 2024-01-01 05:00", "2024-01-01T05:00"),
        ("auto", "2024-01-01T05:00:00.000+02:00", "2024-01-01T03:00"),
        ("auto", "2024-01-01 05:00 UTC", "2024-01-01T05:00"),
        ("auto", "2024-01-01 24:00", "2024-01-02T00:00"),
        ("auto", "20240101T05Z", "2024-01-01T05:00"),
        ("auto", "2024-01-01T05", "2024-01-01T05:00"),
        ("%d.%m.%Y %H:%M", "02.01.2024 05:00", "2024-01-02T05:00"),
        ("%d.%m.%Y %H:%M", "2.1.2024  5:00", "2024-01-02T05:00"),
        ("%m/%d/%Y %H:%M", "02/01/2024 24:00", "2024-02-02T00:00"),
        ("%d.%m.%Y %H:%M - *", "02.01.2024 05:00 - 02.01.2024 06:00", "2024-01-02T05:00"),
        ("* - %d.%m.%Y %H:%M", "02.01.2024 05:00 - 02.01.2024 06:00", "2024-01-02T06:00"),
        ("%d-%b-%Y %H:%M", "02-JAN-2024 05:00", "2024-01-02T05:00"),
        ("%B %d, %Y %I:%M %p", "January 2, 2024 12:00 AM", "2024-01-02T00:00"),
        ("%m/%d/%y %I:%M %p", "1/2/24 1:00 pm", "2024-01-02T13:00"),
        ("%Y%m%d%H", "2024010205", "2024-01-02T05:00"),
        ("%Y-%m-%d %H:%M %z", "2024-01-02 05:00 +0200", "2024-01-02T03:00"),
        ("epoch_s", 1704171600, "2024-01-02T05:00"),
        ("epoch_s", "1704171600", "2024-01-02T05:00"),
        ("epoch_ms", 1704171600000, "2024-01-02T05:00"),
        ("epoch_ms", "1704171600000.0", "2024-01-02T05:00"),
    ],
)
def test_a_time_is_read_as_its_format_says(time_format: str, written: object, hour: str) -> None:
    conversion = read([(written, 1)], time_format=time_format)
    assert (hours(conversion), codes(conversion)) == ({hour: 1.0}, [])


@pytest.mark.parametrize(
    ("time_format", "written"),
    [
        ("auto", "2024-02-30T05:00"),
        ("auto", "2024-13-01T05:00"),
        ("auto", "2024-01-01T25:00"),
        ("auto", "2024-01-01T24:30"),
        ("auto", "01.01.2024 05:00"),
        ("auto", 1704171600),
        ("%d.%m.%Y %H:%M", "2024-01-01T05:00"),
        ("%d.%m.%Y %H:%M", "31.02.2024 05:00"),
        ("%m/%d/%Y %H:%M", "13/01/2024 05:00"),
        ("%d/%m/%Y %I:%M %p", "01/01/2024 13:00 PM"),
        ("%d-%b-%Y %H:%M", "02-FOO-2024 05:00"),
        ("epoch_s", "soon"),
        ("epoch_s", float("nan")),
    ],
)
def test_what_is_not_like_the_format_is_rejected_with_its_text(time_format: str, written: object) -> None:
    conversion = read([(written, 1)], time_format=time_format)
    assert codes(conversion) == ["bad_time"]
    assert str(written) in conversion.rejections[0].reason


@pytest.mark.parametrize("written", ["2024-01-01", "20240101"])
def test_a_day_is_no_start_of_an_hour(written: str) -> None:
    conversion = read([(written, 2400)])
    assert codes(conversion) == ["bad_time"]
    assert "a value of a day is no value of an hour" in conversion.rejections[0].reason


@pytest.mark.parametrize(
    ("time_format", "complaint"),
    [
        ("%d.%m.%Y %Q", "%Q is unknown"),
        ("%H:%M - %H:%M", "write * for the end of an interval"),
        ("iso", "must be auto, epoch_s, epoch_ms or a pattern"),
        ("%d.%m.%Y {period}", "needs period_minutes"),
    ],
)
def test_a_format_that_cannot_be_read_is_an_error_of_the_source_file(time_format: str, complaint: str) -> None:
    with pytest.raises(SettingsError, match=complaint.replace("*", r"\*")):
        source(time_format=time_format)


def records(columns: dict[str, list[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def test_a_date_and_a_clock_in_two_columns_are_one_time() -> None:
    form = source(time_column=None, time_columns=["Date", "Time"], time_format="%d/%m/%Y %H:%M:%S")
    given = records({"Date": ["01/02/2024"] * 2, "Time": ["05:00:00", "06:00:00"], "meter": ["m"] * 2, "value": [1, 2]})
    assert hours(convert(given, form, NOW)) == {"2024-02-01T05:00": 1.0, "2024-02-01T06:00": 2.0}


def half_hours_of(day: str, count: int) -> dict[str, float]:
    form = source(
        time_column=None,
        time_columns=["date", "period"],
        time_format="%d-%b-%Y {period}",
        period_minutes=30,
        quantity="power",
        time_zone="Europe/London",
    )
    given = [{"date": day, "period": number, "meter": "m", "value": number} for number in range(1, count + 1)]
    conversion = convert(given, form, NOW)
    assert codes(conversion) == []
    return hours(conversion)


@pytest.mark.parametrize(
    ("day", "count", "first", "last"),
    [
        ("01-JAN-2024", 48, "2024-01-01T00:00", "2024-01-01T23:00"),
        ("31-MAR-2024", 46, "2024-03-31T00:00", "2024-03-31T22:00"),
        ("27-OCT-2024", 50, "2024-10-26T23:00", "2024-10-27T23:00"),
    ],
)
def test_numbered_periods_count_the_real_hours_of_a_local_day(day: str, count: int, first: str, last: str) -> None:
    found = half_hours_of(day, count)
    assert (min(found), max(found), len(found)) == (first, last, count // 2)
    assert found[first] == 1.5


def test_a_period_that_the_day_does_not_have_is_rejected() -> None:
    form = source(
        time_column=None,
        time_columns=["date", "period"],
        time_format="%Y-%m-%d {period}",
        period_minutes=30,
        time_zone="Europe/London",
    )
    conversion = convert([{"date": "2024-03-31", "period": 47, "meter": "m", "value": 1}], form, NOW)
    assert codes(conversion) == ["bad_time"]
    assert "the day has 46 of 30 minutes" in conversion.rejections[0].reason


def test_typed_dates_and_numbers_of_a_workbook_make_a_numbered_period() -> None:
    form = source(
        time_column=None,
        time_columns=["date", "period"],
        time_format="%Y-%m-%d {period}",
        period_minutes=30,
        quantity="energy",
    )
    data = pa.table(
        {
            "date": pa.array([datetime(2024, 1, 1)] * 2, pa.timestamp("us")),  # noqa: DTZ001 - a day, as written
            "period": pa.array([1.0, 2.0]),
            "meter": ["m", "m"],
            "value": [1.0, 2.0],
        }
    )
    assert hours(convert_answer(Answer([RecordTable(data)]), form, NOW)) == {"2024-01-01T00:00": 3.0}


UNITS: list[Literal["s", "ms", "us", "ns"]] = ["s", "ms", "us", "ns"]


@pytest.mark.parametrize("unit", UNITS)
def test_a_typed_stamp_is_read_in_its_own_unit_and_a_stray_nanosecond_rejects_one_record(
    unit: Literal["s", "ms", "us", "ns"],
) -> None:
    factor = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    stamps = [1704171600 * factor, 1704175200 * factor + (unit == "ns")]
    data = pa.table({"time": pa.array(stamps, pa.timestamp(unit)), "meter": ["m", "m"], "value": [1.0, 2.0]})
    conversion = convert_answer(Answer([RecordTable(data)]), source(), NOW)
    assert len(conversion.rows) == (1 if unit == "ns" else 2)
    assert codes(conversion) == (["not_on_the_hour"] if unit == "ns" else [])
