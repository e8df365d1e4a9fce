"""The nights in which clocks change, for each way in which publishers label them."""

import pytest

from dayahead.reading.converter import convert, convert_answer
from dayahead.reading.reader import Answer
from dayahead.reading.record_table import RecordTable
from tests.dayahead.reading.made import NOW, codes, hours, read, source

NEW_YORK = {"time_zone": "America/New_York"}


def test_a_2_oclock_that_occurs_once_is_the_first_also_where_the_newest_comes_first() -> None:
    times = [("2024-10-27T03:00", 3), ("2024-10-27T02:00", 2), ("2024-10-27T01:00", 1)]
    assert hours(read(times, time_zone="Europe/Copenhagen")) == {
        "2024-10-27T02:00": 3.0,
        "2024-10-27T00:00": 2.0,
        "2024-10-26T23:00": 1.0,
    }


def test_exports_that_overlap_in_the_night_repeat_both_hours() -> None:
    night = [("2024-10-27T01:00", 1), ("2024-10-27T02:00", 2), ("2024-10-27T02:00", 3), ("2024-10-27T03:00", 4)]
    conversion = read([*night, *night], time_zone="Europe/Copenhagen")
    assert list(hours(conversion).values()) == [1.0, 2.0, 3.0, 4.0]
    assert (conversion.repeated, codes(conversion)) == (4, [])


def test_marks_decide_whatever_the_order() -> None:
    times = [("2024-10-27 02:00 B", 3), ("2024-10-27 02:00 A", 2)]
    conversion = read(times, time_zone="Europe/Copenhagen", first_marks=["A"], second_marks=["B"])
    assert hours(conversion) == {"2024-10-27T01:00": 3.0, "2024-10-27T00:00": 2.0}


def test_a_mark_in_a_column_of_its_own_decides() -> None:
    form = source(**NEW_YORK, mark_column="DSTFlag", second_marks=["Y"], first_marks=["N"])
    records = [
        {"time": "2024-11-03T01:00", "meter": "m", "value": 2, "DSTFlag": "Y"},
        {"time": "2024-11-03T01:00", "meter": "m", "value": 1, "DSTFlag": "N"},
    ]
    assert hours(convert(records, form, NOW)) == {"2024-11-03T06:00": 2.0, "2024-11-03T05:00": 1.0}


def test_an_end_on_the_clock_of_the_start_repeats_the_hour_after() -> None:
    """ERCOT: 2:00 and its repetition end the two hours that start at 1:00."""
    times = [("11/03/2024 01:00", 1), ("11/03/2024 02:00", 2), ("11/03/2024 02:00 DST", 3), ("11/03/2024 03:00", 4)]
    conversion = read(
        times, time_zone="America/Chicago", time_format="%m/%d/%Y %H:%M", time_label="end", second_marks=["DST"]
    )
    assert hours(conversion) == {
        "2024-11-03T05:00": 1.0,
        "2024-11-03T06:00": 2.0,
        "2024-11-03T07:00": 3.0,
        "2024-11-03T08:00": 4.0,
    }


@pytest.mark.parametrize("own_clock", [False, True])
def test_a_night_of_ends_is_read_on_the_clock_that_it_is_written_in(own_clock: bool) -> None:
    """Ends by their own clock say 1:00 twice, ends on the clock of the start 2:00."""
    labels = ["01:00", "01:00", "02:00", "03:00"] if own_clock else ["01:00", "02:00", "02:00", "03:00"]
    times = [(f"2024-11-03T{label}", number) for number, label in enumerate(labels)]
    assert hours(read(times, **NEW_YORK, time_label="end")) == {
        "2024-11-03T04:00": 0.0,
        "2024-11-03T05:00": 1.0,
        "2024-11-03T06:00": 2.0,
        "2024-11-03T07:00": 3.0,
    }


@pytest.mark.parametrize("labels", [["01:00", "02:00", "04:00"], ["01:00", "03:00", "04:00"]])
def test_in_spring_both_clocks_name_the_end_of_the_hour_before_the_change(labels: list[str]) -> None:
    times = [(f"2024-03-10T{label}", number) for number, label in enumerate(labels)]
    assert hours(read(times, **NEW_YORK, time_label="end")) == {
        "2024-03-10T05:00": 0.0,
        "2024-03-10T06:00": 1.0,
        "2024-03-10T07:00": 2.0,
    }


def test_an_end_names_the_hour_before_it() -> None:
    assert hours(read([("2024-01-01T01:00", 1), ("2024-01-01T24:00", 2)], time_label="end")) == {
        "2024-01-01T00:00": 1.0,
        "2024-01-01T23:00": 2.0,
    }


