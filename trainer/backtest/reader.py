"""Where a backtest takes its hours from: a file or TimescaleDB, behind one interface."""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from dayahead.contracts import LEADS
from dayahead.hours import Hour
from dayahead.models.history import History
from dayahead.source import Source
from trainer.backtest.window import KnownHours, ObservedHours
from trainer.quarantine import LEVEL_BREAK, clean
from trainer.settings import QuarantineSettings
from trainer.training_set import TrainingSet, registered_as


class BacktestReader(Protocol):
    """Gives a backtest what it may know, and when."""

    @property
    def known(self) -> TrainingSet:
        """All that is known now: forecasts are judged by it, and see nothing of it."""

    @property
    def name(self) -> str:
        """What is read, for a person."""

    def learnable(self, first: Hour) -> History:
        """What could be learnt from when the hour before `first` had just been published; hours before `first` only.

        Raises:
            NotEnoughHistoryError: nothing was known then.
        """

    def at(self, origin: Hour) -> KnownHours:
        """What was known of every series when its hour at the origin had just been published."""


@dataclass(frozen=True)
class FileReader:
    """A file says nothing about when an hour was published: each is taken to have come when it was due.

    Attributes:
        known: all hours of the file, as observed and as cleaned.
        name: the file.
        source: its definition.
        quarantine: what is not learnt from.
    """

    known: TrainingSet
    name: str
    source: Source
    quarantine: QuarantineSettings

    def learnable(self, first: Hour) -> History:
        """The hours before `first`, cleaned without a look at the later ones."""
        before = self.known.observed.until(first)
        series = registered_as(before.series_ids, self.source)
        return replace(before, values=clean(before.values, before.start, series, self.source, self.quarantine).values)

    def at(self, origin: Hour) -> KnownHours:
        """The hours up to the origin."""
        observed = self.known.observed
        rows = np.arange(len(observed.series_ids))
        return ObservedHours(observed.windows(rows, np.full(len(rows), origin, np.int64)))


def judged_by(known: TrainingSet) -> History:
    """The hours that forecasts are judged by: cleaned, yet with what came before a change of level.

    Such hours were measured well; they are only no good to learn from once the level has changed.
    """
    values = known.history.values.copy()
    row_of = {name: row for row, name in enumerate(known.history.series_ids)}
    start = known.history.start
    for aside in sorted(known.quarantined, key=lambda aside: aside.rule != LEVEL_BREAK):
        part = np.s_[row_of[aside.series_id], max(aside.start - start, 0) : max(aside.end - start, 0)]
        values[part] = known.observed.values[part] if aside.rule == LEVEL_BREAK else np.nan
    return replace(known.history, values=values)


def day_after(history: History, origin: Hour) -> History:
    """The 24 hours after an origin, NaN where missing or outside the history."""
    rows = np.arange(len(history.series_ids))
    values = history.targets(rows, np.full(len(rows), origin, np.int64))
    assert values.shape[1] == LEADS
    return replace(history, start=origin + 1, values=values)
