"""The clock on the wall of a place: hour of the day, day of the week, holidays and season of UTC hours.

Lags are counted in absolute hours; only these fields follow local time, so a day of 23 or 25 hours needs no care
anywhere else.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays
import numpy as np
from numpy.typing import NDArray

from dayahead.errors import SettingsError
from dayahead.hours import from_hour

BLOCK_HOURS = 8192
"""Hours whose fields are computed and cached together: 341 days."""

MEAN_YEAR_DAYS = 365.2425


@dataclass(frozen=True)
class CalendarFields:
    """Local calendar of some UTC hours, one entry an hour.

    Attributes:
        hour: hour of the day, 0 to 23, local.
        weekday: day of the week, Monday 0 to Sunday 6, local.
        holiday: 1 on a public holiday, else 0.
        season: share of the year that has passed, 0 to 1, local.
    """

    hour: NDArray[np.int8]
    weekday: NDArray[np.int8]
    holiday: NDArray[np.int8]
    season: NDArray[np.float64]


@dataclass(frozen=True)
class Calendar:
    """Time zone and holidays that the consumers of a source live by.

    Attributes:
        time_zone: IANA name; hours of the day follow it.
        country: ISO 3166 code of the holiday calendar, or None for no holidays.
        subdivision: part of the country with holidays of its own, or None.

    Raises:
        SettingsError: the zone, the country or the subdivision is not known.
    """

    time_zone: str = "UTC"
    country: str | None = None
    subdivision: str | None = None

    def __post_init__(self) -> None:
        try:
            ZoneInfo(self.time_zone)
        except (KeyError, ValueError, OSError) as error:
            raise SettingsError(
                f"time zone {self.time_zone!r} is not known: give an IANA name like Europe/Copenhagen"
            ) from error
        if self.country is not None:
            try:
                holidays.country_holidays(self.country, subdiv=self.subdivision, years=2020)
            except NotImplementedError as error:
                raise SettingsError(
                    f"no holiday calendar for country {self.country!r}, subdivision {self.subdivision!r}: "
                    "give an ISO 3166 code that the package holidays knows, or leave it out"
                ) from error

    @property
    def has_holidays(self) -> bool:
        """Whether holidays are known; without, every day counts as an ordinary one."""
        return self.country is not None

    def at(self, hours: NDArray[np.int64]) -> CalendarFields:
        """Fields of UTC hours of any shape; the result has the same shape."""
        hours = np.asarray(hours, np.int64)
        if hours.size == 0:
            empty = np.zeros(hours.shape, np.int8)
            return CalendarFields(empty, empty, empty, np.zeros(hours.shape))
        first, last = int(hours.min()) // BLOCK_HOURS, int(hours.max()) // BLOCK_HOURS
        blocks = [_block(self, number) for number in range(first, last + 1)]
        index = hours - first * BLOCK_HOURS
        return CalendarFields(
            hour=np.concatenate([block.hour for block in blocks])[index],
            weekday=np.concatenate([block.weekday for block in blocks])[index],
            holiday=np.concatenate([block.holiday for block in blocks])[index],
            season=np.concatenate([block.season for block in blocks])[index],
        )


@lru_cache(maxsize=512)
def _block(calendar: Calendar, number: int) -> CalendarFields:
    zone = ZoneInfo(calendar.time_zone)
    moments = [from_hour(hour).astimezone(zone) for hour in range(number * BLOCK_HOURS, (number + 1) * BLOCK_HOURS)]
    days = [moment.date() for moment in moments]
    off_days = _holidays(calendar, days[0], days[-1])
    return CalendarFields(
        hour=np.array([moment.hour for moment in moments], np.int8),
        weekday=np.array([day.weekday() for day in days], np.int8),
        holiday=np.array([day in off_days for day in days], np.int8),
        season=np.array(
            [
                (day.timetuple().tm_yday - 1 + moment.hour / 24) / MEAN_YEAR_DAYS
                for day, moment in zip(days, moments, strict=True)
            ]
        ),
    )


def _holidays(calendar: Calendar, first: date, last: date) -> frozenset[date]:
    if calendar.country is None:
        return frozenset()
    years = range(first.year, last.year + 1)
    named = holidays.country_holidays(calendar.country, subdiv=calendar.subdivision, years=years)
    return frozenset(day for day in named if first - timedelta(days=1) <= day <= last + timedelta(days=1))
