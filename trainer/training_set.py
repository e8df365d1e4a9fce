"""Reads the training data: the hours of every source as a matrix, cleaned, as known at a moment."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import psycopg
from numpy.typing import NDArray

from dayahead.errors import NotEnoughHistoryError, SettingsError
from dayahead.horizon import LEAST_LEADS
from dayahead.hours import Hour, format_utc, to_hour
from dayahead.models.history import History
from dayahead.source import Source
from dayahead.storage.tables.model_release import ReleaseRecord
from dayahead.storage.tables.observation import observed_hours, observed_range, read_observations
from dayahead.storage.tables.series import RegisteredSeries, load_series
from dayahead.storage.tables.source import load_sources
from dayahead.storage.tables.training_quarantine import QuarantinedRange
from dayahead.weather.history import WeatherHistory
from dayahead.weather.placed import PlacedWeather
from trainer.quarantine import clean
from trainer.settings import TrainingSettings
from trainer.training_weather import Span, read_weather

SERIES_AT_ONCE = 500
"""Series per query: bounds the memory of the rows before they are a matrix."""


@dataclass(frozen=True)
class TrainingSet:
    """The training data: the series of all sources on one grid of hours.

    Attributes:
        observed: as observed. Judged forecasts are made from it: a live window is not cleaned either.
        history: the same without quarantined values: training data and actuals.
        quarantined: what was excluded, and why.
        sources: names of the sources.
    """

    observed: History
    history: History
    quarantined: list[QuarantinedRange]
    sources: tuple[str, ...]

    @property
    def known_hours(self) -> int:
        """Number of values to train on."""
        return int(np.isfinite(self.history.values).sum())

    @property
    def for_day_1(self) -> "TrainingSet":
        """The same, to forecast 24 hours from: trials of settings are compared on day 1, and fit nothing else."""
        return replace(
            self,
            observed=replace(self.observed, leads=LEAST_LEADS),
            history=replace(self.history, leads=LEAST_LEADS),
        )

    def with_weather(self, weather: WeatherHistory | None) -> "TrainingSet":
        """The same hours with the weather of their series."""
        return replace(
            self,
            observed=replace(self.observed, weather=weather),
            history=replace(self.history, weather=weather),
        )

    def until(self, hour: Hour) -> "TrainingSet":
        """The same data before this hour."""
        return replace(self, observed=self.observed.until(hour), history=self.history.until(hour))


@dataclass(frozen=True)
class _SourcePart:
    source: Source
    series: list[RegisteredSeries]
    start: Hour
    observed: NDArray[np.float64]
    cleaned: NDArray[np.float64]

    @property
    def series_ids(self) -> list[str]:
        return [one.series_id for one in self.series]

    @property
    def end(self) -> Hour:
        return self.start + int(self.observed.shape[1])


def registered_as(series_ids: Sequence[str], source: Source) -> list[RegisteredSeries]:
    """Series of a file, numbered in order instead of by database keys."""
    return [RegisteredSeries(key, name, 0, name.split("/")[0], source.unit, 0) for key, name in enumerate(series_ids)]


def read_training_set(
    connection: psycopg.Connection,
    settings: TrainingSettings,
    as_of: datetime | None = None,
    *,
    since: Hour | None = None,
    needed_h: int | None = None,
    perfect_weather: bool = False,
    only: str | None = None,
) -> TrainingSet:
    """Read and clean the history of every source.

    Args:
        connection: an open connection.
        settings: how far back, quarantine rules, needed history.
        as_of: read only what was published by then; None for everything.
        since: first hour; None for as far back as configured.
        needed_h: minimum hours of a source; None for what a training needs.
        perfect_weather: whether the weather after an origin is as it was, instead of as forecast.
        only: name of the only source that is read; None for all.

    Raises:
        SettingsError: `only` is not registered.
        NotEnoughHistoryError: no source has enough hours.
    """
    parts: list[_SourcePart] = []
    quarantined: list[QuarantinedRange] = []
    lengths = []
    needed_h = settings.needed_h if needed_h is None else needed_h
    all_series = load_series(connection)
    sources = load_sources(connection)
    if only is not None and only not in sources:
        raise SettingsError(f"no source {only} is registered; there are: {', '.join(sorted(sources)) or 'none'}")
    for name, registered in sorted(sources.items()):
        if only not in {None, name}:
            continue
        series = sorted((s for s in all_series if s.source_key == registered.source_key), key=lambda s: s.series_id)
        observed = observed_range(connection, registered.source_key)
        if not series or observed is None or registered.removed_at is not None or registered.source.totals_of:
            continue  # totals repeat their parts
        end = to_hour(observed[1]) + 1
        if as_of:
            end = min(end, to_hour(as_of) + 1)
        start = max(to_hour(observed[0]), end - settings.history_days * 24 if since is None else since)
        values, start = _trimmed(_read(connection, series, start, end, as_of), start)
        lengths.append(f"{name} has {values.shape[1]}")
        if values.shape[1] < needed_h:
            continue
        cleaned = clean(values, start, series, registered.source, settings.quarantine)
        parts.append(_SourcePart(registered.source, series, start, values, cleaned.values))
        quarantined += cleaned.ranges
    if not parts:
        known = f" published by {format_utc(as_of)}" if as_of else ""
        raise NotEnoughHistoryError(
            f"a training needs {needed_h} hours{known} of one source, {', '.join(lengths) or 'none has any'}: "
            "wait, backfill, or lower minimum_days, fit.least_history_h or holdout.least_h"
        )
    data = _side_by_side(parts, quarantined)
    span = Span(data.history.start, data.history.end, data.history.leads)
    weather = PlacedWeather.side_by_side(
        [
            (
                len(part.series),
                read_weather(
                    connection, part.source, part.series_ids, span, settings.weather, as_of, perfect=perfect_weather
                ),
            )
            for part in parts
        ]
    )
    return data.with_weather(weather)


def _side_by_side(parts: list[_SourcePart], quarantined: list[QuarantinedRange]) -> TrainingSet:
    start, end = min(part.start for part in parts), max(part.end for part in parts)
    ids = tuple(series.series_id for part in parts for series in part.series)
    calendars = tuple(dict.fromkeys(part.source.calendar for part in parts))
    index = np.repeat([calendars.index(part.source.calendar) for part in parts], [len(p.series) for p in parts])

    leads = max(part.source.leads for part in parts)

    def history(matrices: list[NDArray[np.float64]]) -> History:
        values = np.full((len(ids), end - start), np.nan)
        first = 0
        for part, matrix in zip(parts, matrices, strict=True):
            values[first : first + len(matrix), part.start - start : part.end - start] = matrix
            first += len(matrix)
        return History(ids, start, values, calendars, index.astype(np.int64), leads)

    return TrainingSet(
        history([part.observed for part in parts]),
        history([part.cleaned for part in parts]),
        quarantined,
        tuple(part.source.name for part in parts),
    )


def _read(
    connection: psycopg.Connection, series: list[RegisteredSeries], start: Hour, end: Hour, as_of: datetime | None
) -> NDArray[np.float64]:
    values = np.full((len(series), max(0, end - start)), np.nan)
    for first in range(0, len(series), SERIES_AT_ONCE):
        keys = np.array([s.series_key for s in series[first : first + SERIES_AT_ONCE]], np.int64)
        values[first : first + SERIES_AT_ONCE] = read_observations(connection, keys, start, end, as_of).values
    return values


def _trimmed(values: NDArray[np.float64], start: Hour) -> tuple[NDArray[np.float64], Hour]:
    """Drop the hours without any value at both ends."""
    known = np.flatnonzero(np.isfinite(values).any(axis=0))
    if not len(known):
        return values[:, :0], start
    return values[:, known[0] : known[-1] + 1], start + int(known[0])


@dataclass(frozen=True)
class HistoryLength:
    """Length of the history, without reading it. Missing hours do not count.

    Attributes:
        source: name of the source with the longest history; None if no source has any.
        hours: number of its observed hours, no further back than a training reads.
        learnt: number of them in the range of the champion's training data; 0 without a champion.
    """

    source: str | None
    hours: int
    learnt: int = 0


def longest_history(
    connection: psycopg.Connection, settings: TrainingSettings, champion: ReleaseRecord | None = None
) -> HistoryLength:
    """The source with the most hours, no further back than a training reads.

    Args:
        connection: an open connection.
        settings: how far back a training reads.
        champion: the release in service; None if there is none.
    """
    longest = HistoryLength(None, 0)
    for name, registered in load_sources(connection).items():
        key = registered.source_key
        if (
            not registered.source.totals_of
            and registered.removed_at is None
            and (observed := observed_range(connection, key))
        ):
            first = max(observed[0], observed[1] - timedelta(days=settings.history_days))
            hours = observed_hours(connection, key, first, observed[1])
            if hours > longest.hours:
                learnt = observed_hours(connection, key, *_learnt_from(champion)) if champion else 0
                longest = HistoryLength(name, hours, learnt)
    return longest


def _learnt_from(champion: ReleaseRecord) -> tuple[datetime, datetime]:
    """First and last hour of a release's training data."""
    return champion.trained_from, champion.trained_until - timedelta(hours=1)
