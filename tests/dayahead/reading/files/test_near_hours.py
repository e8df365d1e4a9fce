from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from dayahead.hours import to_hour
from dayahead.reading.files.near_hours import DayRange, records_near
from dayahead.reading.record_table import RecordTable
from tests.dayahead.reading.files.building import make_source

DAYS = [date(2024, 1, 1) + timedelta(days=number) for number in range(40)]
START = to_hour(datetime(2024, 1, 20, tzinfo=UTC))


def near(times: Any, end: int | None = None, **fields: Any) -> list[int]:
    table = RecordTable(pa.table({"time": times}), name="a.csv", first_line=1)
    found = records_near(table, make_source(**fields), DayRange.around(START, end))
    return [int(found.place(index).removeprefix("a.csv, line ")) for index in range(len(found))]


def written(pattern: str) -> "pa.Array[Any]":
    return pa.array([day.strftime(pattern) for day in DAYS])


@pytest.mark.parametrize(
    ("pattern", "fields"),
    [
        ("%Y-%m-%dT00:00:00Z", {}),
        ("%d.%m.%Y 00:00", {"time_format": "%d.%m.%Y %H:%M"}),
        ("%-m/%-d/%Y 0:00", {"time_format": "%m/%d/%Y %H:%M"}),
        ("%Y%m%d 1", {"time_format": "%Y%m%d {period}", "period_minutes": 60}),
        ("00:00 %d/%m/%Y", {"time_format": "%H:%M %d/%m/%Y"}),
    ],
)
def test_of_a_file_the_days_asked_for_and_two_around_them_are_left(pattern: str, fields: dict[str, Any]) -> None:
    assert near(written(pattern), START + 24, **fields) == [18, 19, 20, 21, 22, 23]
    assert near(written(pattern), **fields) == list(range(18, 41))
    assert near(written(pattern).dictionary_encode(), **fields) == list(range(18, 41))


def test_times_with_a_type_and_numbers_since_1970_are_compared_too() -> None:
    times = pa.array([datetime(day.year, day.month, day.day, tzinfo=UTC) for day in DAYS])
    expected = list(range(18, 41))
    assert near(times) == expected
    assert near(times.cast(pa.timestamp("ns"))) == expected
    assert near(times.cast(pa.date32())) == expected
    seconds = times.cast(pa.timestamp("s")).cast(pa.int64())
    assert near(seconds, time_format="epoch_s") == expected
    assert near(seconds.cast(pa.string()), time_format="epoch_s") == expected
    assert near(seconds.cast(pa.string()).dictionary_encode(), time_format="epoch_s") == expected
    milliseconds = times.cast(pa.timestamp("ms")).cast(pa.int64())
    assert near(milliseconds, time_format="epoch_ms") == expected


@pytest.mark.parametrize("time_format", ["auto", "%d.%m.%Y %H:%M", "%y%m%d", "*%d.%m.%Y", "epoch_s"])
def test_a_time_whose_day_is_not_recognized_is_kept(time_format: str) -> None:
    assert near(pa.array(["some day", None, "99.99.2024 00:00"]), time_format=time_format) == [1, 2, 3]


@pytest.mark.parametrize(
    ("one", "other", "covers"),
    [
        (DayRange(), DayRange(5, 9), True),
        (DayRange(5), DayRange(6), True),
        (DayRange(5), DayRange(4), False),
        (DayRange(5, 9), DayRange(5, 9), True),
        (DayRange(5, 9), DayRange(6), False),
        (DayRange(5, 9), DayRange(6, 10), False),
    ],
)
def test_a_range_covers_another_that_has_no_further_day(one: DayRange, other: DayRange, covers: bool) -> None:
    assert one.covers(other) is covers


def test_records_that_are_objects_keep_their_lines() -> None:
    records = [{"time": datetime(day.year, day.month, day.day, tzinfo=UTC)} for day in DAYS]
    table = RecordTable(objects=[*records, {"time": None}], lines=list(range(2, 43)))
    found = records_near(table, make_source(), DayRange.around(START, None))
    assert found.lines == list(range(19, 43))
    assert found.record(0) == records[17]
