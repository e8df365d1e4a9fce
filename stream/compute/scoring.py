"""Finds forecasts that a message has matured or whose actuals it changed, and scores them.

Day 1 of a forecast is scored when the hour origin + 24 is observed, and again whenever one of these 24 hours changes.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dayahead.contracts import Rung
from dayahead.evaluation.score import score, score_hours
from dayahead.grouping import pack_pairs, unpack_pairs
from dayahead.horizon import DAY_LEADS
from dayahead.models.serving.window import WINDOW_HOURS
from dayahead.storage.tables.forecast import ForecastRows
from dayahead.storage.tables.score import ScoreRows
from stream.partition.state import PartitionState

RESCORE_HOURS = WINDOW_HOURS - score_hours()
"""A changed hour this far behind the newest causes no score: the window no longer has the hours for its naive."""

_LEADS_BACK = np.arange(DAY_LEADS, 0, -1)


@dataclass(frozen=True)
class Due:
    """Origins whose forecasts, if any, are to be scored.

    Attributes:
        series: int64 [n], indices.
        origin: int64 [n], hours.
        first: bool [n], whether the hour that matures the forecast is new, so that it was never scored.
    """

    series: NDArray[np.int64]
    origin: NDArray[np.int64]
    first: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.series)


def may_become_due(
    state: PartitionState, series: NDArray[np.int64], hour: NDArray[np.int64], newest: NDArray[np.int64]
) -> Due:
    """Find everything that changed hours could make due, for one read of the database before the computation.

    Args:
        state: before the changes.
        series: int64 [r], indices of the series that change.
        hour: int64 [r], their changed hours.
        newest: int64 [r], newest hours of the series after all changes of the batch.
    """
    return _due(state, series, hour, newest, np.zeros(len(series), np.bool_))


def now_due(state: PartitionState, series: NDArray[np.int64], hour: NDArray[np.int64], fresh: NDArray[np.bool_]) -> Due:
    """Find what changed hours, already applied to the state, make due.

    Args:
        state: after the changes.
        series: int64 [r], indices of the series that changed.
        hour: int64 [r], their changed hours.
        fresh: bool [r], whether the hour was not known before.
    """
    due = _due(state, series, hour, state.newest[series], fresh)
    matured = np.isfinite(state.value_at(due.series, due.origin + DAY_LEADS))
    return Due(due.series[matured], due.origin[matured], due.first[matured])


def _due(
    state: PartitionState,
    series: NDArray[np.int64],
    hour: NDArray[np.int64],
    newest: NDArray[np.int64],
    fresh: NDArray[np.bool_],
) -> Due:
    recent = hour > newest - RESCORE_HOURS
    series, hour, newest, fresh = series[recent], hour[recent], newest[recent], fresh[recent]
    origin = hour[:, None] - _LEADS_BACK
    possible = (origin + DAY_LEADS <= newest[:, None]) & (origin >= state.first_forecast[series][:, None])
    row, lead = np.nonzero(possible)
    if not len(row):
        return Due(row, row, np.zeros(0, np.bool_))
    pairs, of_pair = np.unique(pack_pairs(series[row], origin[row, lead]), return_inverse=True)
    first = np.zeros(len(pairs), np.bool_)
    first[of_pair[(lead == 0) & fresh[row]]] = True
    return Due(*unpack_pairs(pairs), first)


class ForecastsAtHand:
    """The forecasts that a batch may score: read before it, or made within it."""

    def __init__(self, read: ForecastRows) -> None:
        self._parts: list[tuple[NDArray[np.int64], NDArray[np.int64], ForecastRows]] = []
        self.add(read)

    def add(self, made: ForecastRows) -> None:
        """Add forecasts, each series and origin once; they replace earlier ones of the same origin."""
        if not len(made):
            return
        pairs = pack_pairs(made.series_key, made.origin)
        order = np.argsort(pairs)
        self._parts.append((pairs[order], order, made))

    def find(
        self, series_keys: NDArray[np.int64], origins: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], ForecastRows]:
        """Find the forecasts of given series at given origins.

        Returns:
            int64 [n], indices of the pairs that have a forecast with values; and the n forecasts.
        """
        wanted = pack_pairs(series_keys, origins)
        left = np.arange(len(wanted))
        asked, rows = [np.empty(0, np.int64)], []
        for pairs, order, part in reversed(self._parts):
            place = np.minimum(np.searchsorted(pairs, wanted[left]), len(pairs) - 1)
            here = pairs[place] == wanted[left]
            asked.append(left[here])
            rows.append(part.take(order[place[here]]))
            left = left[~here]
        joined = ForecastRows.joined(rows)
        usable = joined.rung != Rung.NONE
        return np.concatenate(asked)[usable], joined.take(usable)


def score_due(state: PartitionState, due: Due, at_hand: ForecastsAtHand) -> tuple[ScoreRows, NDArray[np.bool_]]:
    """Score due forecasts against the current window.

    Args:
        state: of the partition.
        due: the forecasts to score.
        at_hand: the forecasts.

    Returns:
        The scores; bool [n], which of them are the first of their forecast.
    """
    asked, forecasts = at_hand.find(state.keys[due.series], due.origin)
    if not len(asked):
        return ScoreRows.none(), np.empty(0, np.bool_)
    series, origin = due.series[asked], due.origin[asked]
    windows = state.windows(series, origin + DAY_LEADS, score_hours())
    rows = ScoreRows(
        series_key=forecasts.series_key,
        origin=forecasts.origin,
        release=forecasts.release,
        rung=forecasts.rung,
        sums=score(windows, forecasts.p10[:, :DAY_LEADS], forecasts.p50[:, :DAY_LEADS], forecasts.p90[:, :DAY_LEADS]),
    )
    return rows, due.first[asked]
