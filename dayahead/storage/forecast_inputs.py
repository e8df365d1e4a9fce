"""Rebuilds from the tables what a stored forecast was made from: the window and the weather as they were known then."""

from dataclasses import dataclass

import numpy as np
import psycopg

from dayahead.hours import Hour, to_hour
from dayahead.models.serving.window import WINDOW_HOURS, WindowBatch, WindowWeather
from dayahead.source import Source
from dayahead.storage.place_weather import Place, place_of
from dayahead.storage.tables.forecast import StoredForecast, message_offset
from dayahead.storage.tables.observation import read_observations
from dayahead.storage.tables.series import source_keys_by_key
from dayahead.storage.tables.source import load_sources
from dayahead.storage.tables.weather_arrival import read_arrived
from dayahead.weather.archived import STALE_AFTER_H
from dayahead.weather.placed import weighted_mean
from dayahead.weather.timeline import NO_RUN, Timeline


@dataclass(frozen=True)
class ForecastInputs:
    """A stored forecast with its inputs.

    Attributes:
        forecast: as it was issued.
        windows: of one series each, the likeliest first: with the values that were published by the moment of the
            issue, and with those that are known now, where they differ.
    """

    forecast: StoredForecast
    windows: tuple[WindowBatch, ...]


def read_inputs(
    connection: psycopg.Connection, series_key: int, partition: int, topic: str, forecast: StoredForecast
) -> ForecastInputs:
    """Read the inputs of a forecast.

    Args:
        connection: an open connection.
        series_key: of its series.
        partition: of `observations` that the series is in.
        topic: full name of that topic.
        forecast: the forecast; one with at least a day of hours.
    """
    source_key = source_keys_by_key(connection, [series_key])[series_key]
    source = next(one.source for one in load_sources(connection).values() if one.source_key == source_key)
    origin, leads = to_hour(forecast.origin), len(forecast.p50)
    weather = _weather(connection, series_key, partition, topic, source, forecast)
    keys, first = np.array([series_key], np.int64), origin - WINDOW_HOURS + 1
    known = [
        read_observations(connection, keys, first, origin + 1, as_of).values for as_of in (forecast.issued_at, None)
    ]
    if np.array_equal(known[0], known[1], equal_nan=True):
        del known[1]
    windows = [WindowBatch(one, np.array([origin], np.int64), source.calendar, leads, weather) for one in known]
    return ForecastInputs(forecast, tuple(windows))


def _weather(
    connection: psycopg.Connection,
    series_key: int,
    partition: int,
    topic: str,
    source: Source,
    forecast: StoredForecast,
) -> WindowWeather | None:
    """What the partition knew of the weather before the message of the forecast; None where the source names none."""
    if source.weather is None:
        return None
    origin, leads = to_hour(forecast.origin), len(forecast.p50)
    place = place_of(source, forecast.series_id)
    if place is None:
        hours = WINDOW_HOURS + leads
        return WindowWeather(np.empty((0, hours), np.float32), np.array([-1], np.int64), np.empty(0, np.bool_))
    before = message_offset(connection, series_key, forecast.origin, forecast.issued_at)
    timelines: dict[str, Timeline] = {name: Timeline() for name, _ in place[1]}
    for run in read_arrived(connection, topic, partition, before=before):
        if run.source == place[0] and run.values.location in timelines:
            timelines[run.values.location].add(run.values)
    return _window_weather(place, timelines, origin, leads)


def _window_weather(place: Place, timelines: dict[str, Timeline], origin: Hour, leads: int) -> WindowWeather:
    first, hours = origin - WINDOW_HOURS + 1, WINDOW_HOURS + leads
    temperature = weighted_mean((weight, timelines[name].between(first, hours)) for name, weight in place[1])
    starts = [one.newest_start for one in timelines.values() if one.newest_start != NO_RUN]
    stale = any(origin - start > STALE_AFTER_H for start in starts)
    return WindowWeather(temperature[None], np.zeros(1, np.int64), np.array([stale]))
