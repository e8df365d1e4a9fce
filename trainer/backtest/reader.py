"""The data of a backtest, from a file or TimescaleDB, behind one interface."""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from dayahead.hours import Hour
from dayahead.models.history import History
from dayahead.models.serving.window import WindowWeather
from dayahead.source import Source
from trainer.backtest.window import KnownHours, ObservedHours
from trainer.quarantine import LEVEL_BREAK, clean
from trainer.settings import QuarantineSettings
from trainer.training_set import TrainingSet, registered_as


class BacktestReader(Protocol):
    """Reads the data of a backtest as known at each moment."""

    @property
    def known(self) -> TrainingSet:
        """Everything known now: the actuals; forecasts do not see it."""

    @property
    def name(self) -> str:
        """Name of the data, for messages."""

    def learnable(self, first: Hour) -> History:
        """The training data before `first`, as known when the hour before `first` was just published.

        Raises:
            NotEnoughHistoryError: nothing was known then.
        """

    def at(self, origin: Hour) -> KnownHours:
        """The window of every series, as known when its hour at the origin was just published."""


@dataclass(frozen=True)
class FileReader:
    """Reads a file. It has no publication times: each hour is taken as published when it was due.

    Attributes:
        known: all hours of the file, as observed and as cleaned.
        name: the file.
        source: its definition.
        quarantine: which values are excluded from training.
    """

    known: TrainingSet
    name: str
    source: Source
    quarantine: QuarantineSettings

    def learnable(self, first: Hour) -> History:
        """The hours before `first`, cleaned without using later ones."""
        before = self.known.observed.until(first)
        series = registered_as(before.series_ids, self.source)
        return replace(before, values=clean(before.values, before.start, series, self.source, self.quarantine).values)

    def at(self, origin: Hour) -> KnownHours:
        """The hours up to the origin."""
        observed = self.known.observed
        rows = np.arange(len(observed.series_ids))
        return ObservedHours(observed.windows(rows, np.full(len(rows), origin, np.int64)))


def judged_by(known: TrainingSet) -> History:
    """The actuals: cleaned, but with the hours before a change of level.

    Those hours are correct; they are only unsuitable as training data after the change.
    """
    values = known.history.values.copy()
    row_of = {name: row for row, name in enumerate(known.history.series_ids)}
    start = known.history.start
    for aside in sorted(known.quarantined, key=lambda aside: aside.rule != LEVEL_BREAK):
        part = np.s_[row_of[aside.series_id], max(aside.start - start, 0) : max(aside.end - start, 0)]
        values[part] = known.observed.values[part] if aside.rule == LEVEL_BREAK else np.nan
    return replace(known.history, values=values)


def hours_after(history: History, origin: Hour) -> History:
    """The hours after an origin, as many as are forecast, without weather; NaN where missing or outside the history."""
    rows = np.arange(len(history.series_ids))
    values = history.targets(rows, np.full(len(rows), origin, np.int64), history.leads)
    return replace(history, start=origin + 1, values=values, weather=None)


def weather_at(history: History, origin: Hour) -> WindowWeather | None:
    """The weather of all series as known at an origin; None without weather."""
    rows = np.arange(len(history.series_ids))
    return history.window_weather(rows, np.full(len(rows), origin, np.int64))
