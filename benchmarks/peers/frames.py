"""Histories and windows as the long tables that the peers read."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dayahead.features.fill import fill
from dayahead.models.history import History


def training_frame(history: History) -> pd.DataFrame:
    """A history as a long table, each series from its first to its last observed hour, holes filled as ours are.

    Columns: `unique_id` and `series` (the row of the series), `ds` (UTC, no zone), `y`.
    """
    parts = []
    for row, values in enumerate(history.values):
        known = np.flatnonzero(np.isfinite(values))
        if len(known) == 0:
            continue
        first, last = int(known[0]), int(known[-1]) + 1
        filled = fill(values[None, first:last]).values[0]
        parts.append((np.full(last - first, row), history.start + np.arange(first, last), filled))
    rows, hours, filled = (np.concatenate(column) for column in zip(*parts, strict=True))
    return _frame(rows, rows, hours, filled)


def window_frame(series: NDArray[np.int64], values: NDArray[np.float64], origin: NDArray[np.int64]) -> pd.DataFrame:
    """Windows as a long table in which each one is its own series, as `predict(new_df=...)` takes them.

    Args:
        series: int64 [n], row of the series that a window is of.
        values: float64 [n, hours], NaN where missing; the last column is the origin.
        origin: int64 [n], hours.
    """
    filled = fill(values)
    windows, columns = np.nonzero(np.arange(values.shape[1]) >= filled.first[:, None])
    hours = origin[windows] - (values.shape[1] - 1) + columns
    return _frame(windows, series[windows], hours, filled.values[windows, columns])


def _frame(
    ids: NDArray[np.int64], series: NDArray[np.int64], hours: NDArray[np.int64], values: NDArray[np.float64]
) -> pd.DataFrame:
    times = hours.astype("datetime64[h]").astype("datetime64[ns]")
    return pd.DataFrame({"unique_id": ids, "ds": times, "y": values, "series": series})
