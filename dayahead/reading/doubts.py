"""Recognizes series that are no consumption by the hour: meter readings, and one value a day."""

import numpy as np
from numpy.typing import NDArray

from dayahead.grouping import runs
from dayahead.reading.periods import Hours
from dayahead.record_format import RecordFormat

LEAST_READINGS = 48
"""Hours that a series must have before it can be taken for a register: no consumption rises for two days."""

MOST_RESETS = 0.05
"""Share of hours in which a register may start again."""

MOST_REPLACEMENTS = 0.01
"""Share of hours in which a meter may be replaced by one that stands lower."""

LEAST_RISES = 0.1
"""Share of hours in which a register must rise: in whole kWh it stands still for hours."""

LEAST_DAYS = 4
DAY_H = 24


def doubt_about(hours: NDArray[np.int64], values: NDArray[np.float64], form: RecordFormat) -> str | None:
    """Why a series is no consumption by the hour; None if nothing says so.

    Args:
        hours: [h] of one series, ascending.
        values: [h] in the unit of the source.
        form: says what its values are.
    """
    if len(hours) >= LEAST_DAYS and not np.any(np.diff(hours) % DAY_H):
        return "has one record a day: a value of a day is no value of an hour"
    if form.quantity is None and len(hours) >= LEAST_READINGS:
        steps = np.diff(values)
        falls = steps < 0
        to_zero = bool(np.all(values[1:][falls] < 0.1 * values[:-1][falls]))
        most_falls = MOST_RESETS if to_zero else MOST_REPLACEMENTS
        if np.mean(falls) <= most_falls and np.mean(steps > 0) >= LEAST_RISES:
            return (
                f"only rises ({np.count_nonzero(steps > 0):,} of {len(steps):,} hours) like a meter reading: set "
                "quantity: register to take differences, or quantity: energy if it is consumption"
            )
    return None


def doubts(hours: Hours, form: RecordFormat) -> dict[int, str]:
    """Series that are no consumption by the hour.

    Args:
        hours: of all series, sorted by series and hour.
        form: says what their values are.

    Returns:
        Number of the series -> why.
    """
    found: dict[int, str] = {}
    for low, high in runs(hours.series):
        if why := doubt_about(hours.hour[low:high], hours.value[low:high], form):
            found[int(hours.series[low])] = why
    return found
