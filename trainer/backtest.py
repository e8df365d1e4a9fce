"""Judges the recipe on past hours: trained before the first origin, then walked from origin to origin."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from dayahead.errors import NotEnoughHistoryError, SettingsError
from dayahead.evaluation.backtest import RunResult, judge, origins_between
from dayahead.hours import Hour, format_utc, from_hour
from dayahead.models.fit import fit_release
from dayahead.models.forecaster import Forecaster
from dayahead.models.release import Release
from dayahead.models.window import WindowBatch
from trainer.settings import TrainingSettings
from trainer.training_set import TrainingSet

OriginResult = Callable[[Hour], RunResult]
Mapped = Callable[[OriginResult, Iterable[Hour]], Iterable[RunResult]]


@dataclass(frozen=True)
class Backtest:
    """A finished backtest.

    Attributes:
        release: fitted on the hours before the first forecast one.
        result: forecasts and scores, one row a series and origin.
        origins: the origins walked.
    """

    release: Release
    result: RunResult
    origins: range


def plan_origins(data: TrainingSet, first: Hour, end: Hour | None, every_h: int) -> range:
    """The origins of a backtest: the first forecasts hour `first`, the last ends before `end`.

    Args:
        data: what there is.
        first: first forecast hour; all before it is learnt from.
        end: hour after the last forecast one; None for the end of the data.
        every_h: hours from one origin to the next.

    Raises:
        SettingsError: no forecast fits between the two.
    """
    observed = data.observed
    last = min(end if end is not None else observed.end, observed.end) - 1
    origins = origins_between(first - 1, last, every_h)
    if not len(origins) or first <= observed.start:
        raise SettingsError(
            f"no forecast of 24 hours fits between --from {format_utc(from_hour(first))} and "
            f"{format_utc(from_hour(last + 1))}; the data go from {format_utc(from_hour(observed.start))} to "
            f"{format_utc(from_hour(observed.end))}"
        )
    return origins


def fit_before(data: TrainingSet, first: Hour, settings: TrainingSettings) -> Release:
    """Fit on the hours before `first`, no further back than the settings say.

    Raises:
        NotEnoughHistoryError: they are too few.
    """
    known = data.history.until(first).since(first - settings.history_days * 24)
    if known.hours < settings.fit.least_history_h:
        raise NotEnoughHistoryError(
            f"before --from there are {known.hours} hours and a fit needs {settings.fit.least_history_h}: "
            "choose a later --from"
        )
    return fit_release(known, settings.fit, settings.seed)


def walk(release: Release, data: TrainingSet, origins: range, mapped: Mapped = map) -> Backtest:
    """Forecast every series at every origin and score; windows know nothing of each other.

    Args:
        release: fitted on hours before the first origin, or the result flatters.
        data: windows are taken from what was observed, actuals from what was cleaned.
        origins: hours.
        mapped: `map`, or that of a process pool: calls are independent.
    """
    at = partial(_at_origin, data=data, forecaster=Forecaster(release))
    return Backtest(release, RunResult.join(mapped(at, origins)), origins)


def _at_origin(origin: Hour, *, data: TrainingSet, forecaster: Forecaster) -> RunResult:
    return RunResult.join(_parts(origin, data, forecaster))


def _parts(origin: Hour, data: TrainingSet, forecaster: Forecaster) -> Iterator[RunResult]:
    observed = data.observed
    for number, calendar in enumerate(observed.calendars):
        series = np.flatnonzero(observed.calendar_of == number)
        at = np.full(len(series), origin, np.int64)
        yield judge(data.history, series, WindowBatch(observed.windows(series, at), at, calendar), forecaster)
