"""Finds forecasts that a message has matured or whose actuals it changed, and scores them.

Each whole day of the horizon is scored by itself: day d when the hour origin + 24 d is observed, and again whenever one
of its 24 hours changes.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dayahead.evaluation.score import score, score_hours
from dayahead.grouping import pack_pairs, unpack_pairs
from dayahead.horizon import DAY_LEADS, leads_before
from dayahead.models.serving.window import WINDOW_HOURS
from dayahead.storage.tables.forecast import ForecastRows
from dayahead.storage.tables.score import ScoreRows
from stream.partition.state import PartitionState

_LEADS_BACK = np.arange(DAY_LEADS, 0, -1)


def rescore_hours(day: int) -> int:
    """A changed hour this far behind the newest causes no score: the window no longer has the hours for its naive."""
    return WINDOW_HOURS - score_hours(day)


@dataclass(frozen=True)
class Due:
    """Origins whose forecasts, if any, are to be scored.

    Attributes:
        day: of the horizon that is to be scored.
        series: int64 [n], indices.
        origin: int64 [n], hours.
        first: bool [n], whether the hour that matures the forecast is new, so that it was never scored.
    """

    day: int
    series: NDArray[np.int64]
    origin: NDArray[np.int64]
    first: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.series)


def may_become_due(
    state: PartitionState, day: int, series: NDArray[np.int64], hour: NDArray[np.int64], newest: NDArray[np.int64]
) -> Due:
    """Find everything that changed hours could make due, for one read of the database before the computation.

    Args:
        state: before the changes.
        day: of the horizon.
        series: int64 [r], indices of the series that change.
        hour: int64 [r], their changed hours.
        newest: int64 [r], newest hours of the series after all changes of the batch.
    """
    return _due(state, day, series, hour, newest, np.zeros(len(series), np.bool_))


def now_due(
    state: PartitionState, day: int, series: NDArray[np.int64], hour: NDArray[np.int64], fresh: NDArray[np.bool_]
) -> Due:
    """Find what changed hours, already applied to the state, make due.

    Args:
        state: after the changes.
        day: of the horizon.
        series: int64 [r], indices of the series that changed.
        hour: int64 [r], their changed hours.
        fresh: bool [r], whether the hour was not known before.
    """
    due = _due(state, day, series, hour, state.newest[series], fresh)
    matured = np.isfinite(state.value_at(due.series, due.origin + leads_before(day + 1)))
    return Due(day, due.series[matured], due.origin[matured], due.first[matured])


def _due(
    state: PartitionState,
    day: int,
    series: NDArray[np.int64],
    hour: NDArray[np.int64],
    newest: NDArray[np.int64],
    fresh: NDArray[np.bool_],
) -> Due:
    recent = hour > newest - rescore_hours(day)
    series, hour, newest, fresh = series[recent], hour[recent], newest[recent], fresh[recent]
    origin = hour[:, None] - leads_before(day) - _LEADS_BACK
    last = origin + leads_before(day + 1)
    possible = (last <= newest[:, None]) & (origin >= state.first_forecast[series][:, None])
    row, lead = np.nonzero(possible)
    if not len(row):
        return Due(day, row, row, np.zeros(0, np.bool_))
    pairs, of_pair = np.unique(pack_pairs(series[row], origin[row, lead]), return_inverse=True)
    first = np.zeros(len(pairs), np.bool_)
    first[of_pair[(lead == 0) & fresh[row]]] = True
    return Due(day, *unpack_pairs(pairs), first)


class ForecastsAtHand:
    """The forecasts that a batch may score: read before it, or made within it."""

    def __init__(self, read: Mapping[int, ForecastRows]) -> None:
        """Keep what was read.

        Args:
            read: by day of the horizon, the 24 leads of that day alone.
        """
        self._read = {day: _Part.of(rows) for day, rows in read.items()}
        self._made: list[_Part] = []

    def add(self, made: ForecastRows) -> None:
        """Add whole forecasts, each series and origin once; they replace earlier ones of the same origin."""
        if len(made):
            self._made.append(_Part.of(made))

    def find(
        self, day: int, series_keys: NDArray[np.int64], origins: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], ForecastRows]:
        """Find a day of the forecasts of given series at given origins.

        Returns:
            int64 [n], indices of the pairs whose forecast holds all leads of the day; and these n days of forecasts.
        """
        wanted = pack_pairs(series_keys, origins)
        left = np.arange(len(wanted))
        asked, rows = [np.empty(0, np.int64)], []
        first, last = (int(origins.min()), int(origins.max())) if len(origins) else (0, 0)
        for part in reversed(self._made):
            if not len(left):
                break
            # a catch-up makes a part an hour: most have none of these origins
            if part.last < first or part.first > last:
                continue
            here, found = part.find(wanted[left])
            if not len(found):
                continue
            whole = found.leads >= leads_before(day + 1)
            asked.append(left[here][whole])
            rows.append(found.take(whole).of_day(day))
            # the newest forecast of an origin counts, also where it does not hold the day
            left = left[~here]
        if day in self._read:
            here, found = self._read[day].find(wanted[left])
            asked.append(left[here])
            rows.append(found)
        return np.concatenate(asked), ForecastRows.joined(rows)


@dataclass(frozen=True)
class _Part:
    """Forecasts that are found by series and origin.

    Attributes:
        pairs: int64 [n], ascending.
        order: int64 [n], the row of each pair.
        rows: the forecasts.
        first: least origin.
        last: greatest origin.
    """

    pairs: NDArray[np.int64]
    order: NDArray[np.int64]
    rows: ForecastRows
    first: int
    last: int

    @classmethod
    def of(cls, rows: ForecastRows) -> "_Part":
        pairs = pack_pairs(rows.series_key, rows.origin)
        order = np.argsort(pairs)
        first, last = (int(rows.origin.min()), int(rows.origin.max())) if len(rows) else (0, -1)
        return cls(pairs[order], order, rows, first, last)

    def find(self, wanted: NDArray[np.int64]) -> tuple[NDArray[np.bool_], ForecastRows]:
        """Tell which of some pairs are here, and take their forecasts."""
        if not len(self.pairs):
            return np.zeros(len(wanted), np.bool_), self.rows
        place = np.minimum(np.searchsorted(self.pairs, wanted), len(self.pairs) - 1)
        here = self.pairs[place] == wanted
        return here, self.rows.take(self.order[place[here]])


def score_due(state: PartitionState, due: Due, at_hand: ForecastsAtHand) -> tuple[ScoreRows, NDArray[np.bool_]]:
    """Score due forecasts against the current window.

    Args:
        state: of the partition.
        due: the forecasts to score.
        at_hand: the forecasts.

    Returns:
        The scores; bool [n], which of them are the first of their forecast.
    """
    asked, forecasts = at_hand.find(due.day, state.keys[due.series], due.origin)
    if not len(asked):
        return ScoreRows.none(), np.empty(0, np.bool_)
    series, origin = due.series[asked], due.origin[asked]
    windows = state.windows(series, origin + leads_before(due.day + 1), score_hours(due.day))
    rows = ScoreRows(
        series_key=forecasts.series_key,
        origin=forecasts.origin,
        release=forecasts.release,
        rung=forecasts.rung,
        sums=score(windows, forecasts.p10, forecasts.p50, forecasts.p90, due.day),
    )
    return rows, due.first[asked]
