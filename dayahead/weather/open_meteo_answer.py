"""Reads the hours in an answer of Open-Meteo, and makes hourly means of them in our units.

A temperature, a wind speed and a humidity are instants at their time, a radiation is the mean of the hour before it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dayahead.hours import HOUR_S, Hour
from dayahead.reading.http.reply import Reply
from dayahead.weather.hour_means import Stamp, hour_means
from dayahead.weather.message import LIMITS
from dayahead.weather.units import converter
from dayahead.weather.values import Variable

NAMES: Mapping[Variable, str] = {
    Variable.TEMPERATURE: "temperature_2m",
    Variable.RADIATION: "shortwave_radiation",
    Variable.WIND_SPEED: "wind_speed_10m",
    Variable.HUMIDITY: "relative_humidity_2m",
}
"""Variables as the API names them; with `_previous_day1` and so on in Previous Runs."""

STAMPS: Mapping[Variable, Stamp] = {
    Variable.TEMPERATURE: Stamp.INSTANT,
    Variable.RADIATION: Stamp.END,
    Variable.WIND_SPEED: Stamp.INSTANT,
    Variable.HUMIDITY: Stamp.INSTANT,
}


@dataclass(frozen=True)
class Hourly:
    """The hours of one location.

    Attributes:
        location: its name.
        first: hour of the first value.
        values: by the name of the API, float32 [hours], means of hours in our units; NaN where there is none.
    """

    location: str
    first: Hour
    values: Mapping[str, NDArray[np.float32]]

    def means(self, name: str, first: Hour, end: Hour) -> NDArray[np.float32]:
        """The hours from `first` to before `end`; float32 [hours], NaN where there is no value."""
        found = np.full(end - first, np.nan, np.float32)
        values = self.values[name]
        low, high = max(first, self.first), min(end, self.first + len(values))
        if low < high:
            found[low - first : high - first] = values[low - self.first : high - self.first]
        return found

    def has(self, name: str, first: Hour, end: Hour) -> bool:
        """Whether any of these hours has a value."""
        return bool(np.isfinite(self.means(name, first, end)).any())


def hourly_of(reply: Reply, locations: Sequence[str], names: Sequence[str], first: Hour) -> Iterator[Hourly]:
    """Read an answer: an object, or a list of one for each location, in the order in which they were asked for.

    Args:
        reply: the answer.
        locations: names of those that were asked for.
        names: of the variables that were asked for.
        first: the first hour that was asked for.

    Raises:
        SourceUnavailable: it is not what was asked for.
    """
    document = reply.json()
    found = document if isinstance(document, list) else [document]
    if len(found) != len(locations):
        raise reply.bad_answer(f"{len(found)} locations where {len(locations)} were asked for")
    for location, one in zip(locations, found, strict=True):
        yield _hourly(reply, location, one, names, first)


def _hourly(reply: Reply, location: str, document: object, names: Sequence[str], first: Hour) -> Hourly:
    section = document.get("hourly") if isinstance(document, dict) else None
    units = document.get("hourly_units") if isinstance(document, dict) else None
    if not isinstance(section, dict) or not isinstance(units, dict):
        raise reply.bad_answer(f"no `hourly` for location {location}")
    times = section.get("time")
    if not isinstance(times, list) or not times or not all(type(time) is int for time in times):
        raise reply.bad_answer(f"no list `time` of seconds for location {location}")
    times_s = np.array(times, np.int64)
    if times_s[0] != first * HOUR_S or (np.diff(times_s) != HOUR_S).any():
        raise reply.bad_answer(f"other hours than those asked for, for location {location}")
    values = {name: _means(reply, location, name, section.get(name), units.get(name), times_s) for name in names}
    return Hourly(location, first - 1, values)


def _means(
    reply: Reply, location: str, name: str, values: object, unit: object, times_s: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Means of the hours from the one before the first time on."""
    if not isinstance(values, list) or len(values) != len(times_s):
        raise reply.bad_answer(f"no list `{name}` with a value for each time, for location {location}")
    if not all(value is None or type(value) in (int, float) for value in values):
        raise reply.bad_answer(f"`{name}` with values that are no numbers, for location {location}")
    variable = variable_of(name)
    # a server of your own may answer in other units than were asked for
    convert = converter(variable, str(unit))
    if convert is None:
        raise reply.bad_answer(f"`{name}` in {unit!r}, no unit of {variable}")
    numbers = convert(np.array([np.nan if value is None else value for value in values], np.float64))
    low, high = LIMITS[variable]
    if (wrong := numbers[(numbers < low) | (numbers > high)]).size:
        raise reply.bad_answer(f"`{name}` of {wrong[0]:g}, beyond {low:g} to {high:g}, for location {location}")
    means = np.full(len(times_s) + 1, np.nan, np.float32)
    if np.isfinite(numbers).any():
        first, found = hour_means(times_s, numbers, STAMPS[variable])
        place = first - (int(times_s[0]) // HOUR_S - 1)
        means[place : place + len(found)] = found
    return means


def variable_of(name: str) -> Variable:
    """The variable that a name of the API means."""
    return next(one for one, known in NAMES.items() if name == known or name.startswith(f"{known}_previous_day"))
