"""Meter readings: recognized, and turned into hours."""

from collections.abc import Sequence

import pytest

from tests.dayahead.reading.made import codes, hours, read


def readings(values: Sequence[float]) -> list[tuple[str, float]]:
    return [(f"2024-01-{1 + hour // 24:02d}T{hour % 24:02d}:00Z", value) for hour, value in enumerate(values)]


def rising(count: int, start: float = 0.0) -> list[float]:
    """Readings of a meter with a load of 10 to 14 an hour."""
    found = [start]
    for hour in range(count - 1):
        found.append(found[-1] + 10 + hour % 5)
    return found


def test_a_series_that_only_rises_is_asked_about_and_not_forecast() -> None:
    conversion = read(readings(rising(100)))
    assert (conversion.rows, codes(conversion)) == ([], ["no_hourly_values"])
    assert "quantity: register" in conversion.rejections[0].reason


def test_a_series_that_only_rises_and_starts_again_is_recognized_too() -> None:
    assert codes(read(readings([value % 500 for value in rising(100)]))) == ["no_hourly_values"]


def test_a_register_in_whole_units_stands_still_for_hours_and_is_recognized() -> None:
    assert codes(read(readings([hour // 5 for hour in range(100)]))) == ["no_hourly_values"]


def test_a_meter_that_was_replaced_by_one_that_stands_lower_is_recognized() -> None:
    assert codes(read(readings([*rising(100, start=5000), *rising(50, start=3000)]))) == ["no_hourly_values"]


@pytest.mark.parametrize("load", [[5.0] * 100, [0.0] * 60 + [8.0] * 60])
def test_a_load_that_stands_still_is_no_register(load: list[float]) -> None:
    assert codes(read(readings(load))) == []


def test_a_rising_series_can_be_consumption_if_its_source_says_so() -> None:
    assert len(read(readings(rising(100)), quantity="energy").rows) == 100


def test_a_load_with_a_daily_shape_is_no_register() -> None:
    load = [50 + 30 * abs(12 - hour % 24) for hour in range(100)]
    assert codes(read(readings(load))) == []


def test_hours_are_the_differences_of_readings() -> None:
    conversion = read(readings([100, 110, 125, 125]), quantity="register")
    assert list(hours(conversion).values()) == [10.0, 15.0, 0.0]


def test_a_register_rolls_over_where_its_source_says() -> None:
    conversion = read(readings([9_980, 9_990, 5, 20]), quantity="register", register_rollover=10_000)
    assert list(hours(conversion).values()) == [10.0, 15.0, 15.0]


@pytest.mark.parametrize("after", [[0, 12, 24], [70_000, 70_012, 70_024]])
def test_the_hour_in_which_a_meter_is_reset_or_replaced_is_unknown(after: list[float]) -> None:
    values = [*rising(60, start=900), *after]
    conversion = read(readings(values), quantity="register")
    assert len(conversion.rows) == len(values) - 2
    assert codes(conversion) == ["register_reset"]
    assert max(hours(conversion).values()) == 14.0


def test_a_missing_reading_costs_the_two_hours_around_it() -> None:
    values = readings(rising(10))
    conversion = read([*values[:5], *values[6:]], quantity="register")
    assert (len(conversion.rows), conversion.incomplete_hours) == (7, 2)


def test_readings_between_hours_are_not_needed() -> None:
    times = [(f"2024-01-01T{minute // 60:02d}:{minute % 60:02d}", 100 + minute) for minute in range(0, 181, 15)]
    assert list(hours(read(times, quantity="register")).values()) == [60.0, 60.0, 60.0]


def test_the_scale_applies_to_the_differences() -> None:
    conversion = read(readings([9.98, 9.99, 0.005]), quantity="register", register_rollover=10, scale=1000)
    assert list(hours(conversion).values()) == pytest.approx([10.0, 15.0])


def test_one_record_a_day_is_no_series_of_hours() -> None:
    days = [(f"2024-01-{day:02d}T00:00", 2400 + day % 3) for day in range(1, 20)]
    conversion = read(days)
    assert (conversion.rows, codes(conversion)) == ([], ["no_hourly_values"])
    assert "one record a day" in conversion.rejections[0].reason


def test_readings_that_are_never_at_an_hour_of_utc_are_rejected_and_not_ignored() -> None:
    local = [(time.removesuffix("Z"), value) for time, value in readings(rising(5))]
    conversion = read(local, quantity="register", time_zone="Asia/Kolkata")
    assert (conversion.rows, codes(conversion)) == ([], ["not_on_the_hour"] * 5)
    assert "like every reading of its series" in conversion.rejections[0].reason
