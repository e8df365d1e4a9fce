from datetime import UTC, date, datetime, time

import pytest

from dayahead.hours import format_utc, from_hour
from dayahead.local_day import hours_of_day, local_date, moment_on


@pytest.mark.parametrize(
    ("zone", "day", "first", "count"),
    [
        ("Europe/Copenhagen", date(2023, 1, 25), "2023-01-24T23:00:00Z", 24),
        ("Europe/Copenhagen", date(2023, 3, 26), "2023-03-25T23:00:00Z", 23),
        ("Europe/Copenhagen", date(2023, 10, 29), "2023-10-28T22:00:00Z", 25),
        ("UTC", date(2023, 3, 26), "2023-03-26T00:00:00Z", 24),
        ("Asia/Kolkata", date(2023, 1, 25), "2023-01-24T19:00:00Z", 24),
        ("Asia/Beirut", date(2022, 3, 27), "2022-03-26T22:00:00Z", 23),
        ("America/Havana", date(2022, 11, 6), "2022-11-06T04:00:00Z", 25),
        ("Australia/Lord_Howe", date(2023, 10, 1), "2023-09-30T14:00:00Z", 23),
    ],
)
def test_a_day_has_the_hours_that_start_in_it(zone: str, day: date, first: str, count: int) -> None:
    hours = hours_of_day(day, zone)
    assert (format_utc(from_hour(hours.start)), len(hours)) == (first, count)
    assert {local_date(from_hour(hour), zone) for hour in hours} == {day}
    assert local_date(from_hour(hours.start - 1), zone) < day < local_date(from_hour(hours.stop), zone)


def test_a_skipped_day_has_no_hours() -> None:
    assert len(hours_of_day(date(2011, 12, 30), "Pacific/Apia")) == 0


def test_a_time_of_day_is_the_local_one_and_the_first_of_two() -> None:
    zone = "Europe/Copenhagen"
    assert moment_on(date(2023, 1, 24), time(11), zone) == datetime(2023, 1, 24, 10, tzinfo=UTC)
    assert moment_on(date(2023, 7, 24), time(11), zone) == datetime(2023, 7, 24, 9, tzinfo=UTC)
    assert moment_on(date(2023, 10, 29), time(2, 30), zone) == datetime(2023, 10, 29, 0, 30, tzinfo=UTC)
    assert moment_on(date(2023, 3, 26), time(2, 30), zone) == datetime(2023, 3, 26, 1, 30, tzinfo=UTC)
