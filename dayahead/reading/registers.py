"""Makes hours of the readings of meters: the difference between two readings an hour apart."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dayahead.grouping import runs
from dayahead.reading.periods import LEAST_RUN, Parts
from dayahead.record_format import HOUR_MINUTES

IMPLAUSIBLE = 50.0
"""A difference this many times the usual one is a replaced meter, not an hour of consumption."""


@dataclass(frozen=True)
class RegisterHours:
    """Hours made of readings, sorted by series and hour.

    Attributes:
        series: [h] number of the series.
        hour: [h] whole hours since 1970-01-01T00Z.
        value: [h] in the unit of the source.
        place: [h] number of the record of the reading at the start.
        broken: places in the readings of those after which the register was reset or replaced.
        incomplete: [i] hours that lack a reading at their start or end, once for each series.
        off_hour: places in the readings of series that have several and none on an hour of UTC.
    """

    series: NDArray[np.int32]
    hour: NDArray[np.int64]
    value: NDArray[np.float64]
    place: NDArray[np.int64]
    broken: NDArray[np.int64]
    incomplete: NDArray[np.int64]
    off_hour: NDArray[np.int64]


def hours_of_readings(readings: Parts, rollover: float | None, maximum: float) -> RegisterHours:
    """Make hours.

    Readings within an hour are not needed. A register that falls has rolled over, if the difference is plausible then;
    otherwise it was reset or replaced, and the hour is unknown.

    Args:
        readings: of any number of series, sorted by series and time, each at the moment of its time.
        rollover: reading at which a register starts again from 0, in the unit of the source; None: it never does.
        maximum: greatest plausible value of an hour, in the unit of the source.
    """
    counts = np.bincount(readings.series)
    on_hour = np.flatnonzero(readings.minute % HOUR_MINUTES == 0)
    at = readings.take(on_hour)
    same = at.series[1:] == at.series[:-1]
    gap_h = np.diff(at.minute) // HOUR_MINUTES
    is_hour = same & (gap_h == 1)
    difference = np.diff(at.value)
    if rollover is not None:
        difference = np.where(difference < 0, difference + rollover, difference)
    usual = _usual_rise(at, difference, is_hour)
    plausible = (difference >= 0) & (difference <= maximum) & (difference <= IMPLAUSIBLE * usual)
    good = np.flatnonzero(is_hour & plausible)
    return RegisterHours(
        at.series[good],
        at.minute[good] // HOUR_MINUTES,
        difference[good],
        at.place[good],
        on_hour[np.flatnonzero(is_hour & ~plausible)],
        _between(at.minute[:-1][same & (gap_h > 1)] // HOUR_MINUTES, gap_h[same & (gap_h > 1)]),
        np.flatnonzero(~np.isin(readings.series, at.series) & (counts[readings.series] >= LEAST_RUN)),
    )


def _between(first: NDArray[np.int64], count: NDArray[np.int64]) -> NDArray[np.int64]:
    """The hours of gaps.

    Args:
        first: [g] first hour of each gap.
        count: [g] number of its hours.
    """
    within = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count)
    hours: NDArray[np.int64] = np.repeat(first, count) + within
    return hours


def _usual_rise(at: Parts, difference: NDArray[np.float64], is_hour: NDArray[np.bool_]) -> NDArray[np.float64]:
    """[n - 1] for each difference the median of those of its series that rise; infinite where there are too few."""
    usual = np.full(len(difference), np.inf)
    for low, high in runs(at.series):
        here = difference[low : high - 1][is_hour[low : high - 1]]
        rising = here[here > 0]
        if len(rising) >= 24:
            usual[low : high - 1] = np.median(rising)
    return usual
