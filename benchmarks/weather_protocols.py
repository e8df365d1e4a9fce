"""The protocols with weather: public load with public temperature, an origin every 7 hours.

The temperature after an origin is a simulated run (`dayahead/weather/simulated.py`, seed 1): observed temperature with
errors that grow from 0.8 K at 1 h to 1.6 K at 24 h, a run every 6 h that can be had 5 h after its start. Which stations
a zone of GEFCom2012 follows is chosen on the hours before the first origin.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks.accuracy_protocols import DAY, Protocol, matrix, path_of, vic_hourly, walk
from dayahead.features.calendar import Calendar
from dayahead.models.history import History
from dayahead.weather.choice import choose
from dayahead.weather.history import WeatherBasis
from dayahead.weather.location import ObservedLocation
from dayahead.weather.placed import PlacedWeather
from dayahead.weather.places import Weights
from dayahead.weather.simulated import ForecastErrors, SimulatedLocation

ERRORS = ForecastErrors(seed=1)
TRAINING_YEARS = 3
TRAINING_H = TRAINING_YEARS * 365 * DAY
"""Newest hours before the first origin that are fitted on."""

Matrix = tuple[tuple[str, ...], int, NDArray[np.float64]]


def vic_weather() -> Protocol:
    """Victoria as in `vic-hourly`, with its temperature."""
    table = pq.read_table(path_of("vic_elec_halfhourly.parquet")).to_pydict()
    moments = np.array([str(text).rstrip("Z") for text in table["Time"]], "datetime64[m]").astype(np.int64)
    station = matrix(moments // 60, np.full(len(moments), "VIC"), np.array(table["Temperature"], np.float64))
    title = "Victoria, half a year, an origin every 7 h, simulated runs"
    return _with_weather(vic_hourly(), "vic-weather", title, station, [(("VIC", 1.0),)])


def gb_weather() -> Protocol:
    """Demand of England and Wales in 2016, with a population-weighted temperature."""
    table = pq.read_table(path_of("gb_load_halfhourly.parquet")).to_pydict()
    hours = np.array(table["time_utc"], "datetime64[h]").astype(np.int64)
    names = np.full(len(hours), "GB")
    load = matrix(hours, names, np.array(table["demand_mw"], np.float64))
    history = History(*load, (Calendar("Europe/London", "GB", "ENG"),))
    station = matrix(hours, names, np.array(table["temperature_c"], np.float64))
    title = "England and Wales, 2016, an origin every 7 h, simulated runs"
    origins = range(_hour("2015-12-31T23"), history.end - DAY, 7)
    return _with_weather(walk("gb", title, history, origins), "gb-weather", title, station, [(("GB", 1.0),)])


def gefcom_weather() -> Protocol:
    """The 20 zones of GEFCom2012, July 2007 to June 2008, each with the stations that its training hours choose."""
    table = pq.read_table(path_of("gefcom2012_load_temperature.parquet")).to_pydict()
    hours = np.array(table.pop("hour_local"), "datetime64[h]").astype(np.int64)
    zones, stations = (
        _wide(hours, {name: table[name] for name in table if name.startswith(kind)}) for kind in ("zone", "station")
    )
    title = "GEFCom2012, 20 zones, a year, an origin every 7 h, simulated runs"
    history = History(*zones, (Calendar("UTC", "US"),)).until(_hour("2008-07-01T00"))
    protocol = walk("gefcom", title, history, range(_hour("2007-06-30T23"), history.end - DAY, 7))
    learnt = protocol.training
    names, start, temperature = stations
    known = temperature[:, learnt.start - start : learnt.end - start].astype(np.float32)
    weights = [
        tuple(sorted((names[station], 1 / len(one.locations)) for station in one.locations)) or None
        for one in choose(learnt.values, known)
    ]
    return _with_weather(protocol, "gefcom-weather", title, stations, weights)


WEATHER_PROTOCOLS: dict[str, Callable[[], Protocol]] = {
    "vic-weather": vic_weather,
    "gb-weather": gb_weather,
    "gefcom-weather": gefcom_weather,
}


def perfect(history: History) -> History:
    """The same history with the temperature that was observed, which no forecast knew."""
    weather = history.weather
    if not isinstance(weather, PlacedWeather):
        raise TypeError("the history has no simulated runs")
    observed = {name: one.observed for name, one in weather.locations.items() if isinstance(one, SimulatedLocation)}
    of_series = [None if place < 0 else weather.places[place] for place in weather.place_of.tolist()]
    return replace(history, weather=PlacedWeather(observed, of_series, WeatherBasis.OBSERVED))


def _with_weather(
    protocol: Protocol, name: str, title: str, stations: Matrix, weights: list[Weights | None]
) -> Protocol:
    names, start, temperature = stations
    locations = {
        station: SimulatedLocation(ObservedLocation(values.astype(np.float32), start), station, ERRORS)
        for station, values in zip(names, temperature, strict=True)
    }
    weather = PlacedWeather(locations, weights, WeatherBasis.SIMULATED)
    training = protocol.training.since(protocol.training.end - TRAINING_H)
    return replace(
        protocol,
        name=name,
        title=title,
        training=replace(training, weather=weather),
        history=replace(protocol.history, weather=weather),
    )


def _wide(hours: NDArray[np.int64], columns: dict[str, list[float]]) -> Matrix:
    """A table with a column a series as a matrix."""
    values = np.array(list(columns.values()), np.float64)
    return matrix(np.tile(hours, len(columns)), np.repeat(list(columns), len(hours)), values.ravel())


def _hour(text: str) -> int:
    return int(np.datetime64(text, "h").astype(np.int64))
