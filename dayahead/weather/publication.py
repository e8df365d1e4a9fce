"""One publication of weather: the variables of one location that became known at the same moment."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from dayahead.grouping import grouped
from dayahead.hours import Hour
from dayahead.weather.message import MAX_HOURS
from dayahead.weather.values import WeatherKind, WeatherValues

Variables = tuple[WeatherValues, ...]
"""Values of the variables of one publication and location, over the same hours."""


def publications_of(values: Iterable[WeatherValues]) -> list[Variables]:
    """Group values to publications, oldest first: those of one location, kind, start and moment.

    Variables over different hours are padded with NaN to the same ones. Observed hours are split where there are more
    than a message holds; a run is cut there.
    """
    groups = grouped(
        ((one.kind, one.start if one.kind is WeatherKind.RUN else 0, one.available_us, one.location), one)
        for one in values
    )
    found: list[Variables] = []
    for members in groups.values():
        first, end = min(one.first for one in members), max(one.end for one in members)
        is_run = members[0].kind is WeatherKind.RUN
        if is_run:
            end = min(end, members[0].start + MAX_HOURS)
        for begin in range(first, end, MAX_HOURS):
            part = tuple(_within(one, begin, min(begin + MAX_HOURS, end)) for one in members)
            known = tuple(one for one in part if np.isfinite(one.values).any())
            if known:
                found.append(known)
    return sorted(found, key=lambda part: (part[0].available_us, part[0].start, part[0].location, part[0].first))


def _within(one: WeatherValues, first: Hour, end: Hour) -> WeatherValues:
    """The hours from `first` to before `end`, NaN where there are none."""
    values = np.full(end - first, np.nan, np.float32)
    low, high = max(first, one.first), min(end, one.end)
    if low < high:
        values[low - first : high - first] = one.values[low - one.first : high - one.first]
    start = one.start if one.kind is WeatherKind.RUN else first
    return replace(one, start=start, first=first, values=values)
