"""How a publisher is asked for some hours: the format of its bounds, and the hours of one request."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from dayahead.hours import HOUR_S, Hour, from_hour, to_hour
from dayahead.record_format import EPOCHS

DAY_H = 24
AROUND_H = 3
START, END = "{start}", "{end}"


class Bounds:
    """Writes hours as a publisher expects them.

    A bound without a time of day, or a local time without an offset, asks for whole local days: the second cannot say
    which of the two equal hours of an autumn night it means.
    """

    def __init__(self, form: str, zone: str) -> None:
        """Describe the bounds.

        Args:
            form: a pattern of strftime, `epoch_s` or `epoch_ms`; `%:z` is an offset with a colon.
            zone: IANA name of their zone.
        """
        self._form, self._zone = form, ZoneInfo(zone)
        is_exact = form in EPOCHS or zone == "UTC" or "%z" in form or "%:z" in form
        self.whole_days = form not in EPOCHS and (not is_exact or not any(code in form for code in ("%H", "%I")))

    def texts(self, start: Hour, end: Hour) -> Mapping[str, str]:
        """The bounds of a request by their placeholders: at least the hours from `start` to before `end`."""
        first, last = from_hour(start), from_hour(end)
        if self.whole_days:
            first, last = self._midnight(first), self._midnight_from(last)
        return {START: self._text(first), END: self._text(last)}

    def after_days(self, start: Hour, days: int) -> Hour:
        """The first hour after the local day of an hour and the days that follow it, `days` in all.

        Where midnight is within an hour of UTC, that hour is left to the next window, unless it would be the only one.
        """
        midnight = self._midnight(from_hour(start), days)
        hour = to_hour(midnight)
        return hour if hour > start else to_hour(midnight + timedelta(seconds=HOUR_S - 1))

    def _midnight(self, moment: datetime, days: int = 0) -> datetime:
        local = moment.astimezone(self._zone)
        day = (local.replace(tzinfo=None) + timedelta(days=days)).date()
        return datetime(day.year, day.month, day.day, tzinfo=self._zone).astimezone(UTC)

    def _midnight_from(self, moment: datetime) -> datetime:
        midnight = self._midnight(moment)
        return midnight if midnight == moment else self._midnight(moment, days=1)

    def _text(self, moment: datetime) -> str:
        if self._form in EPOCHS:
            return str(round(moment.timestamp() * 1_000_000) // EPOCHS[self._form])
        local = moment.astimezone(self._zone)
        return local.strftime(self._form.replace("%:z", f"{local:%z}"[:3] + ":" + f"{local:%z}"[3:5]))


class Windows:
    """The hours of one request: not more than the publisher allows, fewer after it truncated an answer.

    A request also asks for some hours around its own. The conversion sees there how long periods are: where it changes,
    it believes a new length only after a few hours, and the last hours of a window would be lost. Whole local days need
    none: publishers change at midnight.
    """

    def __init__(self, bounds: Bounds, days: float | None) -> None:
        """Start with the longest window.

        Args:
            bounds: of the publisher.
            days: that one request may span; None: any number.
        """
        self._bounds = bounds
        self._hours = None if days is None else max(1, int(days * DAY_H))
        self.around_h = AROUND_H
        """Hours to ask for on both sides of a window."""
        if bounds.whole_days or (self._hours is not None and self._hours < DAY_H):
            self.around_h = 0
        elif self._hours is not None:
            self._hours -= 2 * self.around_h

    def end_of(self, start: Hour, end: Hour) -> Hour:
        """The hour before which a window from `start` ends."""
        if self._hours is None:
            return end
        if self._bounds.whole_days:
            return min(end, self._bounds.after_days(start, max(1, self._hours // DAY_H)))
        return min(end, start + self._hours)

    def shrink(self, start: Hour, end: Hour) -> bool:
        """Halve the windows after one was truncated; False if they cannot be shorter.

        Args:
            start: of the truncated window.
            end: of it.
        """
        before = self.end_of(start, end) - start, self.around_h
        self._hours = max(1, before[0] // 2)
        if self._hours < AROUND_H:
            self.around_h = 0
        return (self.end_of(start, end) - start, self.around_h) < before
