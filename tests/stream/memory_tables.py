"""The tables of the worker in memory, by the plainest rules: what a test compares the worker's batches with."""

import itertools
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dayahead.contracts import Rung
from dayahead.evaluation.score import ScoreBatch
from dayahead.hours import from_hour
from dayahead.models.serving.forecaster import SNAPSHOT_NAMES, ForecastBatch, Forecaster
from dayahead.models.serving.window import WINDOW_HOURS, WindowBatch
from dayahead.reading.source_file import load_source
from dayahead.storage.tables.forecast import ForecastRows
from dayahead.storage.tables.observation import CurrentVersions
from dayahead.storage.tables.score import ScoreRows
from dayahead.storage.tables.series import RegisteredSeries
from stream.compute.batch import Result, compute, prepare
from stream.compute.forecasting import Forecasting
from stream.partition.rows import Rows
from stream.partition.state import NEVER, PartitionState

SOURCE_FILE = Path(__file__).parents[2] / "ingest" / "sources" / "consumption-de35-hour.yaml"
SOURCE_KEY = 7
LEADS = 80
"""Three whole days of the horizon, and 8 hours that are not scored."""
SOURCES = {SOURCE_KEY: load_source(SOURCE_FILE).model_copy(update={"horizon_h": LEADS})}


def series(count: int) -> list[RegisteredSeries]:
    """Registered series with keys from 100 on."""
    return [RegisteredSeries(100 + number, f"DK1/{number}", SOURCE_KEY, "DK1", "kWh", 0) for number in range(count)]


class MemoryTables:
    """observation, observation_revision, forecast, feature_snapshot, score and day_score.

    Attributes:
        straight: rows written that were called new.
        looked_for: rows written that may have been there.
    """

    def __init__(self) -> None:
        self.straight = self.looked_for = 0
        self.observation: dict[tuple[int, int], tuple[float, int, int]] = {}
        self.revision: set[tuple[int, int, int, float]] = set()
        self.forecast: dict[tuple[int, int], ForecastRows] = {}
        self.snapshot: dict[tuple[int, int], bytes] = {}
        self.score: dict[tuple[int, int], tuple[object, ...]] = {}
        self.day_score: dict[tuple[int, int, int], tuple[object, ...]] = {}

    def current_versions(self, series_keys: NDArray[np.int64], hours: NDArray[np.int64]) -> CurrentVersions:
        found = CurrentVersions.unknown(len(hours))
        for place, pair in enumerate(zip(series_keys.tolist(), hours.tolist(), strict=True)):
            if pair in self.observation:
                found.value[place], found.available_us[place], found.confirmed_us[place] = self.observation[pair]
        return found

    def forecasts(self, series_keys: NDArray[np.int64], origins: NDArray[np.int64]) -> ForecastRows:
        pairs = zip(series_keys.tolist(), origins.tolist(), strict=True)
        return ForecastRows.joined([self.forecast[pair] for pair in pairs if pair in self.forecast])

    def day_forecasts(self, day: int, series_keys: NDArray[np.int64], origins: NDArray[np.int64]) -> ForecastRows:
        return self.forecasts(series_keys, origins).of_day(day)

    def write(self, result: Result) -> None:
        self._check_what_is_new(result)
        versions = result.observations
        for key, hour, *version in zip(
            versions.series_key.tolist(),
            versions.hour.tolist(),
            versions.value.tolist(),
            versions.available_us.tolist(),
            versions.confirmed_us.tolist(),
            strict=True,
        ):
            self.observation[key, hour] = tuple(version)
        lost = result.revisions
        self.revision.update(
            zip(
                lost.series_key.tolist(),
                lost.hour.tolist(),
                lost.available_us.tolist(),
                lost.value.tolist(),
                strict=True,
            )
        )
        rows = result.forecasts
        for place, pair in enumerate(zip(rows.series_key.tolist(), rows.origin.tolist(), strict=True)):
            self.forecast[pair] = rows.take(np.array([place]))
            self.snapshot[pair] = result.features[place].tobytes()
        self.score.update(_scores(result.scores))
        days = result.day_scores.horizon_day.tolist()
        for day, ((key, origin), row) in zip(days, _scores(result.day_scores.scores), strict=True):
            self.day_score[key, origin, day] = row

    def _check_what_is_new(self, result: Result) -> None:
        """What is called new goes straight into a table with a key, which would refuse what is there."""
        for new, series_key, hour, rows in (
            (result.new.observations, result.observations.series_key, result.observations.hour, self.observation),
            (result.new.forecasts, result.forecasts.series_key, result.forecasts.origin, self.forecast),
            (result.new.scores, result.scores.series_key, result.scores.origin, self.score),
        ):
            pairs = list(zip(series_key.tolist(), hour.tolist(), strict=True))
            called_new = [pair for pair, flag in zip(pairs, new.tolist(), strict=True) if flag]
            assert not set(called_new) & rows.keys()
            self.straight += len(called_new)
            self.looked_for += len(pairs) - len(called_new)
        later, new = result.day_scores, result.new.day_scores.tolist()
        columns = (later.scores.series_key.tolist(), later.scores.origin.tolist(), later.horizon_day.tolist())
        days = list(zip(*columns, strict=True))
        assert len(set(days)) == len(days)
        assert not {day for day, flag in zip(days, new, strict=True) if flag} & self.day_score.keys()
        self.straight += sum(new)
        self.looked_for += len(new) - sum(new)

    def contents(self) -> dict[str, object]:
        """Everything, comparable; without the moments of issue."""
        forecast = {
            pair: (row.rung[0], row.reasons[0], row.message_offset[0], *(part.tobytes() for part in _quantiles(row)))
            for pair, row in self.forecast.items()
        }
        return {
            "observation": self.observation,
            "revision": self.revision,
            "forecast": forecast,
            "snapshot": self.snapshot,
            "score": self.score,
            "day_score": self.day_score,
        }

    def restore(self, known: Sequence[RegisteredSeries]) -> PartitionState:
        """The state of a worker that has just taken over."""
        state = PartitionState()
        state.add(known)
        for index, one in enumerate(known):
            hours = sorted(hour for key, hour in self.observation if key == one.series_key)
            remembered = [hour for hour in hours if hour > hours[-1] - WINDOW_HOURS]
            values = np.array([self.observation[one.series_key, hour][0] for hour in remembered])
            if remembered:
                state.put(np.full(len(remembered), index), np.array(remembered), values)
            if any(key == one.series_key for key, _ in self.forecast):
                state.note_forecasts(np.array([index]), np.array([NEVER]), np.array([0], np.int8))
        return state


