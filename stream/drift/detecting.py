"""Detects whether a series drifted on a given day: a pure function of the 28 days up to its end.

Each day is judged by itself. The first 25 days of its window are the reference that the values are standardised by; the
newest RECENT_DAYS are tested, so they are not part of it. A Page-Hinkley test (Page, 1954; river's) walks through the
whole window, and the day drifts where the test is beyond its threshold within it. A change that lasts is reported once:
on the first day of a run of days that drift.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from river.drift import PageHinkley

from dayahead.contracts import DriftKind
from dayahead.drift.days import DAY_H, RECENT_DAYS
from dayahead.hours import Hour

WINDOW_DAYS = 28
LEAST_REFERENCE_DAYS = 10
"""Least days with values that a reference needs."""

SLACK = 0.5
"""Slack of most measures."""
THRESHOLD_DAYS = 6.0
"""Threshold of most measures."""
CAP = 4.0
"""Largest deviation that counts: less the slack it is below the threshold of each measure, so that a single day,
however bad, does not fire by itself."""
LOOKBACK_DAYS = WINDOW_DAYS + 1
"""Days of values that the answer of one day depends on: its own window, and that of the day before."""


@dataclass(frozen=True)
class Measure:
    """A quantity that is watched of each series.

    Attributes:
        kind: of its events.
        detector: name of the detector in its events.
        mode: `up` where only a rise is a drift, else `both` (as river calls them).
        least_scale: lower bound of the standard deviation, in the unit of the values.
        slack: deviations up to this are ignored, in standard deviations.
        threshold_days: summed deviation beyond the slack at which the test fires: standard deviations times days.
    """

    kind: DriftKind
    detector: str
    mode: str
    least_scale: float = 0.0
    slack: float = SLACK
    threshold_days: float = THRESHOLD_DAYS


ERROR = Measure(DriftKind.CONCEPT, "page-hinkley:error", "up", least_scale=0.1)
"""Logarithm of |error| / |actual| of a forecast; a forecast that became better is no event."""
LEVEL = Measure(DriftKind.DATA, "page-hinkley:level", "both", least_scale=0.2, slack=1.0, threshold_days=4.0)
"""Logarithm of a day's level. The weather moves it by a fifth; see decision 0059 for how these were chosen."""
SPREAD = Measure(DriftKind.DATA, "page-hinkley:spread", "both", least_scale=0.35)
"""Logarithm of a day's spread in units of its level."""
PATTERN = Measure(DriftKind.DATA, "page-hinkley:pattern", "up", least_scale=0.2)
"""How little a day's hours resemble those of three weeks."""

WEATHER_ADJUSTED = ":weather-adjusted"
"""End of the name of a detector whose values have the effect of the temperature taken off."""
ADJUSTED_LEVEL = replace(LEVEL, detector=LEVEL.detector + WEATHER_ADJUSTED, least_scale=0.12)
"""Without the weather a level is steadier, so that less is a change of it (decision 0093)."""
ADJUSTED_SPREAD = replace(SPREAD, detector=SPREAD.detector + WEATHER_ADJUSTED)
ADJUSTED_PATTERN = replace(PATTERN, detector=PATTERN.detector + WEATHER_ADJUSTED)


@dataclass(frozen=True)
class Detection:
    """A drift that the test detected.

    Attributes:
        hour: of the value at which the test fired.
        statistic: mean of the day's values, in standard deviations from the mean of the reference.
    """

    hour: Hour
    statistic: float


def detect(hours: NDArray[np.int64], values: NDArray[np.float64], day: Hour, measure: Measure) -> Detection | None:
    """Detect whether to report a drift of the series on a day.

    Args:
        hours: int64 [n], rising, of LOOKBACK_DAYS up to the end of the day.
        values: float64 [n]; one that is not finite is left out.
        day: the first hour of the day.
        measure: what the values are.

    Returns:
        None where the day does not drift, where the day before does already, or where the reference is too short.
    """
    found = fired(hours, values, day, measure)
    if found is None or fired(hours, values, day - DAY_H, measure) is not None:
        return None
    return found


def fired(hours: NDArray[np.int64], values: NDArray[np.float64], day: Hour, measure: Measure) -> Detection | None:
    """Detect whether the series drifts on a day, whatever it did on the day before; arguments as of `detect`."""
    known = np.isfinite(values)
    hours, values = hours[known], values[known]
    end = day + DAY_H
    inside = (hours >= end - WINDOW_DAYS * DAY_H) & (hours < end)
    hours, values = hours[inside], values[inside]
    if not len(hours) or hours[-1] < day:
        return None
    earlier = hours < end - RECENT_DAYS * DAY_H
    if len(np.unique(hours[earlier] // DAY_H)) < LEAST_REFERENCE_DAYS:
        return None
    mean = float(values[earlier].mean())
    scale = max(float(values[earlier].std()), measure.least_scale)
    if scale == 0:
        return None
    standardised = (values - mean) / scale
    # origins of a day share most of their hours, so that a day counts as one value, however many it has
    values_a_day = len(hours) / len(np.unique(hours // DAY_H))
    before = int((hours < day).sum())
    test = PageHinkley(
        # so that it fires within the day or not at all: river forgets everything where a test has fired
        min_instances=before + 1,
        delta=measure.slack,
        threshold=measure.threshold_days * values_a_day,
        alpha=1.0,
        mode=measure.mode,
    )
    for hour, value in zip(hours.tolist(), standardised.clip(-CAP, CAP).tolist(), strict=True):
        test.update(value)
        if test.drift_detected:
            return Detection(hour, float(standardised[hours >= day].mean()))
    return None
