"""Computes a micro-batch of one partition: its windows, forecasts and scores.

`prepare` reads, then `compute` computes without any server, so that an unreachable server leaves the state of the
partition unchanged.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from dayahead.features.snapshot import SNAPSHOT_NAMES
from dayahead.grouping import groups, pack_pairs
from dayahead.horizon import DAY_LEADS
from dayahead.models.serving.window import WINDOW_HOURS
from dayahead.source import Source
from dayahead.storage.checkpoint import New
from dayahead.storage.tables.day_score import DayScoreRows
from dayahead.storage.tables.forecast import ForecastRows
from dayahead.storage.tables.observation import CurrentRows, CurrentVersions
from dayahead.storage.tables.observation_revision import Versions
from dayahead.storage.tables.score import ScoreRows
from stream.compute.forecasting import Forecasting, Made
from stream.compute.rounds import Round, rounds_of
from stream.compute.scoring import ForecastsAtHand, may_become_due, now_due, score_due
from stream.compute.table_reading import Reader
from stream.compute.versions import Cells, Decided, decide
from stream.partition.rows import Outcome, Rows, Unforecast
from stream.partition.state import NEVER, Advance, PartitionState


@dataclass(frozen=True)
class Prepared:
    """A batch whose rows have been compared with the tables; nothing has been changed yet.

    Attributes:
        rows: of the batch, in the order of the log.
        offsets: int64 [m], offset of each message.
        cells: of the rows.
        decided: which versions are current.
        rounds: in which the changes are applied.
        days: int64 [rows], whole days of the horizon of the series of each row.
        at_hand: forecasts that may need a score.
    """

    rows: Rows
    offsets: NDArray[np.int64]
    cells: Cells
    decided: Decided
    rounds: list[Round]
    days: NDArray[np.int64]
    at_hand: ForecastsAtHand


@dataclass(frozen=True)
class Result:
    """The output of a batch; of each series and origin only the last.

    Attributes:
        observations: current versions that are new or changed.
        revisions: versions that are not current.
        forecasts: n forecasts.
        features: float32 [n, k].
        scores: of forecasts whose day 1 has matured or whose actuals changed.
        day_scores: the same of later days of the horizon.
        new: which of these cannot be in the tables yet.
        outcomes: number of rows by outcome.
        unforecast: number of new hours without a forecast, by reason.
    """

    observations: CurrentRows
    revisions: Versions
    forecasts: ForecastRows
    features: NDArray[np.float32]
    scores: ScoreRows
    day_scores: DayScoreRows
    new: New
    outcomes: Mapping[Outcome, int]
    unforecast: Mapping[Unforecast, int] = field(default_factory=dict)

    @classmethod
    def of_forecasts(cls, made: Made | None) -> "Result":
        """Make a result of forecasts only, without messages."""
        none, no_value = np.empty(0, np.int64), np.empty(0)
        return cls(
            CurrentRows(none, none, no_value, none, none),
            Versions(none, none, no_value, none),
            made.rows if made else ForecastRows.joined([]),
            made.features if made else np.empty((0, len(SNAPSHOT_NAMES)), np.float32),
            ScoreRows.none(),
            DayScoreRows.none(),
            New.none_of(0, len(made.rows) if made else 0, 0),
            {},
        )


def prepare(
    reader: Reader,
    state: PartitionState,
    rows: Rows,
    offsets: NDArray[np.int64],
    sources: Mapping[int, Source],
) -> Prepared:
    """Read what the batch needs, and decide which versions are current.

    Args:
        reader: of the tables.
        state: of the partition; only read from.
        rows: of the batch.
        offsets: int64 [m], offset of each message.
        sources: by source_key.
    """
    cells = Cells.of(rows)
    decided = decide(rows, cells, _known(reader, state, cells))
    chosen = decided.changed
    newest = state.newest.copy()
    np.maximum.at(newest, rows.series, rows.hour)
    series, hour = rows.series[chosen], rows.hour[chosen]
    # Forecasts that this batch makes are in memory already; the state has the first origin of the others.
    days = _days(state, rows, sources)
    read, most = {}, _most(days[chosen])
    for day in range(1, most + 1):
        scored = days[chosen] >= day
        possible = may_become_due(state, day, series[scored], hour[scored], newest[series[scored]])
        keys = state.keys[possible.series]
        # to cut a day out of each array takes the server as long as to send a day: a horizon of one is read as it is
        read[day] = (
            reader.forecasts(keys, possible.origin).of_day(1)
            if most == 1
            else reader.day_forecasts(day, keys, possible.origin)
        )
    return Prepared(rows, offsets, cells, decided, rounds_of(rows, chosen), days, ForecastsAtHand(read))


def _days(state: PartitionState, rows: Rows, sources: Mapping[int, Source]) -> NDArray[np.int64]:
    """Count the whole days of the horizon of the series of each row."""
    days = np.ones(len(rows.series), np.int64)
    for source_key, of_source in groups(state.source_keys[rows.series]):
        days[of_source] = sources[source_key].leads // DAY_LEADS
    return days


def _most(days: NDArray[np.int64]) -> int:
    return int(days.max(initial=1))


def _known(reader: Reader, state: PartitionState, cells: Cells) -> CurrentVersions:
    """Read the current versions of cells; skip cells that are absent according to the state."""
    newest = state.newest[cells.series]
    older = (cells.hour <= newest - WINDOW_HOURS) & (newest > NEVER)
    asked = np.flatnonzero(np.isfinite(state.value_at(cells.series, cells.hour)) | older)
    known = CurrentVersions.unknown(len(cells))
    found = reader.current_versions(state.keys[cells.series[asked]], cells.hour[asked])
    known.value[asked] = found.value
    known.available_us[asked], known.confirmed_us[asked] = found.available_us, found.confirmed_us
    return known


def compute(
    prepared: Prepared,
    state: PartitionState,
    forecasting: Forecasting,
    sources: Mapping[int, Source],
    now: datetime,
) -> Result:
    """Apply the batch to the state, round by round, and make its forecasts and scores.

    Args:
        prepared: the batch.
        state: of the partition; changed.
        forecasting: with the release in service.
        sources: by source_key.
        now: when the forecasts are issued.
    """
    rows, decided = prepared.rows, prepared.decided
    newest = state.newest.copy()
    made, features, later = [], [], []
    scores: dict[int, _DayScores] = {}
    too_old = 0
    unforecast: Counter[Unforecast] = Counter()
    for turn in prepared.rounds:
        series, hour = rows.series[turn.rows], rows.hour[turn.rows]
        advance = state.put(series, hour, rows.value[turn.rows])
        after = advance.after
        inside = hour > after - WINDOW_HOURS
        too_old += int((~inside).sum())
        fresh = ~decided.revised[turn.rows]
        unforecast.update(
            _unforecast(hour[fresh & inside], rows.refresh[turn.rows][fresh & inside], advance.take(fresh & inside))
        )
        days = prepared.days[turn.rows]
        for day in range(1, _most(days[inside]) + 1):
            chosen = inside & (days >= day)
            due = now_due(state, day, series[chosen], hour[chosen], fresh[chosen])
            scores.setdefault(day, _DayScores()).add(*score_due(state, due, prepared.at_hand))
        refreshed = turn.refresh & np.isin(turn.series, series[inside])
        answer = forecasting.make(
            state, sources, turn.series[refreshed], prepared.offsets[turn.message[refreshed]], now
        )
        if answer is not None:
            made.append(answer.rows)
            features.append(answer.features)
            later.append(answer.rows.origin > newest[answer.series])
            prepared.at_hand.add(answer.rows)
            state.note_forecasts(answer.series, answer.rows.origin, answer.rows.rung)
    forecasts = ForecastRows.joined(made)
    kept = _last_of_each(forecasts.series_key, forecasts.origin)
    last = {day: of_day.last() for day, of_day in sorted(scores.items())}
    first_day, first_scores = last.pop(1, _DayScores().last())
    return Result(
        observations=_observations(prepared, state),
        revisions=_revisions(prepared, state),
        forecasts=forecasts.take(kept),
        features=np.concatenate([np.empty((0, len(SNAPSHOT_NAMES)), np.float32), *features])[kept],
        scores=first_day,
        day_scores=DayScoreRows.of_days({day: rows for day, (rows, _) in last.items()}),
        new=New(
            prepared.decided.new[prepared.decided.touched],
            _flags(later)[kept],
            first_scores,
            _flags([first for _, first in last.values()]),
        ),
        outcomes=_outcomes(decided, too_old),
        unforecast=unforecast,
    )


class _DayScores:
    """Scores of one day of the horizon, as the rounds of a batch make them."""

    def __init__(self) -> None:
        self._scores: list[ScoreRows] = []
        self._firsts: list[NDArray[np.bool_]] = []

    def add(self, scored: ScoreRows, first: NDArray[np.bool_]) -> None:
        """Add the scores of a round, and which of them are the first of their forecast."""
        if len(scored):
            self._scores.append(scored)
            self._firsts.append(first)

    def last(self) -> tuple[ScoreRows, NDArray[np.bool_]]:
        """Return the last score of each forecast, and whether any of its scores was the first."""
        scored = ScoreRows.joined(self._scores)
        kept = _last_of_each(scored.series_key, scored.origin)
        return scored.take(kept), _any_of_each(scored, kept, _flags(self._firsts))


def _unforecast(hour: NDArray[np.int64], refresh: NDArray[np.bool_], advance: Advance) -> Mapping[Unforecast, int]:
    """Count the new hours of a round without a forecast: a message makes one forecast of each series."""
    late, ahead = hour < advance.before, hour > advance.before
    return {
        Unforecast.LATE: int(late.sum()),
        Unforecast.TOGETHER: int((ahead & refresh & (hour < advance.after)).sum()),
        Unforecast.NO_REFRESH: int((ahead & ~refresh).sum()),
    }


def _observations(prepared: Prepared, state: PartitionState) -> CurrentRows:
    cells, decided = prepared.cells, prepared.decided
    chosen = decided.touched
    return CurrentRows(
        state.keys[cells.series[chosen]],
        cells.hour[chosen],
        decided.current.value[chosen],
        decided.current.available_us[chosen],
        decided.current.confirmed_us[chosen],
    )


def _revisions(prepared: Prepared, state: PartitionState) -> Versions:
    cells, lost = prepared.cells, prepared.decided.superseded
    return Versions(state.keys[cells.series[lost.cell]], cells.hour[lost.cell], lost.value, lost.available_us)


def _outcomes(decided: Decided, too_old: int) -> Mapping[Outcome, int]:
    fresh = int((decided.changed & ~decided.revised).sum())
    counts = Counter({Outcome.REVISED: int(decided.revised.sum()), Outcome.NEW: fresh, Outcome.TOO_OLD: too_old})
    counts[Outcome.UNCHANGED] = int((~decided.changed & ~decided.revised).sum())
    return counts


def _flags(parts: Sequence[NDArray[np.bool_]]) -> NDArray[np.bool_]:
    return np.concatenate([np.empty(0, np.bool_), *parts])


def _last_of_each(series_key: NDArray[np.int64], origin: NDArray[np.int64]) -> NDArray[np.int64]:
    """Find the last row of each series and origin: indices, ascending."""
    if not len(series_key):
        return np.empty(0, np.int64)
    _, first = np.unique(pack_pairs(series_key, origin)[::-1], return_index=True)
    return np.sort(len(series_key) - 1 - first)


def _any_of_each(scored: ScoreRows, kept: NDArray[np.int64], flags: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tell for each kept row whether any row of its series and origin has the flag."""
    flagged = set(zip(scored.series_key[flags].tolist(), scored.origin[flags].tolist(), strict=True))
    pairs = zip(scored.series_key[kept].tolist(), scored.origin[kept].tolist(), strict=True)
    return np.array([pair in flagged for pair in pairs], np.bool_)
