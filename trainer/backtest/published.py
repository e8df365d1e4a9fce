"""Hours of a backtest from TimescaleDB: at each origin what had been published by then, revisions included."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import psycopg
from numpy.typing import NDArray
from pydantic import SecretStr

from dayahead.hours import Hour, from_hour
from dayahead.models.history import History
from dayahead.models.serving.window import WINDOW_HOURS
from dayahead.reading.limits import LimitLoss
from dayahead.storage.database import connect, describe
from dayahead.storage.losses import read_losses
from dayahead.storage.tables.observation import read_observations
from dayahead.storage.tables.observation_revision import first_published
from dayahead.storage.tables.series import load_series
from dayahead.storage.tables.source import load_sources
from trainer.settings import TrainingSettings
from trainer.training_set import TrainingSet, read_training_set

CONTEXT_H = 42 * 24
"""Hours read before the first forecast hour: the quarantine rules look back this far."""


@dataclass(frozen=True)
class PublishedHours:
    """The hours up to an origin, as published when each series' hour at the origin was.

    Attributes:
        database_url: read by the process that forecasts.
        series_keys: int64 [n].
        lags: publication lag of each series, for a missing hour at the origin.
        origin: the origin.
    """

    database_url: SecretStr
    series_keys: NDArray[np.int64]
    lags: tuple[timedelta, ...]
    origin: Hour

    def read(self) -> NDArray[np.float64]:
        """Read the hours from TimescaleDB.

        Raises:
            StorageError: it does not answer.
        """
        with connect(self.database_url) as connection:
            return read_observations(
                connection,
                self.series_keys,
                self.origin - WINDOW_HOURS + 1,
                self.origin + 1,
                as_of=self.moments(connection),
            ).values

    def moments(self, connection: psycopg.Connection) -> list[datetime]:
        """When the hour at the origin was first published, by series.

        For an hour that was never published, the moment when it was due.
        """
        return [
            moment or from_hour(self.origin) + lag
            for moment, lag in zip(first_published(connection, self.series_keys, self.origin), self.lags, strict=True)
        ]


def published_losses(database_url: SecretStr) -> list[LimitLoss]:
    """The values rejected by the limits of their sources, by series, largest share first.

    The tables hold only the rejected values of the newest week of each series.

    Raises:
        StorageError: TimescaleDB does not answer.
    """
    with connect(database_url) as connection:
        sources = load_sources(connection)
        return [
            LimitLoss(one.series_id, one.outside_hours, one.given_hours, one.extreme, sources[one.source].source)
            for one in read_losses(connection)
        ]


class DatabaseReader:
    """Reads a backtest's hours from TimescaleDB; keeps no connection open.

    Attributes:
        known: everything published by `known_at`, from some weeks before the first forecast hour.
        name: the database, without its password.
    """

    def __init__(
        self,
        database_url: SecretStr,
        settings: TrainingSettings,
        first: Hour,
        known_at: datetime,
        *,
        perfect_weather: bool = False,
    ) -> None:
        """Read the actuals.

        Args:
            database_url: TimescaleDB.
            settings: quarantine rules and needed history.
            first: first forecast hour.
            known_at: read the actuals as of this moment; a resumed run uses the same.
            perfect_weather: whether the weather after an origin is as it was, instead of as forecast.

        Raises:
            StorageError: TimescaleDB does not answer.
            NotEnoughHistoryError: no source has an hour.
        """
        self._database_url, self._settings = database_url, settings
        self._perfect_weather = perfect_weather
        self.name = describe(database_url)
        with connect(database_url) as connection:
            self.known: TrainingSet = read_training_set(
                connection,
                settings,
                known_at,
                since=first - CONTEXT_H,
                needed_h=1,
                perfect_weather=perfect_weather,
            )
            sources = {registered.source_key: registered.source for registered in load_sources(connection).values()}
            registered = {series.series_id: series for series in load_series(connection)}
        series = [registered[series_id] for series_id in self.known.observed.series_ids]
        self._keys = np.array([member.series_key for member in series], np.int64)
        self._lags = tuple(sources[member.source_key].publication_lag for member in series)

    def learnable(self, first: Hour) -> History:
        """The hours before `first`, as published when the earliest series' last one was."""
        with connect(self._database_url) as connection:
            moment = min(self.at(first - 1).moments(connection))
            needed_h = self._settings.fit.least_history_h
            since = first - self._settings.history_days * 24
            known = read_training_set(
                connection,
                self._settings,
                moment,
                since=since,
                needed_h=needed_h,
                perfect_weather=self._perfect_weather,
            )
            return known.history.until(first)

    def at(self, origin: Hour) -> PublishedHours:
        """The hours up to the origin, read lazily by the process that forecasts."""
        return PublishedHours(self._database_url, self._keys, self._lags, origin)
