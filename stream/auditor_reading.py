"""What an audit compares: a served forecast and all that it is a function of, from one moment of TimescaleDB."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import psycopg
from numpy.typing import NDArray

from dayahead.features.calendar import Calendar
from dayahead.hours import HOUR_S, Hour
from dayahead.models.window import WINDOW_HOURS, WindowBatch
from dayahead.storage.forecast_rows import ForecastRows, read_newest_forecasts
from dayahead.storage.observations import read_observations
from dayahead.storage.releases import champion
from dayahead.storage.sources import RegisteredSeries, load_series, load_sources

STANDINGS = """
    SELECT partition, next_offset, published_offset, unconfirmed_from IS NULL, release FROM worker_offset
    WHERE topic = %s
"""

NEWEST_HOUR = """
    SELECT extract(epoch FROM valid_time)::bigint FROM observation WHERE series_key = %s
    ORDER BY valid_time DESC LIMIT 1
"""

SNAPSHOT = "SELECT features FROM feature_snapshot WHERE series_key = %s AND origin = to_timestamp(%s)"

SAMPLE = "SELECT series_id FROM series ORDER BY random() LIMIT %s"


@dataclass(frozen=True)
class ServingPair:
    """The champion, and the release that takes over where the champion fails."""

    release: str | None
    previous: str | None


@dataclass(frozen=True)
class Standing:
    """Where a partition stands.

    Attributes:
        next_offset: the first message that is not in the tables.
        published_offset: forecasts of messages before it are in Redis and Kafka.
        all_published: whether all forecasts are.
        release: with which all series of the partition were last forecast anew.
    """

    next_offset: int
    published_offset: int
    all_published: bool
    release: str | None

    def has_published(self, rows: ForecastRows) -> bool:
        """Whether a forecast is confirmed in Redis and Kafka."""
        return self.all_published or int(rows.message_offset[0]) < self.published_offset


@dataclass(frozen=True)
class ServedForecast:
    """The newest forecast of a series beside its inputs.

    Attributes:
        series: the series.
        standing: of its partition.
        pair: which releases serve.
        row: one row, the newest forecast.
        features: float32 [k], as kept beside it.
        window: of one series, the last 912 hours as known now.
    """

    series: RegisteredSeries
    standing: Standing
    pair: ServingPair
    row: ForecastRows
    features: NDArray[np.float32]
    window: WindowBatch


def sample_series(connection: psycopg.Connection, count: int) -> list[str]:
    """Ids of some series, others each time."""
    return [series_id for (series_id,) in connection.execute(SAMPLE, [count]).fetchall()]


def read_served(connection: psycopg.Connection, topic: str, series_ids: Sequence[str]) -> list[ServedForecast]:
    """The newest forecasts of given series with their inputs, all of one moment; series without any are left out.

    Args:
        connection: outside a transaction.
        topic: full name of the topic of observations.
        series_ids: the series.
    """
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        serving = champion(connection)
        pair = ServingPair(serving.release, serving.previous) if serving else ServingPair(None, None)
        standings = {row[0]: Standing(*row[1:]) for row in connection.execute(STANDINGS, [topic]).fetchall()}
        calendars = {
            one.source_key: Calendar(one.source.local_time_zone, one.source.country, one.source.subdivision)
            for one in load_sources(connection).values()
        }
        series = {one.series_key: one for one in load_series(connection, series_ids=list(series_ids))}
        newest = read_newest_forecasts(connection, np.array(list(series), np.int64))
        served = []
        for place, key in enumerate(newest.series_key.tolist()):
            one = series[key]
            if one.partition in standings:
                row = newest.take(np.array([place]))
                features = _features(connection, key, int(row.origin[0]))
                window = _window(connection, key, calendars[one.source_key])
                served.append(ServedForecast(one, standings[one.partition], pair, row, features, window))
    return served


def _features(connection: psycopg.Connection, series_key: int, origin: Hour) -> NDArray[np.float32]:
    found = connection.execute(SNAPSHOT, [series_key, origin * HOUR_S]).fetchone()
    return np.array(found[0] if found else [], np.float32)


def _window(connection: psycopg.Connection, series_key: int, calendar: Calendar) -> WindowBatch:
    """The last 912 hours up to the newest one, read by themselves: nothing of the worker's own memory is used."""
    row = connection.execute(NEWEST_HOUR, [series_key]).fetchone()
    newest = row[0] // HOUR_S if row else 0
    matrix = read_observations(connection, np.array([series_key]), newest - WINDOW_HOURS + 1, newest + 1)
    return WindowBatch(matrix.values, np.array([newest], np.int64), calendar)
