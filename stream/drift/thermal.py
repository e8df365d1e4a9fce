"""Takes what the temperature explains off the hours of a series: a cold spell is no change of its level.

The response of the series is read from the weeks before the days that are tested, as the forecast reads it: how much
its load changed within a week where heating and cooling did. The effect of a temperature is the product of both. What
is left is the load at the usual temperature of the reference. See decision 0093.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dayahead.drift.days import BACK_DAYS, DAY_H, RECENT_DAYS
from dayahead.hours import Hour
from stream.drift.detecting import WINDOW_DAYS

WEEK_H = 7 * DAY_H
SPAN_H = (WINDOW_DAYS + BACK_DAYS) * DAY_H
"""Hours before the end of a day that its judgement depends on."""

HEATED_BELOW_C, COOLED_ABOVE_C = 16.0, 20.0
"""Heating begins below the first, cooling above the second; also of the day's mean."""

PASSES = 3
FIRST_LIMIT, RESIDUAL_LIMIT = 3.0, 1.5
"""Changes of the load beyond so many times the mean one count less in the first pass, in the others what is left of
them beyond so many times the median: an outage says nothing about heating, a cold day may."""

PRIOR = 5.0
"""Squares of hinge changes, in (10 K)^2 hours, that speak for no response: a week whose temperature hardly changes."""

MOST_UNKNOWN = 0.1
"""Share of hours without a temperature from which on the weather is not used."""


@dataclass(frozen=True)
class HourlyTemperature:
    """Temperature at the place of a series.

    Attributes:
        start: first hour.
        values: float64 [hours], degrees Celsius, NaN where it is not known.
    """

    start: Hour
    values: NDArray[np.float64]

    def between(self, first: Hour, hours: int) -> NDArray[np.float64]:
        """The hours from `first` on; float64 [hours], NaN outside of what is known."""
        found = np.full(hours, np.nan)
        low, high = max(first, self.start), min(first + hours, self.start + len(self.values))
        if low < high:
            found[low - first : high - first] = self.values[low - self.start : high - self.start]
        return found


def without_weather(
    hours: NDArray[np.int64], values: NDArray[np.float64], temperature: HourlyTemperature, end: Hour
) -> tuple[NDArray[np.int64], NDArray[np.float64]] | None:
    """Take the effect of the temperature off the hours before the end of a day.

    Args:
        hours: int64 [n], each hour once.
        values: float64 [n], NaN where missing.
        temperature: at the place of the series.
        end: the hour after the last of the day.

    Returns:
        The hours from SPAN_H before the end on, and their values at the mean effect of the reference. None where more
        than a tenth of the temperatures of the weeks, or of the tested days, is not known.
    """
    start, recent = end - SPAN_H, RECENT_DAYS * DAY_H
    at = hinges(temperature.between(start - DAY_H, SPAN_H + DAY_H))[:, DAY_H:]
    unknown = np.isnan(at.sum(axis=0))
    if max(unknown.mean(), unknown[-recent:].mean()) > MOST_UNKNOWN:
        return None
    inside = (hours >= start) & (hours < end)
    load = np.full(SPAN_H, np.nan)
    load[hours[inside] - start] = values[inside]
    slopes = response(load[:-recent], at[:, :-recent])
    if slopes is None:
        return None
    effect = slopes @ at
    usual = float(np.nanmean(effect[-WINDOW_DAYS * DAY_H : -recent]))
    adjusted = load - np.where(unknown, 0.0, effect - usual)
    return start + np.arange(SPAN_H), adjusted


def hinges(temperature: NDArray[np.float64]) -> NDArray[np.float64]:
    """Heating and cooling of each hour, and of the mean of the day up to it, in tens of kelvin; float64 [4, hours].

    Args:
        temperature: float64 [hours], degrees Celsius; the first day of the answer is unknown.
    """
    mean = np.full(len(temperature), np.nan)
    if len(temperature) >= DAY_H:
        mean[DAY_H - 1 :] = np.lib.stride_tricks.sliding_window_view(temperature, DAY_H).mean(axis=1)
    parts = [part for one in (temperature, mean) for part in (HEATED_BELOW_C - one, one - COOLED_ABOVE_C)]
    return np.maximum(np.stack(parts), 0.0) / 10


def response(load: NDArray[np.float64], at: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """How the load of a series follows the hinges; float64 [4], its unit per 10 K. None where it cannot be said.

    Args:
        load: float64 [hours], NaN where missing.
        at: float64 [4, hours], hinges.
    """
    change, moved = load[WEEK_H:] - load[:-WEEK_H], at[:, WEEK_H:] - at[:, :-WEEK_H]
    known = np.isfinite(change) & np.isfinite(moved).all(axis=0)
    if known.sum() < WEEK_H:
        return None
    change, moved = change[known], moved[:, known]
    weight = _weight(np.abs(change), FIRST_LIMIT * float(np.abs(change).mean()))
    slopes: NDArray[np.float64] = np.zeros(len(moved))
    for _ in range(PASSES):
        weighted = moved * weight
        gram = weighted @ moved.T + PRIOR * np.eye(len(moved))
        slopes = np.asarray(np.linalg.solve(gram, weighted @ change), np.float64)
        left = np.abs(change - slopes @ moved)
        weight = _weight(left, RESIDUAL_LIMIT * float(np.median(left)))
    return slopes


def _weight(sizes: NDArray[np.float64], limit: float) -> NDArray[np.float64]:
    """Weights with which sizes beyond a limit count as much as one at the limit."""
    return np.divide(limit, sizes, out=np.ones(len(sizes)), where=sizes > limit)
