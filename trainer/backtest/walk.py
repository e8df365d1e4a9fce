"""Judges the recipe on past hours: fitted on what came before, then walked from origin to origin."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from dayahead.evaluation.backtest import RunResult
from dayahead.hours import Hour
from dayahead.models.history import History
from dayahead.models.serving.release import Release
from trainer.backtest.fitting import do_fit, fit_before
from trainer.backtest.kept import RunFolder
from trainer.backtest.plan import Period, Plan
from trainer.backtest.reader import BacktestReader, day_after, judged_by
from trainer.backtest.window import Window, forecast_window
from trainer.settings import TrainingSettings

Asked = TypeVar("Asked")
Given = TypeVar("Given")


class Mapped(Protocol):
    """Does fits or windows, in any order, in this process or in others; takes them as it goes."""

    def __call__(self, task: Callable[[Asked], Given], asked: Iterable[Asked], /) -> Iterable[Given]:
        """What the task gives for each."""


OnWindows = Callable[[int], None]
"""Called with the number of windows that were finished since the last call."""


@dataclass(frozen=True)
class Backtest:
    """A finished backtest.

    Attributes:
        plan: what was asked.
        source: what was read, for a person.
        releases: the release that forecast from an hour on; one, unless the model was refitted on the way.
        origins: the origins walked.
        result: forecasts and scores, one row a series and origin.
        judged_by: the hours that forecasts were judged by.
        taken_up: windows that an earlier run had finished.
    """

    plan: Plan
    source: str
    releases: dict[Hour, Release]
    origins: range
    result: RunResult
    judged_by: History
    taken_up: int = 0


def _nobody(_: int) -> None:
    """Do nothing."""


class Walk:
    """One backtest, from the plan to the result."""

    def __init__(
        self,
        reader: BacktestReader,
        plan: Plan,
        settings: TrainingSettings,
        *,
        mapped: Mapped = map,
        folder: RunFolder | None = None,
        on_windows: OnWindows = _nobody,
    ) -> None:
        """Prepare.

        Args:
            reader: the hours.
            plan: which forecasts are made.
            settings: how to fit.
            mapped: does fits and windows; they know nothing of each other.
            folder: keeps each window as it is finished, and has those of an earlier run; begun by the caller.
            on_windows: called as windows are finished.

        Raises:
            SettingsError: no forecast fits into the plan.
        """
        self._reader, self._plan, self._settings = reader, plan, settings
        self._mapped, self._folder, self._on_windows = mapped, folder, on_windows
        self._judged_by = judged_by(reader.known)
        self.origins = plan.origins(reader.known)

    def run(self) -> Backtest:
        """Fit and forecast.

        Raises:
            NotEnoughHistoryError: there are too few hours before the first one.
            SettingsError: the folder was begun with other data.
        """
        finished = set(self._folder.finished(self.origins)) if self._folder else set()
        self._on_windows(len(finished))
        periods = list(self._plan.periods(self.origins))
        releases = self._releases(periods)
        parts: list[RunResult] = []
        for period in periods:
            parts += self._forecast(period, releases[period.first], finished)
        return Backtest(
            self._plan,
            self._reader.name,
            releases,
            self.origins,
            RunResult.join(parts),
            self._judged_by,
            len(finished),
        )

    def _releases(self, periods: Sequence[Period]) -> dict[Hour, Release]:
        """The release of each period; a new one is kept as soon as it is there."""
        firsts = [period.first for period in periods]
        found: dict[Hour, Release] = {}
        if self._folder:
            found = {first: kept for first in firsts if (kept := self._folder.release(first))}
        missing = [first for first in firsts if first not in found]
        fits = (fit_before(self._reader, first, self._settings) for first in missing)
        for fitted in self._mapped(do_fit, fits):
            found[fitted.first] = release = fitted.release
            if self._folder:
                self._folder.keep_release(fitted.first, release)
        return {first: found[first] for first in firsts}

    def _forecast(self, period: Period, release: Release, finished: set[Hour]) -> Iterator[RunResult]:
        blob = release.to_bytes()
        missing = (
            Window(origin, self._reader.at(origin), day_after(self._judged_by, origin), blob)
            for origin in period.origins
            if origin not in finished
        )
        for result in self._mapped(forecast_window, missing):
            if self._folder:
                self._folder.keep(int(result.origin[0]), result)
            self._on_windows(1)
            yield result
        for origin in period.origins:
            if self._folder and origin in finished:
                yield self._folder.read(origin, self._judged_by.series_ids)
