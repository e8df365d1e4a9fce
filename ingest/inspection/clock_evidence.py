"""Finds which clock the times of a series follow, and whether they name start or end, from what the series shows.

Clock changes: the right zone and label place the times of such a day in UTC without a gap and without a repetition.
Edges: a file of whole days goes from 00:00 to 23:00 where times name the start, from 01:00 to 24:00 where the end.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from dayahead.reading.clock_changes import EPOCH, utc_midnights
from dayahead.reading.time_text import plain_times
from dayahead.reading.wall_times import MINUTE_US, WallTimes
from dayahead.record_format import DIVISORS, RecordFormat

ZONES = (
    "UTC",
    "Europe/London",
    "Europe/Berlin",
    "Europe/Helsinki",
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
    "America/Halifax",
    "America/Santiago",
    "Australia/Sydney",
    "Australia/Adelaide",
    "Pacific/Auckland",
)
"""One zone for each rule of clock changes that many live by."""

CLOCK_OF = {"Europe/London": "London", "Europe/Berlin": "Central Europe", "Europe/Helsinki": "Eastern Europe"}
DAY = 1440
LEAST_SHARE = 0.85
"""Share of the times of a day that must be there before it says anything."""


@dataclass(frozen=True)
class ClockEvidence:
    """What a series shows about its clock.

    Attributes:
        fitting: zones and labels that explain every clock change in it.
        nights: days of clock changes that it covers.
        edges: start or end, if the first and last times say it; else empty.
        first, last: times, minutes since 1970 on the wall.
    """

    fitting: Sequence[tuple[str, str]]
    nights: Sequence[str]
    edges: str
    first: int
    last: int

    @property
    def zones(self) -> list[str]:
        """Zones that fit."""
        return list(dict.fromkeys(zone for zone, _ in self.fitting))

    def labels(self, zone: str | None = None) -> list[str]:
        """Labels that fit, of any zone or one."""
        return sorted({label for one, label in self.fitting if zone in (None, one)})

    def in_zone(self, zone: str) -> bool:
        """Whether a zone explains the clock changes."""
        return any(one == zone for one, _ in self.fitting)


def clock_evidence(wall: NDArray[np.int64], step: int, zone: str | None = None) -> ClockEvidence:
    """Look at one series.

    Args:
        wall: [n] its times in the order of the file, minutes since 1970 on the wall.
        step: minutes from one to the next.
        zone: the zone, where it is known.
    """
    first, last = int(wall.min()), int(wall.max())
    zones = [zone] if zone else list(ZONES)
    days = sorted({day for one in {*zones, *ZONES} for day in _change_days(one, first, last)})
    covered = [day for day in days if _is_covered(wall, day, step)]
    near = wall[np.isin(wall // DAY, [day + more for day in covered for more in (-1, 0, 1)])]
    fitting = [
        (one, label)
        for one in (zones if covered else [])
        for label in ("start", "end")
        if _explains(near, covered, one, label, step)
    ]
    nights = [f"{EPOCH + timedelta(days=day):%Y-%m-%d}" for day in covered if _is_odd(wall, day, step)]
    return ClockEvidence(fitting, nights, _edges(first, last, step), first, last)


def edge_evidence(wall: NDArray[np.int64], step: int) -> ClockEvidence:
    """Look at the first and last time alone, of a series whose times say their offset.

    Args:
        wall: [n] its times as written, minutes since 1970.
        step: minutes from one to the next.
    """
    first, last = int(wall.min()), int(wall.max())
    return ClockEvidence((), (), _edges(first, last, step), first, last)


def numbered_evidence(days: NDArray[np.int64], step: int) -> ClockEvidence:
    """Look at how many numbered periods the days of a series have.

    Args:
        days: [n] day of each of its records, since 1970.
        step: minutes of a period.
    """
    found, counts = np.unique(days, return_counts=True)
    inner = slice(1, -1)  # the first and the last day may be cut
    odd = found[inner][counts[inner] != DAY // step]
    fitting = []
    for zone in ZONES if len(odd) else ():
        known = ZoneInfo(zone)
        length = utc_midnights((found + 1) * DAY, known) - utc_midnights(found * DAY, known)
        if np.all((length // step == counts)[inner]):
            fitting += [(zone, "start"), (zone, "end")]
    nights = [f"{EPOCH + timedelta(days=int(day)):%Y-%m-%d}" for day in odd]
    return ClockEvidence(fitting, nights, "", int(found[0]) * DAY, int(found[-1]) * DAY)


def _change_days(zone: str, first: int, last: int) -> set[int]:
    """Days, since 1970, within which a zone changes its offset."""
    known = ZoneInfo(zone)
    numbers = range(first // DAY, last // DAY + 2)
    offsets = [(EPOCH + timedelta(days=day)).replace(tzinfo=known).utcoffset() for day in numbers]
    return {day for day, offset, after in zip(numbers, offsets, offsets[1:], strict=False) if offset != after}


def _is_covered(wall: NDArray[np.int64], day: int, step: int) -> bool:
    """Whether a series has nearly all times of a day, the evening before and the morning after."""
    near = wall[(wall >= day * DAY - 180) & (wall < (day + 1) * DAY + 180)]
    return len(near) >= LEAST_SHARE * (DAY + 360) / step


def _is_odd(wall: NDArray[np.int64], day: int, step: int) -> bool:
    """Whether a day has another number of times than others."""
    return len(wall[(wall // DAY) == day]) != DAY // step


def _explains(near: NDArray[np.int64], days: Sequence[int], zone: str, label: str, step: int) -> bool:
    """Whether a zone and label place the times around clock changes without a gap or repetition."""
    form = RecordFormat(time_column="-", time_zone=zone, time_label=label, period_minutes=_divisor(step))
    times = WallTimes(form)
    placed = times.place(plain_times(near * MINUTE_US, np.ones(len(near), np.bool_), has_offset=False), str)
    if placed.faults:
        return False
    minute = placed.minute.copy()
    if (places := np.flatnonzero(placed.open)).size:
        minute[places] = times.settle(np.zeros(len(places), np.int32), placed.wall[places], placed.mark[places])
    minute = np.sort(minute)
    steps = np.diff(minute)
    offset = int(np.median(minute - np.sort(near)))
    for day in days:
        low, high = day * DAY + offset - 60, (day + 1) * DAY + offset + 60
        here = (minute[:-1] >= low) & (minute[1:] <= high)
        if np.any(steps[here] != step):
            return False
    return True


def _divisor(step: int) -> int:
    return step if step in DIVISORS else 60


def _edges(first: int, last: int, step: int) -> str:
    if last - first < DAY - step:
        return ""
    if first % DAY == 0 and (last + step) % DAY == 0:
        return "start"
    return "end" if first % DAY == step and last % DAY == 0 else ""


def wall_text(minute: int) -> str:
    """A time on the wall, for a person."""
    return f"{EPOCH + timedelta(minutes=minute):%Y-%m-%d %H:%M}"
