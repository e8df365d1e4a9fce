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
        ("%Y%m%d%H", 2024010205, "2024-01-02T05:00"),
        ("auto", "2024-01-01T04:00-05:00", "2024-01-01T09:00"),
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
        ("auto", "2024-01-01T05:00+15:00"),
        ("auto", "2024-01-01T05:00-99:00"),
        ("auto", "9999-12-31T24:00"),
        ("epoch_s", 1704171600000),
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
        ("%d.%m. %H:%M", "lacks the year"),
        ("%Y %H:%M", "lacks the month .%m., the day .%d."),
        ("%d.%m.%Y", "lacks the time of day"),
        ("%d.%m.%Y %I:%M", "no %p"),
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


@pytest.mark.parametrize("label", ["start", "end"])
@pytest.mark.parametrize("written", ["0001-01-01T00:00", "0001-01-01T00:00:00.0000000"])
def test_the_first_day_of_the_calendar_is_before_the_oldest_one(written: str, label: str) -> None:
    conversion = read([(written, 1), ("2024-01-01T05:00", 2)], time_zone="Europe/Copenhagen", time_label=label)
    assert (len(conversion.rows), codes(conversion)) == (1, ["before_oldest"])


def test_stamps_that_python_cannot_hold_are_rejected_one_by_one() -> None:
    stamps = pa.array([2**63 - 1, -(2**62), 1704171600 * 10**6], pa.timestamp("us"))
    data = pa.table({"time": stamps, "meter": ["m"] * 3, "value": [1.0, 2.0, 3.0]})
    conversion = convert_answer(Answer([RecordTable(data)]), source(time_zone="Europe/Copenhagen"), NOW)
    assert list(hours(conversion).values()) == [3.0]
    assert codes(conversion) == ["bad_time"] * 2
    assert all(rejection.raw() for rejection in conversion.rejections)


@pytest.mark.parametrize("written", ["2024-01-01T05:59:59.9999999", "2024-01-01T05:00:00.0000001"])
def test_less_than_a_microsecond_next_to_a_whole_minute_is_no_whole_minute(written: str) -> None:
    assert codes(read([(written, 1)])) == ["not_on_the_hour"]


def test_the_ends_of_periods_are_no_offsets() -> None:
    """01:00-02:00 looks like a time of the Azores in ISO 8601."""
    times = [(f"2024-01-01 {hour:02d}:00-{(hour + 1) % 24:02d}:00", hour) for hour in range(24)]
    conversion = read(times)
    assert (conversion.rows, codes(conversion)) == ([], ["bad_time"] * 24)
    described = read(times, time_format="%Y-%m-%d %H:%M-*")
    assert list(hours(described).values()) == [float(hour) for hour in range(24)]


def test_a_number_of_a_period_next_to_a_time_of_day_is_rejected() -> None:
    form = {"time_format": "%Y-%m-%d %H:%M {period}", "period_minutes": 60}
    conversion = read([("2024-01-01 00:00 6", 1), ("2024-01-01 05:00 6", 2)], **form)
    assert (hours(conversion), codes(conversion)) == ({"2024-01-01T05:00": 1.0}, ["bad_time"])


def test_a_null_among_plain_times_is_rejected_alone() -> None:
    conversion = read([("2024-01-01T05:00", 1), (None, 2), ("2024-01-01T06:00", 3)])
    assert (list(hours(conversion).values()), codes(conversion)) == ([1.0, 3.0], ["missing_field"])
