"""Hours made of shorter periods, which are found in the data and may change."""

import pytest

from dayahead.record_format import DIVISORS
from tests.dayahead.reading.made import codes, hours, read, source


def stamps(first_hour: int, count: int, period: int, value: float, day: int = 1) -> list[tuple[str, float]]:
    """Records of whole hours of a day, each of some minutes."""
    return [
        (f"2024-01-{day:02d}T{first_hour + minute // 60:02d}:{minute % 60:02d}", value)
        for minute in range(0, count * 60, period)
    ]


@pytest.mark.parametrize("period", [minutes for minutes in DIVISORS if minutes < 60])
@pytest.mark.parametrize(("quantity", "hour"), [("energy", 60.0), ("power", 1.0)])
def test_any_divisor_of_an_hour_is_found(period: int, quantity: str, hour: float) -> None:
    value = period if quantity == "energy" else 1.0
    conversion = read(stamps(0, 4, period, value), quantity=quantity)
    assert list(hours(conversion).values()) == [hour] * 4
    assert (conversion.periods, codes(conversion)) == ([period], [])


def test_a_change_from_hours_to_quarters_is_followed() -> None:
    conversion = read([*stamps(0, 5, 60, 40), *stamps(5, 5, 15, 10)], quantity="energy")
    assert list(hours(conversion).values()) == [40.0] * 10
    assert conversion.periods == [15, 60]


def test_a_quarter_is_never_taken_for_an_hour_where_hours_are_expected() -> None:
    conversion = read([*stamps(0, 5, 60, 40), *stamps(5, 5, 15, 10)], period_minutes=60)
    assert list(hours(conversion).values()) == [40.0] * 5
    assert codes(conversion) == ["not_on_the_hour"] * 20


def test_quarters_of_which_nothing_says_what_they_are_are_rejected_with_the_question() -> None:
    conversion = read([*stamps(0, 5, 60, 40), *stamps(5, 5, 15, 10)])
    assert list(hours(conversion).values()) == [40.0] * 5
    assert "quantity: energy (they are summed) or quantity: power (averaged)" in conversion.rejections[0].reason


@pytest.mark.parametrize("kept", [["00"], ["00", "15"], ["00", "30"], ["00", "15", "30"], ["45"]])
@pytest.mark.parametrize("quantity", ["energy", "power"])
def test_an_hour_that_lacks_quarters_is_left_out_and_counted(kept: list[str], quantity: str) -> None:
    times = [*stamps(0, 4, 15, 10), *[(f"2024-01-01T04:{minute}", 10.0) for minute in kept], *stamps(5, 4, 15, 10)]
    conversion = read(times, quantity=quantity)
    assert "2024-01-01T04:00" not in hours(conversion)
    assert (len(conversion.rows), conversion.incomplete_hours) == (8, 1)


def test_the_newest_hour_waits_for_its_quarters() -> None:
    conversion = read([*stamps(0, 6, 15, 10), ("2024-01-01T06:00", 10)], quantity="energy")
    assert list(hours(conversion))[-1] == "2024-01-01T05:00"
    assert conversion.incomplete_hours == 1


def test_hours_of_which_only_the_first_quarter_came_for_long_are_no_hours() -> None:
    times = [*stamps(0, 6, 15, 10), *stamps(6, 4, 60, 10), *stamps(10, 6, 15, 10)]
    conversion = read(times, quantity="energy")
    assert set(hours(conversion).values()) == {40.0}
    assert conversion.incomplete_hours == 4


def test_one_record_between_two_hours_rejects_only_its_hour() -> None:
    conversion = read([*stamps(0, 6, 60, 40), ("2024-01-01T03:30", 40)])
    assert len(conversion.rows) == 5
    assert codes(conversion) == ["not_on_the_hour"] * 2


def test_an_hourly_file_that_is_read_as_half_hours_says_so() -> None:
    conversion = read(stamps(0, 10, 60, 40), period_minutes=30)
    assert conversion.rows == []
    sentence = conversion.incomplete_sentence(source(period_minutes=30))
    assert sentence.startswith("10 hours are incomplete")
    assert "Is period_minutes 30 right?" in sentence


def test_a_minute_without_a_value_is_counted_and_its_hour_left_out() -> None:
    minutes = [(f"2024-01-01T{hour:02d}:{minute:02d}", "1.5") for hour in range(4) for minute in range(60)]
    minutes[61] = (minutes[61][0], "?")
    conversion = read(minutes, quantity="power", null_marks=["?"])
    assert (len(conversion.rows), conversion.incomplete_hours, conversion.absent, codes(conversion)) == (3, 1, 1, [])
