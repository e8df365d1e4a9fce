"""What the average day of a series says about its clock: a hint for a person who must name the zone, never a decision.

Consumption of people is lowest in the small hours and rises in the morning; what the sun produces has its middle at
noon. Neither is exact: shops, heating by night or a wide zone move it by two hours. So it can tell UTC from the time of
another continent, and not UTC from that of London, nor the start of a period from its end.
"""

import numpy as np
from numpy.typing import NDArray

from dayahead.record_format import HOUR_MINUTES

DAY_H = 24
LEAST_DAYS = 7
LEAST_SWING = 0.15
"""Range of the average day as a share of its mean, below which it has no shape."""

DARK = 0.02
"""Share of the greatest hour below which nothing is produced."""

LEAST_DARK_H, MOST_DARK_H = 6, 18
LOW_H, NOON_H = 3.5, 12.75
"""Middle of the hour with the lowest consumption, and of the day where the sun produces, on a local clock."""

TOLERANCE_H = 2.5
BY_OFFSET_H = {
    -10: "Pacific/Honolulu",
    -8: "America/Los_Angeles",
    -7: "America/Denver",
    -6: "America/Chicago",
    -5: "America/New_York",
    -4: "America/Halifax",
    -3: "America/Sao_Paulo",
    3: "Europe/Istanbul",
    4: "Asia/Dubai",
    5: "Asia/Karachi",
    6: "Asia/Dhaka",
    7: "Asia/Bangkok",
    8: "Asia/Singapore",
    9: "Asia/Tokyo",
    10: "Australia/Brisbane",
    11: "Australia/Sydney",
    12: "Pacific/Auckland",
}
"""A zone with each offset from UTC, as an example."""


def profile_hint(minute: NDArray[np.int64], values: NDArray[np.float64]) -> str:
    """What the average day shows, as a part of a sentence; empty if it has no shape.

    Args:
        minute: [n] times of one series, minutes since 1970 on the wall.
        values: [n] its values; NaN where there is none.
    """
    profile = _profile(minute, values)
    if profile is None:
        return ""
    if (noon := _middle_of_daylight(profile)) is not None:
        seen = f"the sun produces around {_clock(noon)}"
        return f"{seen}{_conclusion(noon - NOON_H, 'it does around noon')}"
    low = _middle_of_lowest(profile)
    steepest = int(np.argmax(np.roll(profile, -1) - profile)) + 1
    seen = f"on the average day the lowest hour is around {_clock(low)} and the steepest rise at {_clock(steepest)}"
    return f"{seen}{_conclusion(low - LOW_H, 'the lowest is between 02:00 and 05:00')}"


def _profile(minute: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """[24] mean value of each hour of the wall clock; None if there are too few days or it is flat."""
    known = np.isfinite(values)
    hour = minute[known] // HOUR_MINUTES % DAY_H
    counts = np.bincount(hour, minlength=DAY_H)
    days = len(np.unique(minute[known] // (DAY_H * HOUR_MINUTES)))
    if counts.min() == 0 or days < LEAST_DAYS:
        return None
    profile = np.bincount(hour, weights=values[known], minlength=DAY_H) / counts
    mean = float(np.mean(profile))
    return profile if mean > 0 and float(np.ptp(profile)) >= LEAST_SWING * mean else None


def _middle_of_daylight(profile: NDArray[np.float64]) -> float | None:
    """The middle of the hours in which the sun produces; None if the series is no production of the sun."""
    dark = profile <= DARK * profile.max()
    if not LEAST_DARK_H <= np.count_nonzero(dark) <= MOST_DARK_H or np.count_nonzero(dark != np.roll(dark, 1)) != 2:
        return None
    return _mean_hour(np.where(dark, 0.0, profile))


def _middle_of_lowest(profile: NDArray[np.float64]) -> float:
    """The middle of the lowest hours: those of the lowest quarter of the range."""
    depth = profile.min() + 0.25 * np.ptp(profile) - profile
    return _mean_hour(np.maximum(depth, 0.0))


def _mean_hour(weights: NDArray[np.float64]) -> float:
    """The mean time of weighted hours on a clock of 24 hours; that of an hour is its middle."""
    angles = (np.arange(DAY_H) + 0.5) / DAY_H * 2 * np.pi
    mean = np.angle(np.sum(weights * np.exp(1j * angles)))
    return float(mean / (2 * np.pi) * DAY_H % DAY_H)


def _conclusion(late_h: float, usual: str) -> str:
    """What it means that a moment of the day is so much later than it is on a local clock."""
    late_h = (late_h + DAY_H / 2) % DAY_H - DAY_H / 2
    if abs(late_h) <= TOLERANCE_H:
        return f"; on a local clock {usual}: they may be local, or of a zone within about 2 hours"
    hours = round(abs(late_h))
    side = "behind" if late_h > 0 else "ahead of"
    offset_h = -hours if late_h > 0 else hours
    example = f" (as in {BY_OFFSET_H[offset_h]})" if offset_h in BY_OFFSET_H else ""
    return f"; on a local clock {usual}: they may be UTC, of people about {hours} hours {side} it{example}"


def _clock(hour: float) -> str:
    return f"{int(hour) % DAY_H:02d}:00"
