import numpy as np
import pytest

from dayahead.errors import SettingsError
from dayahead.features.calendar import BLOCK_HOURS, Calendar
from dayahead.hours import parse_utc, to_hour

DENMARK = Calendar("Europe/Copenhagen", "DK")


def hours_from(text: str, count: int) -> np.ndarray:
    return to_hour(parse_utc(text)) + np.arange(count)


def test_a_day_in_spring_has_23_hours() -> None:
    fields = DENMARK.at(hours_from("2023-03-25T23:00:00Z", 24))
    assert fields.hour.tolist() == [0, 1, *range(3, 24), 0]
    assert fields.weekday.tolist() == [6] * 23 + [0]


def test_a_day_in_autumn_has_25_hours() -> None:
    fields = DENMARK.at(hours_from("2023-10-28T22:00:00Z", 26))
    assert fields.hour.tolist() == [0, 1, 2, 2, *range(3, 24), 0]


def test_a_holiday_is_a_local_day() -> None:
    fields = DENMARK.at(hours_from("2022-12-24T22:00:00Z", 50))
    assert fields.holiday.tolist() == [0] + [1] * 48 + [0]


def test_hours_of_different_years_come_in_any_order_and_shape() -> None:
    hours = np.array([[BLOCK_HOURS * 60, BLOCK_HOURS * 58 - 1], [-5, BLOCK_HOURS * 58]])
    fields = DENMARK.at(hours)
    assert fields.hour.shape == (2, 2)
    for place in np.ndindex(2, 2):
        assert fields.hour[place] == DENMARK.at(hours[place][None]).hour[0]


def test_half_hour_zones_have_the_local_hour_that_has_begun() -> None:
    assert Calendar("Asia/Kolkata").at(hours_from("2023-01-01T00:00:00Z", 1)).hour.tolist() == [5]


@pytest.mark.parametrize(
    ("arguments", "named"), [(("Mars/Olympus",), "Mars/Olympus"), (("UTC", "XX"), "XX"), (("UTC", "AU", "ZZZ"), "ZZZ")]
)
def test_what_is_not_known_is_refused_by_name(arguments: tuple[str, ...], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        Calendar(*arguments)