@pytest.mark.parametrize("is_end", [False, True])
def test_quarters_are_summed_to_the_hour_that_they_lie_in(is_end: bool) -> None:
    minutes = ["05:15", "05:30", "05:45", "06:00"] if is_end else ["05:00", "05:15", "05:30", "05:45"]
    times = [(f"2024-01-01T{minute}", 1) for minute in minutes]
    conversion = read(times, time_label="end" if is_end else "start", period_minutes=15, quantity="energy")
    assert hours(conversion) == {"2024-01-01T05:00": 4.0}


def test_hours_of_india_are_rejected_with_the_way_out() -> None:
    times = [(f"2024-01-01T{hour:02d}:00", 1) for hour in range(6)]
    conversion = read(times, time_zone="Asia/Kolkata")
    assert codes(conversion) == ["not_on_the_hour"] * 6
    assert "off_hour: split" in conversion.rejections[0].reason


@pytest.mark.parametrize(("quantity", "expected"), [("energy", [15.0, 25.0, 35.0]), ("power", [15.0, 25.0, 35.0])])
def test_hours_of_india_can_be_split_between_the_hours_that_they_lie_in(quantity: str, expected: list[float]) -> None:
    times = [(f"2024-01-01T{hour:02d}:00", 10 * (hour + 1)) for hour in range(4)]
    conversion = read(times, time_zone="Asia/Kolkata", off_hour="split", quantity=quantity)
    assert list(hours(conversion)) == ["2023-12-31T19:00", "2023-12-31T20:00", "2023-12-31T21:00"]
    assert list(hours(conversion).values()) == expected


def test_quarters_of_india_fit_the_hours_of_utc() -> None:
    times = [(f"2024-01-01T{hour:02d}:{minute:02d}", 1) for hour in range(3) for minute in (0, 15, 30, 45)]
    conversion = read(times, time_zone="Asia/Kolkata", quantity="energy")
    assert hours(conversion) == {"2023-12-31T19:00": 4.0, "2023-12-31T20:00": 4.0}
    assert conversion.incomplete_hours == 2


def test_a_split_is_possible_where_the_source_says_that_records_are_hourly() -> None:
    times = [(f"2024-01-01T{hour:02d}:00", 10 * (hour + 1)) for hour in range(4)]
    conversion = read(times, time_zone="Asia/Kolkata", off_hour="split", quantity="energy", period_minutes=60)
    assert list(hours(conversion).values()) == [15.0, 25.0, 35.0]
    assert (conversion.incomplete_hours, codes(conversion)) == (2, [])


@pytest.mark.parametrize("period", ["auto", 60])
def test_records_off_the_hour_next_to_a_split_series_are_rejected_themselves(period: object) -> None:
    form = source(time_zone="Asia/Kolkata", off_hour="split", quantity="energy", period_minutes=period)
    whole = [{"time": f"2024-01-01T{hour:02d}:00", "meter": "m", "value": 1} for hour in range(12)]
    strays = [{"time": f"2024-01-01T{clock}", "meter": "n", "value": 1} for clock in ("05:07", "06:10", "07:20")]
    conversion = convert([*whole, *strays], form, NOW)
    assert len(conversion.rows) == 11
    assert [(str(one.code), one.record) for one in conversion.rejections] == [
        ("not_on_the_hour", one) for one in strays
    ]


def test_quarters_of_a_night_are_placed_by_all_tables_of_an_answer() -> None:
    ends = [60 * hour + minute for hour in (0, 1, 1, 2) for minute in (15, 30, 45, 60)]
    labels = [f"2024-11-03T{end // 60:02d}:{end % 60:02d}" for end in ends]
    records = [{"time": label, "meter": "m", "value": number} for number, label in enumerate(labels)]
    form = source(**NEW_YORK, time_label="end", quantity="energy")
    whole = convert(records, form, NOW)
    last = [{"time": "2024-11-03T04:00", "meter": "m", "value": 1}]
    conversion = convert_answer(Answer([RecordTable(objects=records), RecordTable(objects=last)]), form, NOW)
    assert codes(conversion) == []
    assert len(whole.rows) == 4
    assert hours(whole).items() <= hours(conversion).items()


def test_one_record_out_of_order_does_not_turn_an_answer_around() -> None:
    times = [("2024-10-27T05:00", 5), *[(f"2024-10-27T{hour:02d}:00", hour) for hour in (0, 1)]]
    night = [("2024-10-27T02:00", 2.1), ("2024-10-27T02:00", 2.2), ("2024-10-27T03:00", 3)]
    found = hours(read([*times, *night], time_zone="Europe/Copenhagen"))
    assert (found["2024-10-27T00:00"], found["2024-10-27T01:00"]) == (2.1, 2.2)
