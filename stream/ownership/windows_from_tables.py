"""Rebuilds the state of a partition from TimescaleDB."""

import numpy as np
import psycopg
from numpy.typing import NDArray

from dayahead.grouping import groups
from dayahead.models.serving.window import WINDOW_HOURS
from dayahead.storage.tables.forecast import ForecastRows
from dayahead.storage.tables.observation import newest_hours, read_observations
from dayahead.storage.tables.series import load_series
from stream.partition.state import NEVER, PartitionState

SERIES_AT_ONCE = 1_000


def empty_state(connection: psycopg.Connection, partition: int) -> PartitionState:
    """Load all series of a partition, without their windows."""
    state = PartitionState()
    state.add(load_series(connection, partition=partition))
    return state


def read_windows(connection: psycopg.Connection, state: PartitionState, series: NDArray[np.int64]) -> None:
    """Load the windows of some series from the tables into a state.

    Args:
        connection: an open connection.
        state: whose windows of these series are empty.
        series: int64 [n], indices.
    """
    found = newest_hours(connection, state.keys[series])
    newest = np.array([NEVER if hour is None else hour for hour in found], np.int64)
    for group in _groups(newest):
        last = newest[group]
        start, end = int(last.min()) - WINDOW_HOURS + 1, int(last.max()) + 1
        values = read_observations(connection, state.keys[series[group]], start, end).values
        for hour, here in groups(last):
            windows = values[here, hour - WINDOW_HOURS + 1 - start : hour + 1 - start]
            state.set_windows(series[group[here]], last[here], windows)


def note_forecasts(state: PartitionState, newest: ForecastRows) -> None:
    """Record which series have forecasts, and the rung of the newest.

    Args:
        state: of the partition.
        newest: the newest forecast of each series that has one.
    """
    place = {key: index for index, key in enumerate(state.keys.tolist())}
    series = np.array([place[key] for key in newest.series_key.tolist()], np.int64)
    # Older forecasts may exist: a read that finds none costs less than a query for the first one.
    state.note_forecasts(series, np.full(len(series), NEVER, np.int64), newest.rung)


def _groups(newest: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Group series with close newest hours, so that a series that ended years ago needs no matrix of years."""
    order = np.argsort(newest, kind="stable")
    order = order[newest[order] > NEVER]
    groups, start = [], 0
    while start < len(order):
        end = int(np.searchsorted(newest[order], newest[order[start]] + WINDOW_HOURS))
        end = min(end, start + SERIES_AT_ONCE)
        groups.append(order[start:end])
        start = end
    return groups
