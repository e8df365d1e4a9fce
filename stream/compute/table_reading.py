"""Reads what a batch needs from the tables before it is computed."""

from typing import Protocol

import numpy as np
import psycopg
from numpy.typing import NDArray

from dayahead.storage.tables.forecast import ForecastRows, read_day_forecasts, read_forecasts
from dayahead.storage.tables.observation import CurrentVersions, read_current_versions


class Reader(Protocol):
    """Reads the tables, or a fake of them in a test."""

    def current_versions(self, series_keys: NDArray[np.int64], hours: NDArray[np.int64]) -> CurrentVersions:
        """Return the current versions of hours, as far as they exist."""

    def forecasts(self, series_keys: NDArray[np.int64], origins: NDArray[np.int64]) -> ForecastRows:
        """Return the forecasts of series at origins, as far as they exist, in no order."""

    def day_forecasts(self, day: int, series_keys: NDArray[np.int64], origins: NDArray[np.int64]) -> ForecastRows:
        """Return a day of the forecasts of series at origins, as far as they hold it, in no order."""


class TableReader:
    """Reads TimescaleDB."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    def current_versions(self, series_keys: NDArray[np.int64], hours: NDArray[np.int64]) -> CurrentVersions:
        """See `Reader`."""
        return read_current_versions(self._connection, series_keys, hours)

    def forecasts(self, series_keys: NDArray[np.int64], origins: NDArray[np.int64]) -> ForecastRows:
        """See `Reader`."""
        return read_forecasts(self._connection, series_keys, origins)

    def day_forecasts(self, day: int, series_keys: NDArray[np.int64], origins: NDArray[np.int64]) -> ForecastRows:
        """See `Reader`."""
        return read_day_forecasts(self._connection, day, series_keys, origins)
