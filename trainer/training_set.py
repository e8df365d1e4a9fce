"""What a training learns from: every source's hours as a matrix, cleaned, as known at a moment."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import psycopg
from numpy.typing import NDArray

from dayahead.errors import NotEnoughHistoryError
from dayahead.features.calendar import Calendar
from dayahead.hours import Hour, format_utc, from_hour, to_hour
from dayahead.source import Source
from dayahead.storage.observations import observed_range, read_observations
from dayahead.storage.quarantine import QuarantinedRange
from dayahead.storage.sources import RegisteredSeries, load_series, load_sources
from trainer.quarantine import clean
from trainer.settings import TrainingSettings

SERIES_AT_ONCE = 500
"""Series that are read with one query: bounds the memory that the rows take before they are a matrix."""


@dataclass(frozen=True)
class SourceHistory:
    """The hours of one source, ready to learn from.

    Attributes:
        source: the source.
        series: the n series, in the order of their ids.
        start: hour of column 0.
        observed: float64 [n, hours], in the unit of each series; NaN where nothing is known. What a forecast is made
            from: a live window has not been cleaned either.
        values: the same without what was set aside. What is learnt from, and what a forecast is judged by.
    """

    source: Source
    series: list[RegisteredSeries]
    start: Hour
    observed: NDArray[np.float64]
    values: NDArray[np.float64]

    @property
    def end(self) -> Hour:
        """The hour after the last column."""
        return self.start + int(self.values.shape[1])

    @property
    def calendar(self) -> Calendar:
        """Time zone and holidays that the source's consumers live by."""
        return calendar_of(self.source)

    def until(self, hour: Hour) -> "SourceHistory":
        """The same history without this hour and all after it."""
        hours = max(0, hour - self.start)
        return SourceHistory(self.source, self.series, self.start, self.observed[:, :hours], self.values[:, :hours])


@dataclass(frozen=True)
class TrainingSet:
    """Everything that a training reads.

    Attributes:
        histories: one for each source that has hours, by name.
        quarantined: what was set aside, and why.
    """

    histories: list[SourceHistory]
    quarantined: list[QuarantinedRange]

    @property
    def start(self) -> Hour:
        """The first hour."""
        return min(history.start for history in self.histories)

    @property
    def end(self) -> Hour:
        """The hour after the last."""
        return max(history.end for history in self.histories)

    @property
    def series_count(self) -> int:
        """Series of all sources."""
        return sum(len(history.series) for history in self.histories)

    @property
    def hours(self) -> int:
        """Values that can be learnt from."""
        return sum(int(np.isfinite(history.values).sum()) for history in self.histories)

    @property
    def fingerprint(self) -> str:
        """A hash of all values, hours, ids and calendars: the same data give the same, in any database."""
        digest = hashlib.sha256()
        for history in self.histories:
            names = [history.source.name, repr(history.calendar), str(history.start)]
            digest.update("\n".join([*names, *(series.series_id for series in history.series)]).encode())
            # one bit pattern for "missing", whatever made it
            digest.update(np.where(np.isnan(history.values), np.nan, history.values).tobytes())
        return digest.hexdigest()[:32]

    def until(self, hour: Hour) -> "TrainingSet":
        """The same set without this hour and all after it; sources that begin later fall out."""
        return TrainingSet([h.until(hour) for h in self.histories if h.start < hour], self.quarantined)


def calendar_of(source: Source) -> Calendar:
    """Time zone and holidays of a source."""
    return Calendar(source.local_time_zone, source.country, source.subdivision)


def read_training_set(
    connection: psycopg.Connection, settings: TrainingSettings, as_of: datetime | None = None
) -> TrainingSet:
    """Read and clean the history of every source.

    Args:
        connection: an open connection.
        settings: how far back, what is set aside, how much is needed.
        as_of: see only what was published by then; None for all that is known.

    Raises:
        NotEnoughHistoryError: no source has as many hours as the settings ask for.
    """
    histories: list[SourceHistory] = []
    quarantined: list[QuarantinedRange] = []
    lengths = [f"no source has an hour published before {format_utc(as_of)}" if as_of else "no source has an hour yet"]
    all_series = load_series(connection)
    for name, registered in sorted(load_sources(connection).items()):
        series = sorted((s for s in all_series if s.source_key == registered.source_key), key=lambda s: s.series_id)
        observed = observed_range(connection, registered.source_key)
        if not series or observed is None:
            continue
        end = to_hour(observed[1]) + 1
        if as_of:
            end = min(end, to_hour(as_of) + 1)
        start = max(to_hour(observed[0]), end - settings.history_days * 24)
        values, start = _trimmed(_read(connection, series, start, end, as_of), start)
        lengths.append(f"{name} has {values.shape[1]} hours")
        if values.shape[1] < settings.minimum_days * 24:
            continue
        cleaned = clean(values, start, series, registered.source, settings.quarantine)
        histories.append(SourceHistory(registered.source, series, start, values, cleaned.values))
        quarantined += cleaned.ranges
    if not histories:
        raise NotEnoughHistoryError(
            f"a training needs {settings.minimum_days * 24:.0f} hours of one source (minimum_days) and "
            f"{', '.join(lengths[1:] or lengths)}: wait, backfill, or lower minimum_days"
        )
    return TrainingSet(histories, quarantined)


def _read(
    connection: psycopg.Connection, series: list[RegisteredSeries], start: Hour, end: Hour, as_of: datetime | None
) -> NDArray[np.float64]:
    values = np.full((len(series), max(0, end - start)), np.nan)
    for first in range(0, len(series), SERIES_AT_ONCE):
        keys = np.array([s.series_key for s in series[first : first + SERIES_AT_ONCE]], np.int64)
        values[first : first + SERIES_AT_ONCE] = read_observations(connection, keys, start, end, as_of).values
    return values


def _trimmed(values: NDArray[np.float64], start: Hour) -> tuple[NDArray[np.float64], Hour]:
    """Without the hours at either end in which nothing is known."""
    known = np.flatnonzero(np.isfinite(values).any(axis=0))
    if not len(known):
        return values[:, :0], start
    return values[:, known[0] : known[-1] + 1], start + int(known[0])


@dataclass(frozen=True)
class HistoryLength:
    """How much history there is, without reading it.

    Attributes:
        source: name of the source with the longest history; None where no source has any.
        first: its first hour, UTC.
        last: its newest hour, UTC.
    """

    source: str | None
    first: datetime
    last: datetime

    @property
    def hours(self) -> int:
        """Hours from the first to the newest, both counted."""
        return 0 if self.source is None else to_hour(self.last) - to_hour(self.first) + 1


def longest_history(connection: psycopg.Connection, settings: TrainingSettings) -> HistoryLength:
    """The source that has been observed for longest, no further back than a training reads."""
    longest = HistoryLength(None, from_hour(0), from_hour(0))
    for name, registered in load_sources(connection).items():
        if observed := observed_range(connection, registered.source_key):
            first = max(observed[0], observed[1] - timedelta(days=settings.history_days))
            length = HistoryLength(name, first, observed[1])
            if length.hours > longest.hours:
                longest = length
    return longest
