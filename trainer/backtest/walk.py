"""Runs a backtest: fits on past hours, then forecasts from origin to origin."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from dayahead.evaluation.backtest import RunResult
from dayahead.hours import Hour
from dayahead.models.history import History
from dayahead.models.serving.release import Release
from trainer.backtest.fitting import do_fit, fit_before
from trainer.backtest.kept import RunFolder
from trainer.backtest.plan import Period, Plan
from trainer.backtest.reader import BacktestReader, hours_after, judged_by, weather_at
from trainer.backtest.window import Window, forecast_window
from trainer.settings import TrainingSettings

Asked = TypeVar("Asked")
Given = TypeVar("Given")


class Mapped(Protocol):
    """Maps a task over fits or windows, in any order, in this process or in others; consumes its input lazily."""

    def __call__(self, task: Callable[[Asked], Given], asked: Iterable[Asked], /) -> Iterable[Given]:
        """The result of the task for each item."""


OnWindows = Callable[[int], None]
"""Called with the number of windows finished since the last call."""


@dataclass(frozen=True)
class Backtest:
    """A finished backtest.

    Attributes:
        plan: the options.
        source: name of the data, for messages.
        releases: the release that forecasts from an hour on; one unless the model was refitted.
        origins: the origins walked.
        result: forecasts and scores, one row a series and origin.
        judged_by: the actuals.
        taken_up: windows reused from an earlier run.
    """

    plan: Plan
    source: str
    releases: dict[Hour, Release]
    origins: range
    result: RunResult
    judged_by: History
    taken_up: int = 0


def _ignore(_: int) -> None:
    """Do nothing."""


class Walk:
    """One backtest."""

    def __init__(
        self,
        reader: BacktestReader,
        plan: Plan,
        settings: TrainingSettings,
        *,
        mapped: Mapped = map,
        folder: RunFolder | None = None,
        releases: Mapping[Hour, Release] | None = None,
        on_windows: OnWindows = _ignore,
    ) -> None:
        """Prepare.

        Args:
            reader: the hours.
            plan: which forecasts to make.
            settings: how to fit.
            mapped: runs fits and windows, which are independent of each other.
            folder: saves each finished window and has those of an earlier run; begun by the caller.
            releases: of an earlier walk of the same plan, which forecast instead of new fits.
            on_windows: called when windows are finished.

        Raises:
            SettingsError: no forecast fits in the plan.
        """
        self._reader, self._plan, self._settings = reader, plan, settings
        self._mapped, self._folder, self._given, self._on_windows = mapped, folder, releases or {}, on_windows
        self._judged_by = judged_by(reader.known)
        self.origins = plan.origins(reader.known)

    def run(self) -> Backtest:
        """Fit and forecast.

        Raises:
            NotEnoughHistoryError: there are too few hours before the first one.
            SettingsError: the folder holds a run with other data.
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
        """The release of each period; a new one is saved at once."""
        firsts = [period.first for period in periods]
        found = {first: self._given[first] for first in firsts if first in self._given}
        if self._folder:
            found |= {first: kept for first in firsts if (kept := self._folder.release(first))}
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
            Window(
                origin,
                self._reader.at(origin),
                hours_after(self._judged_by, origin),
                blob,
                weather_at(self._judged_by, origin),
            )
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
