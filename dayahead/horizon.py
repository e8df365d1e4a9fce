"""The horizon of a forecast: how many hours it looks ahead, and the days that it is cut into.

Day d of the horizon is the 24 leads from 24(d - 1) + 1 to 24d. The last day of a horizon may be shorter. A day of the
horizon is not a day of the calendar, and 24 leads of a day are not the 24 hours of a clock: hence `DAY_LEADS`.
"""

from math import ceil

DAY_LEADS = 24
"""Leads of a day of the horizon."""

LEAST_LEADS = DAY_LEADS
MAX_DAYS = 17
MAX_LEADS = MAX_DAYS * DAY_LEADS
"""Leads that a forecast may hold: 14 days from now on, with a source that is two days and more behind."""

WEEK_HOURS = 168

TO_THE_END_OF_TOMORROW = 49
"""Leads from the newest hour of a source without any lag to the end of tomorrow, just after midnight, where the clock
is set back."""


def days_of(leads: int) -> int:
    """Count the days of a horizon, of which the last may be shorter."""
    return -(-leads // DAY_LEADS)


def leads_before(day: int) -> int:
    """Count the leads of the days before a day of the horizon (1 is the first)."""
    return DAY_LEADS * (day - 1)


def week_lag(day: int) -> int:
    """Hours from each lead's hour, moved to the first day, back to the newest known same hour of the week.

    The hour of lead 24(day - 1) + h lies h hours after the origin, moved to the first day; its newest known same hour
    of the week lies `week_lag(day)` before that, its newest known same hour of the day always 24. 168 on day 1, 24 on
    day 7, 168 again on day 8.
    """
    return WEEK_HOURS * -(-day // 7) - leads_before(day)


def default_horizon_h(publication_lag_h: float, publication_interval_h: float) -> int:
    """Leads that reach the end of tomorrow (local time) at every hour of the day, whatever has been published by then.

    Args:
        publication_lag_h: from the start of an hour to its publication.
        publication_interval_h: hours between two publications, during which the newest hour grows older.
    """
    behind = ceil(publication_lag_h + max(publication_interval_h - 1, 0))
    return min(TO_THE_END_OF_TOMORROW + behind, MAX_LEADS)