def _scores(scores: ScoreRows) -> list[tuple[tuple[int, int], tuple[object, ...]]]:
    """Rows by series and origin."""
    return [
        (
            (int(scores.series_key[place]), int(scores.origin[place])),
            (
                scores.release[place],
                int(scores.rung[place]),
                *(getattr(scores.sums, item.name)[place].tobytes() for item in fields(ScoreBatch)),
            ),
        )
        for place in range(len(scores))
    ]


def _quantiles(row: ForecastRows) -> tuple[NDArray[np.float32], ...]:
    return row.p50, row.p10, row.p90


Message = tuple[int, bool, list[tuple[int, int, float]]]
"""(available_us, refresh, rows of (series index, hour, value))."""


def rows_of(messages: Sequence[Message]) -> Rows:
    """Messages as the intake gives them."""
    flat = [
        (number, index, hour, value, available, refresh)
        for number, (available, refresh, rows) in enumerate(messages)
        for index, hour, value in rows
    ]
    columns = list(zip(*flat, strict=True)) if flat else [()] * 6
    types = (np.int64, np.int64, np.int64, np.float64, np.int64, np.bool_)
    return Rows(*(np.array(column, kind) for column, kind in zip(columns, types, strict=True)))


class WindowPrint:
    """Forecasts that differ for different windows, without the work of a real forecaster."""

    release = None
    previous = None

    def forecast(self, batch: WindowBatch) -> ForecastBatch:
        known = np.nan_to_num(batch.values, nan=-1.0)
        prints = np.stack([known @ np.cos(np.arange(WINDOW_HOURS) * (lead + 1)) for lead in range(batch.leads)], axis=1)
        p50 = (prints + batch.origin[:, None] % 1000).astype(np.float32)
        young = np.isfinite(batch.values).sum(axis=1) < 24
        p50[young] = np.nan
        rung = np.where(young, Rung.NONE, Rung.PROFILE).astype(np.int8)
        features = np.repeat(p50[:, :1], len(SNAPSHOT_NAMES), axis=1)
        none = np.zeros(len(rung), np.int32)
        return ForecastBatch(p50, p50 - 1, p50 + 1, rung, none, none, features)


def run(
    log: Sequence[Message],
    cuts: Sequence[int],
    count: int,
    *,
    restarts: bool = False,
    forecaster: Forecaster | WindowPrint | None = None,
    tables: MemoryTables | None = None,
    leads: int = LEADS,
) -> tuple[MemoryTables, PartitionState]:
    """Take a log in, cut into batches at the given places.

    Args:
        log: the messages.
        cuts: places, ascending, at which a new batch begins.
        count: series.
        restarts: whether the state is rebuilt from the tables before each batch.
        forecaster: WindowPrint unless another one is given.
        tables: to write to.
        leads: of a forecast.
    """
    tables, known = tables or MemoryTables(), series(count)
    sources = {SOURCE_KEY: SOURCES[SOURCE_KEY].model_copy(update={"horizon_h": leads})}
    state = tables.restore(known)
    forecasting = Forecasting(forecaster or WindowPrint())  # type: ignore[arg-type] # all of a Forecaster that is used
    edges = [0, *cuts, len(log)]
    for start, end in itertools.pairwise(edges):
        if start == end:
            continue
        if restarts:
            state = tables.restore(known)
        prepared = prepare(tables, state, rows_of(log[start:end]), np.arange(start, end), sources)
        tables.write(compute(prepared, state, forecasting, sources, from_hour(500_000)))
    return tables, state
