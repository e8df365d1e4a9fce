"""A day of the calendar as people live it: its hours, and a time of day on it.

A day of 23 or 25 hours is one whose clock is changed. Where midnight is not at a full hour of UTC, an hour belongs to
the day that it starts in.
"""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from dayahead.hours import HOUR_S, Hour

DAY = timedelta(days=1)


def local_date(moment: datetime, time_zone: str) -> date:
    """Return the day of the calendar that a moment lies in."""
    return moment.astimezone(ZoneInfo(time_zone)).date()


def hours_of_day(day: date, time_zone: str) -> range:
    """Return the hours that start within a day of the calendar: 23, 24 or 25; none where the zone skips the day."""
    return range(_first_hour(day, time_zone), _first_hour(day + DAY, time_zone))


def moment_on(day: date, at: time, time_zone: str) -> datetime:
    """Return the moment (UTC) of a time of day.

    The first of two where the clock is set back; where it skips the time, as if it had not been set yet.
    """
    return datetime.combine(day, at, ZoneInfo(time_zone)).astimezone(UTC)


def _first_hour(day: date, time_zone: str) -> Hour:
    return -int(-moment_on(day, time(), time_zone).timestamp() // HOUR_S)
