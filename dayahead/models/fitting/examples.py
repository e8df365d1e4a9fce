"""What a release learns from: past origins with the 24 hours that followed them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dayahead.errors import NotEnoughHistoryError
from dayahead.features.fill import WEEK
from dayahead.features.linear import OriginContext, origin_context
from dayahead.features.state import SeriesState, describe
from dayahead.grouping import groups
from dayahead.horizon import DAY_LEADS
from dayahead.models.history import History

CHUNK_ROWS = 4096
"""Rows that are described at once: 10 kB each."""

LEAST_ROW_HISTORY_H = WEEK + 24
"""Hours of history that a row needs before its origin."""

LEAST_OBSERVED_SHARE = 0.5
"""Share of the week before the origin, and of the 24 hours after it, that must have been observed."""


@dataclass(frozen=True)
class Rows:
    """Which origins of which series are learnt from.

    Attributes:
        series: int64 [n], row of the history.
        origin: int64 [n], hour.
        hour: int64 [n], local hour of the day of the origin.
        block: int64 [n], block of time that the origin lies in, 0 the oldest.
    """

    series: NDArray[np.int64]
    origin: NDArray[np.int64]
    hour: NDArray[np.int64]
    block: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.series)

    def take(self, index: NDArray[np.int64]) -> "Rows":
        """Some of the rows."""
        return Rows(self.series[index], self.origin[index], self.hour[index], self.block[index])


def find_rows(history: History, blocks: int) -> Rows:
    """All rows that are complete enough to learn from, by time.

    Raises:
        NotEnoughHistoryError: there is none, or a block of time has none.
    """
    observed = np.isfinite(history.values)
    counted = np.concatenate([np.zeros((len(observed), 1), np.int32), np.cumsum(observed, axis=1, dtype=np.int32)], 1)
    hours = history.hours
    usable = np.zeros(observed.shape, np.bool_)
    columns = np.arange(LEAST_ROW_HISTORY_H - 1, hours - DAY_LEADS)
    if len(columns):
        before = counted[:, columns + 1] - counted[:, columns + 1 - WEEK]
        after = counted[:, columns + 1 + DAY_LEADS] - counted[:, columns + 1]
        first = np.where(observed.any(axis=1), observed.argmax(axis=1), hours)
        old_enough = columns + 1 - first[:, None] >= LEAST_ROW_HISTORY_H
        usable[:, columns] = (
            old_enough & (before >= LEAST_OBSERVED_SHARE * WEEK) & (after >= LEAST_OBSERVED_SHARE * DAY_LEADS)
        )
    column, series = np.nonzero(usable.T)
    if len(column) == 0:
        raise NotEnoughHistoryError(
            f"{hours} hours of {len(observed)} series hold no origin with {LEAST_ROW_HISTORY_H} hours of history "
            f"and {DAY_LEADS} observed hours after it: give at least two weeks with less than half of it missing"
        )
    usable_columns = np.unique(column)
    if len(usable_columns) < blocks:
        raise NotEnoughHistoryError(
            f"{hours} hours leave {len(usable_columns)} origins for {blocks} blocks of time: give a longer history"
        )
    # Counted in usable hours: a hole of months leaves no block empty.
    firsts = np.ceil(len(usable_columns) * np.arange(1, blocks) / blocks).astype(np.int64)
    block = np.searchsorted(usable_columns[firsts], column, side="right")
    origin = history.start + column.astype(np.int64)
    hour = np.empty(len(origin), np.int64)
    for number, calendar in enumerate(history.calendars):
        mine = history.calendar_of[series] == number
        hour[mine] = calendar.at(origin[mine]).hour
    return Rows(series.astype(np.int64), origin, hour, block.astype(np.int64))


def rows_of_day(history: History, rows: Rows, day: int) -> Rows:
    """The rows with enough observed hours in a later day of the horizon."""
    known = np.empty(len(rows), np.bool_)
    for start in range(0, len(rows), CHUNK_ROWS):
        part = slice(start, start + CHUNK_ROWS)
        observed = np.isfinite(history.targets(rows.series[part], rows.origin[part], day=day))
        known[part] = observed.sum(axis=1) >= LEAST_OBSERVED_SHARE * DAY_LEADS
    return rows.take(np.flatnonzero(known))


def block_starts(rows: Rows) -> NDArray[np.int64]:
    """First origin of each block of time."""
    return np.array([rows.origin[rows.block == block].min() for block in range(int(rows.block.max()) + 1)])


@dataclass(frozen=True)
class Examples:
    """Rows with their features' state and their outcome.

    Attributes:
        state: of the n rows.
        context: calendar of the n origins.
        outcome: float32 [n, 24], actual / scale - 1 by lead of the day of the horizon, NaN where not observed.
        spread: float32 [n], mean |z_j - z_(j+24)| over 144 hours: how far the series strays from the day before.
    """

    state: SeriesState
    context: OriginContext
    outcome: NDArray[np.float32]
    spread: NDArray[np.float32]


def examples(history: History, rows: Rows, *, screened: bool, day: int = 1) -> Examples:
    """State of some rows, and outcome on a day of the horizon; memory is about 10 kB a row, so ask for few thousand."""
    state = describe(history.windows(rows.series, rows.origin), screened=screened)
    scale = np.where(state.scale > 0, state.scale, np.nan)[:, None]
    outcome = (history.targets(rows.series, rows.origin, day=day) / scale - 1.0).astype(np.float32)
    return Examples(state, contexts(history, rows, day), outcome, spread(state.z))


def contexts(history: History, rows: Rows, day: int = 1) -> OriginContext:
    """Calendar of the origins of rows for a day of the horizon, each by the calendar of its series."""
    made = [
        (index, origin_context(history.calendars[number], rows.origin[index], day))
        for number, index in groups(history.calendar_of[rows.series])
    ]
    order = np.argsort(np.concatenate([index for index, _ in made]), kind="stable")
    return OriginContext(
        *(
            np.concatenate([getattr(context, name) for _, context in made])[order]
            for name in ("hour", "weekday", "holiday", "harmonics")
        )
    )


def spread(z: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean |z_j - z_(j+24)| over the last 144 hours; [n]."""
    strays: NDArray[np.float32] = np.abs(z[:, -144:] - z[:, -168:-24]).mean(axis=1)
    return strays
