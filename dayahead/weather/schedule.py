"""When the runs of a weather model start, and when each can be had."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from dayahead.hours import Hour, from_hour, to_hour

DAY_H = 24

GRACE = timedelta(hours=1)
"""Delay beyond `delay_h` after which a run counts as missed."""


class RunSchedule:
    """The starts of runs, which repeat every day."""

    def __init__(self, run_hours: Sequence[int], delay_h: float) -> None:
        """Store the arguments.

        Args:
            run_hours: hours of the day at which runs start, UTC, ascending.
            delay_h: hours from the start of a run until it can be had.
        """
        self._hours, self.delay = tuple(run_hours), timedelta(hours=delay_h)

    def starts(self, first: Hour, end: Hour) -> list[Hour]:
        """The starts from `first` to before `end`, ascending."""
        days = range(first - first % DAY_H, end, DAY_H)
        return [start for day in days for hour in self._hours if first <= (start := day + hour) < end]

    def newest_due(self, now: datetime) -> Hour:
        """The start of the newest run that can be had."""
        last = to_hour(now - self.delay)
        return self.starts(last - DAY_H, last + 1)[-1]

    def due_at(self, start: Hour) -> datetime:
        """When a run can be had."""
        return from_hour(start) + self.delay

    def next_due(self, now: datetime) -> datetime:
        """When the next run can be had."""
        last = to_hour(now - self.delay)
        return self.due_at(self.starts(last + 1, last + DAY_H + 2)[0])

    def missed(self, newest: Hour, now: datetime) -> int:
        """Number of runs that started after `newest` and could have been had for at least `GRACE`."""
        return len(self.starts(newest + 1, to_hour(now - self.delay - GRACE) + 1))
