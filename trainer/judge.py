"""Judges a release on held-out hours: forecasts as in live service, under each scenario."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dayahead.contracts import Rung
from dayahead.evaluation.backtest import RunResult
from dayahead.evaluation.backtest import judge as judge_windows
from dayahead.horizon import DAY_LEADS
from dayahead.hours import Hour
from dayahead.models.history import History
from dayahead.models.serving.forecaster import Forecaster
from dayahead.models.serving.release import Release
from dayahead.models.serving.window import WindowBatch
from trainer.gate import DayFigures, Judgement, ScenarioFigures
from trainer.scenarios import Scenario, damaged, scenarios_of
from trainer.settings import HoldoutSettings
from trainer.training_set import TrainingSet
from trainer.weather_damage import DamagedWeather

WINDOWS_AT_ONCE = 2000


@dataclass(frozen=True)
class JudgedWindows:
    """The forecasts to judge: every series (or every k-th) at every origin.

    Attributes:
        series: int64 [n], rows of the history.
        origins: int64 [m], hours; the 24 hours after each are all held out.
    """

    series: NDArray[np.int64]
    origins: NDArray[np.int64]

    @property
    def count(self) -> int:
        """Number of forecasts of one scenario."""
        return len(self.series) * len(self.origins)


def judged_windows(history: History, start: Hour, settings: HoldoutSettings) -> JudgedWindows:
    """The windows whose 24 hours lie between `start` and the end of the history; every k-th series if too many."""
    origins = np.arange(start - 1, history.end - DAY_LEADS, settings.origin_every_h, dtype=np.int64)
    rows = len(history.series_ids)
    most_rows = max(1, settings.most_windows // max(1, len(origins)))
    return JudgedWindows(np.arange(0, rows, -(-rows // most_rows), dtype=np.int64), origins)


def judge(release: Release, training_set: TrainingSet, windows: JudgedWindows) -> Judgement:
    """Figures of a release under each scenario.

    Args:
        release: to judge; the caller ensures that it was not trained on these hours.
        training_set: windows come from the observed values, actuals from the cleaned ones.
        windows: the forecasts to judge.

    Returns:
        Figures of each scenario; those of the weather only where the series have weather.
    """
    forecaster = Forecaster(release)
    scenarios = scenarios_of(training_set.observed.weather)
    return {scenario: _figures(forecaster, scenario, training_set, windows) for scenario in scenarios}


def lost_days(release: Release, training_set: TrainingSet, windows: JudgedWindows, least_windows: int) -> list[int]:
    """Days of the horizon after the first whose member does not beat the better naive on held-out hours.

    Each member is judged as if it served, also where the fit left its day to the profile.

    Args:
        release: to judge; the caller ensures that it was not trained on these hours.
        training_set: see `judge`.
        windows: the forecasts to judge.
        least_windows: with fewer forecasts of a day nothing is decided about it.
    """
    if not release.later_days:
        return []
    figures = judge_scenario(release.without_floor(), training_set, windows, Scenario.ALL_WELL)
    return [
        one.day
        for one in figures.later_days
        if one.day <= release.days and one.windows >= least_windows and not one.skill > 0
    ]


def judge_scenario(
    release: Release, training_set: TrainingSet, windows: JudgedWindows, scenario: Scenario
) -> ScenarioFigures:
    """Figures of a release under one scenario; see `judge`."""
    return _figures(Forecaster(release), scenario, training_set, windows)


def _figures(
    forecaster: Forecaster, scenario: Scenario, training_set: TrainingSet, windows: JudgedWindows
) -> ScenarioFigures:
    observed = training_set.observed
    if observed.weather is not None and scenario.is_of_weather:
        observed = replace(observed, weather=DamagedWeather(observed.weather, scenario))
    parts = []
    for rows, batch in _batches(observed, windows):
        broken = replace(batch, values=damaged(batch.values, scenario))
        parts.append(judge_windows(training_set.history, rows, broken, forecaster))
    if not parts:
        return ScenarioFigures.nothing()
    result = RunResult.join(parts)
    accuracy = result.accuracy()
    return ScenarioFigures(
        windows=int((result.scores.hours > 0).sum()),
        wape=accuracy.wape,
        series_wape=result.wape_series_mean(),
        weekly_naive_wape=accuracy.weekly_naive_wape,
        daily_naive_wape=accuracy.daily_naive_wape,
        naive_wape=accuracy.naive_wape,
        skill=accuracy.skill,
        coverage=accuracy.coverage,
        broken=_broken(result),
        later_days=tuple(_later_day(result, day, forecaster.release) for day in _judged_days(result)),
    )


def _judged_days(result: RunResult) -> list[int]:
    """Whole days of the horizon after the first that have a known actual."""
    return [day for day in range(2, result.days + 1) if result.scores_of(day).hours.any()]


def _later_day(result: RunResult, day: int, release: Release | None) -> DayFigures:
    accuracy = result.accuracy(day=day)
    return DayFigures(
        day=day,
        windows=int((result.scores_of(day).hours > 0).sum()),
        wape=accuracy.wape,
        naive_wape=accuracy.naive_wape,
        skill=accuracy.skill,
        coverage=accuracy.coverage,
        by_model=release is not None and day <= release.days and day not in release.floor_days,
    )


def _broken(result: RunResult) -> int:
    """Forecasts that are not finite, or whose quantiles cross."""
    with np.errstate(invalid="ignore"):
        ordered = (result.p10 <= result.p50) & (result.p50 <= result.p90)
    sound = (ordered & np.isfinite(result.p10) & np.isfinite(result.p90)).all(axis=1)
    return int(((result.rung != Rung.NONE) & ~sound).sum())


def _batches(observed: History, windows: JudgedWindows) -> Iterator[tuple[NDArray[np.int64], WindowBatch]]:
    """Series indices and their windows, in batches."""
    for number in range(len(observed.calendars)):
        series = windows.series[observed.calendar_of[windows.series] == number]
        if not len(series):
            continue
        origins_at_once = max(1, WINDOWS_AT_ONCE // len(series))
        for first in range(0, len(windows.origins), origins_at_once):
            origins = windows.origins[first : first + origins_at_once]
            rows, at = np.tile(series, len(origins)), np.repeat(origins, len(series))
            yield rows, observed.window_batch(rows, at)
