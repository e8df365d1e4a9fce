"""Reads what an audit compares: a served forecast and all its inputs, from one snapshot of TimescaleDB."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import psycopg
from numpy.typing import NDArray

from dayahead.features.calendar import Calendar
from dayahead.hours import Hour, from_hour, from_microseconds
from dayahead.models.serving.window import WINDOW_HOURS, WindowBatch
from dayahead.storage.arrived_weather import read_weather_before
from dayahead.storage.place_weather import place_of
from dayahead.storage.tables.feature_snapshot import read_snapshot
from dayahead.storage.tables.forecast import ForecastRows, random_origin, read_forecasts, read_newest_forecasts
from dayahead.storage.tables.observation import newest_hours, read_observations
from dayahead.storage.tables.promotion import champion
from dayahead.storage.tables.retention_cut import read_cut
from dayahead.storage.tables.series import RegisteredSeries, load_series
from dayahead.storage.tables.source import load_sources, registered_at
from dayahead.storage.tables.worker_offset import PartitionPosition, read_positions
from dayahead.weather.timeline import KEPT_HOURS

WEATHER_ARRIVALS = "weather_arrival"

OLDER_H = 48
"""Hours before the newest forecast from which an older one is chosen."""


@dataclass(frozen=True)
class ServingPair:
    """The champion, and the previous release, used where the champion fails."""

    release: str | None
    previous: str | None


@dataclass(frozen=True)
class ServedForecast:
    """A forecast of a series, its newest or an older one, with its inputs.

    Attributes:
        series: the series.
        position: of its partition.
        pair: the releases in service.
        row: one row, the forecast.
        features: float32 [k], as stored with it.
        window: of one series, the 912 hours up to its newest one, or to the origin of an older forecast, as known now;
            with the weather that had come before the message of the forecast.
    """

    series: RegisteredSeries
    position: PartitionPosition
    pair: ServingPair
    row: ForecastRows
    features: NDArray[np.float32]
    window: WindowBatch


def read_served(connection: psycopg.Connection, topic: str, series_ids: Sequence[str]) -> list[ServedForecast]:
    """Read the newest forecasts of given series with their inputs in one snapshot; series without any are left out.

    Args:
        connection: outside a transaction.
        topic: full name of the topic of observations.
        series_ids: the series.
    """
    with connection.transaction():
        scene = _Scene(connection, topic, series_ids)
        newest = read_newest_forecasts(connection, np.array(list(scene.series), np.int64))
        rows = [newest.take(np.array([place])) for place in range(len(newest))]
        found = [scene.served(row, _newest_hour(connection, int(row.series_key[0]))) for row in rows]
    return [one for one in found if one is not None]


def read_older(connection: psycopg.Connection, topic: str, series_id: str) -> ServedForecast | None:
    """Read a random older forecast of a series, made by the release in service, with its inputs as currently known.

    None where there is none in the last OLDER_H hours.

    Args:
        connection: outside a transaction.
        topic: full name of the topic of observations.
        series_id: the series.
    """
    with connection.transaction():
        scene = _Scene(connection, topic, [series_id])
        for key in scene.series:
            newest = _newest_hour(connection, key)
            origin = random_origin(connection, key, scene.pair.release, newest - OLDER_H, newest)
            if origin is not None:
                return scene.served(read_forecasts(connection, np.array([key]), np.array([origin])), origin)
    return None


class _Scene:
    """What all forecasts of one snapshot share; make it first in a transaction: it sets the isolation level."""

    def __init__(self, connection: psycopg.Connection, topic: str, series_ids: Sequence[str]) -> None:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        self._connection, self._topic = connection, topic
        serving = champion(connection)
        self.pair = ServingPair(serving.release, serving.previous) if serving else ServingPair(None, None)
        self._positions = read_positions(connection, topic)
        self._sources = {one.source_key: one.source for one in load_sources(connection).values()}
        self.series = {one.series_key: one for one in load_series(connection, series_ids=list(series_ids))}

    def served(self, row: ForecastRows, last: Hour) -> ServedForecast | None:
        """Return a forecast with its features and the window up to an hour; None if its partition was never claimed."""
        one = self.series[int(row.series_key[0])]
        if one.partition not in self._positions:
            return None
        features = read_snapshot(self._connection, one.series_key, int(row.origin[0]))
        source = self._sources[one.source_key]
        # a source may have another horizon by now than when the forecast was made
        leads = int(row.leads[0]) or source.leads
        window = _window(self._connection, one.series_key, last, source.calendar, leads)
        if source.weather is not None:
            before, place = int(row.message_offset[0]), place_of(source, one.series_id)
            weather = read_weather_before(
                self._connection, self._topic, one.partition, before, place, int(window.origin[0]), leads
            )
            window = replace(window, weather=weather)
        return ServedForecast(one, self._positions[one.partition], self.pair, row, features, window)


def weather_is_unsure(connection: psycopg.Connection, served: ServedForecast) -> str:
    """Say why the weather of a forecast may not be the one that it was made with; empty where it is.

    Args:
        connection: an open connection.
        served: the forecast.
    """
    if served.window.weather is None:
        return ""
    issued_at = from_microseconds(int(served.row.issued_us[0]))
    registered = registered_at(connection, served.series.source_key)
    if registered is None or registered > issued_at:
        return "its source was registered again since, maybe with other locations of weather"
    cut = read_cut(connection, WEATHER_ARRIVALS)
    if cut is not None and from_hour(int(served.row.origin[0]) - KEPT_HOURS) < cut:
        return "retention has removed some of the weather that it was made with"
    return ""


def _newest_hour(connection: psycopg.Connection, series_key: int) -> Hour:
    (newest,) = newest_hours(connection, np.array([series_key]))
    return newest or 0


def _window(connection: psycopg.Connection, series_key: int, last: Hour, calendar: Calendar, leads: int) -> WindowBatch:
    """Read the 912 hours up to one from the tables, independently of the state of a worker."""
    matrix = read_observations(connection, np.array([series_key]), last - WINDOW_HOURS + 1, last + 1)
    return WindowBatch(matrix.values, np.array([last], np.int64), calendar, leads)
