from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayahead.hours import format_utc, from_hour, parse_utc, to_hour


@given(st.integers(min_value=0, max_value=1_000_000))
def test_an_hour_survives_the_way_to_a_moment_and_its_text(hour: int) -> None:
    assert to_hour(from_hour(hour)) == hour
    assert parse_utc(format_utc(from_hour(hour))) == from_hour(hour)


def test_a_moment_belongs_to_the_hour_that_it_lies_in_also_before_1970() -> None:
    assert to_hour(datetime(1970, 1, 1, 0, 59, 59, tzinfo=UTC)) == 0
    assert to_hour(datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)) == -1


def test_an_offset_is_turned_into_utc() -> None:
    copenhagen_summer = timezone(timedelta(hours=2))
    assert format_utc(datetime(2024, 7, 1, 1, tzinfo=copenhagen_summer)) == "2024-06-30T23:00:00Z"


@pytest.mark.parametrize("text", ["2024-07-01T01:00:00", "yesterday", ""])
def test_a_time_without_an_offset_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"offset|isoformat"):
        parse_utc(text)


def test_a_naive_moment_has_no_hour() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        to_hour(datetime(2024, 7, 1))  # noqa: DTZ001 - that is the point
