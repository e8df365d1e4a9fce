"""Rebuilds from the tables what a stored forecast was made from: the window and the weather as they were known then."""

from dataclasses import dataclass

import numpy as np
import psycopg

from dayahead.hours import to_hour
from dayahead.models.serving.window import WINDOW_HOURS, WindowBatch
from dayahead.storage.arrived_weather import read_weather_before
from dayahead.storage.place_weather import place_of
from dayahead.storage.tables.forecast import StoredForecast, message_offset
from dayahead.storage.tables.observation import read_observations
from dayahead.storage.tables.series import source_keys_by_key
from dayahead.storage.tables.source import load_sources


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
    weather = None
    if source.weather is not None:
        before = message_offset(connection, series_key, forecast.origin, forecast.issued_at)
        place = place_of(source, forecast.series_id)
        weather = read_weather_before(connection, topic, partition, before, place, origin, leads)
    keys, first = np.array([series_key], np.int64), origin - WINDOW_HOURS + 1
    known = [
        read_observations(connection, keys, first, origin + 1, as_of).values for as_of in (forecast.issued_at, None)
    ]
    if np.array_equal(known[0], known[1], equal_nan=True):
        del known[1]
    windows = [WindowBatch(one, np.array([origin], np.int64), source.calendar, leads, weather) for one in known]
    return ForecastInputs(forecast, tuple(windows))
