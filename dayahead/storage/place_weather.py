"""Reads the temperature of places: the locations that series follow, by what the tables hold of their publications."""

from collections.abc import Collection, Mapping
from datetime import datetime

import numpy as np
import psycopg
from numpy.typing import NDArray

from dayahead.hours import Hour
from dayahead.source import Source
from dayahead.storage.tables.series import ids_by_key, source_keys_by_key
from dayahead.storage.tables.source import load_sources
from dayahead.storage.tables.weather_run import WeatherRun, read_runs
from dayahead.storage.tables.weather_source import is_known
from dayahead.weather.archived import best_known
from dayahead.weather.placed import weighted_mean
from dayahead.weather.places import WeatherPlaces, Weights

Place = tuple[str, Weights]
"""A weather source, and the weights of its locations."""


def places_by_key(connection: psycopg.Connection, series_keys: Collection[int]) -> dict[int, Place]:
    """Read the place of each of some series; those without weather are left out."""
    named = {one.source_key: one.source.weather for one in load_sources(connection).values() if one.source.weather}
    if not named:
        return {}
    sources = source_keys_by_key(connection, series_keys)
    ids = ids_by_key(connection, [key for key in series_keys if sources[key] in named])
    places = {key: _place(named[sources[key]], series_id) for key, series_id in ids.items()}
    return {key: place for key, place in places.items() if place is not None}


def place_of(source: Source, series_id: str) -> Place | None:
    """The place that a series of a source follows; None without weather."""
    return None if source.weather is None else _place(source.weather, series_id)


def known_place_of(connection: psycopg.Connection, source: Source, series_id: str) -> Place | None:
    """The place that a series follows; None also where nothing has ever been known of its weather source.

    A shipped source names weather that is polled where the settings say so.
    """
    place = place_of(source, series_id)
    return place if place is not None and is_known(connection, place[0]) else None


def _place(weather: WeatherPlaces, series_id: str) -> Place | None:
    weights = weather.weights_of(series_id)
    return None if weights is None else (weather.source, weights)


def read_temperatures(
    connection: psycopg.Connection,
    places: Collection[Place],
    first: Hour,
    end: Hour,
    *,
    available_by: datetime | None = None,
) -> dict[Place, NDArray[np.float32]]:
    """Read the best known temperature of places by hour.

    Args:
        connection: an open connection.
        places: whose temperature is read.
        first: first hour.
        end: hour after the last.
        available_by: only by what was published by this moment; None for all.

    Returns:
        float32 [end - first] of each place, degrees Celsius, NaN where a location is unknown.
    """
    found: dict[Place, NDArray[np.float32]] = {}
    for source in {source for source, _ in places}:
        mine = [place for place in places if place[0] == source]
        runs = read_runs(
            connection,
            source,
            sorted({name for _, weights in mine for name, _ in weights}),
            first,
            end,
            available_by=available_by,
        )
        found |= {place: temperature_of(place[1], by_location(runs), first, end) for place in mine}
    return found


def by_location(runs: Collection[WeatherRun]) -> dict[str, list[WeatherRun]]:
    """Group publications by their location."""
    found: dict[str, list[WeatherRun]] = {}
    for run in runs:
        found.setdefault(run.values.location, []).append(run)
    return found


def temperature_of(
    weights: Weights, runs: Mapping[str, Collection[WeatherRun]], first: Hour, end: Hour
) -> NDArray[np.float32]:
    """The best known temperature of a place from `first` to before `end`; float32, NaN where a location is unknown."""
    return weighted_mean(
        (weight, best_known([run.values for run in runs.get(name, ())], first, end).values) for name, weight in weights
    )
