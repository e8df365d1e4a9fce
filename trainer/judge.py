"""Judges a release on held-out hours: forecasts as it would have made them live, under each scenario."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dayahead.contracts import LEADS, Rung
from dayahead.hours import Hour
from dayahead.models.forecaster import Forecaster
from dayahead.models.history import History
from dayahead.models.release import Release
from dayahead.models.window import WindowBatch
from trainer.gate import Judgement, ScenarioFigures
from trainer.scenarios import Scenario, damaged
from trainer.settings import HoldoutSettings
from trainer.training_set import TrainingSet

WINDOWS_AT_ONCE = 2000


@dataclass(frozen=True)
class JudgedWindows:
    """Which forecasts are judged: every series (or every k-th) at every origin.

    Attributes:
        series: int64 [n], rows of the history.
        origins: int64 [m], hours; all 24 hours after each are within the held-out hours.
    """

    series: NDArray[np.int64]
    origins: NDArray[np.int64]

    @property
    def count(self) -> int:
        """Forecasts of one scenario."""
        return len(self.series) * len(self.origins)


def judged_windows(history: History, start: Hour, settings: HoldoutSettings) -> JudgedWindows:
    """The windows whose 24 hours lie from `start` to the end of the history; thinned by series where too many."""
    origins = np.arange(start - 1, history.end - LEADS, settings.origin_every_h, dtype=np.int64)
    rows = len(history.series_ids)
    step = max(1, -(-rows * len(origins) // settings.most_windows))
    return JudgedWindows(np.arange(0, rows, min(step, rows), dtype=np.int64), origins)


def judge(release: Release, training_set: TrainingSet, windows: JudgedWindows) -> Judgement:
    """Figures of a release under each scenario. The naive sees the undamaged window: it is the yardstick.

    Args:
        release: what is judged; the caller sees to it that it has not seen the hours.
        training_set: the windows are taken from what was observed, the actuals from what was cleaned.
        windows: which forecasts.
    """
    forecaster, naive = Forecaster(release), Forecaster(None)
    return {scenario: _figures(forecaster, naive, scenario, training_set, windows) for scenario in Scenario}


def _figures(
    forecaster: Forecaster, naive: Forecaster, scenario: Scenario, training_set: TrainingSet, windows: JudgedWindows
) -> ScenarioFigures:
    series_count = len(training_set.history.series_ids)
    error, naive_error, actual_sum = np.zeros(series_count), np.zeros(series_count), np.zeros(series_count)
    hours = covered = broken = judged = 0
    for rows, batch, actual in _batches(training_set, windows):
        made = forecaster.forecast(WindowBatch(damaged(batch.values, scenario), batch.origin, batch.calendar))
        floor = naive.forecast(batch)
        given = (made.rung != Rung.NONE) & (floor.rung != Rung.NONE)
        ordered = (made.p10 <= made.p50) & (made.p50 <= made.p90) & np.isfinite(made.p10) & np.isfinite(made.p90)
        broken += int((given & ~ordered.all(axis=1)).sum())
        counts = given[:, None] & np.isfinite(actual)
        judged += int(counts.any(axis=1).sum())
        hours += int(counts.sum())
        covered += int((counts & (made.p10 <= actual) & (actual <= made.p90)).sum())
        for sums, values in (
            (error, np.abs(made.p50 - actual)),
            (naive_error, np.abs(floor.p50 - actual)),
            (actual_sum, np.abs(actual)),
        ):
            np.add.at(sums, rows, np.where(counts, values, 0.0).sum(axis=1))
    total = float(actual_sum.sum())
    known = actual_sum > 0
    return ScenarioFigures(
        windows=judged,
        wape=float(error.sum()) / total if total else np.nan,
        series_wape=float((error[known] / actual_sum[known]).mean()) if known.any() else np.nan,
        naive_wape=float(naive_error.sum()) / total if total else np.nan,
        coverage=covered / hours if hours else np.nan,
        broken=broken,
    )


def _batches(
    training_set: TrainingSet, windows: JudgedWindows
) -> Iterator[tuple[NDArray[np.int64], WindowBatch, NDArray[np.float64]]]:
    """Rows of the history, their windows, and float64 [n, 24] what was observed after."""
    observed, cleaned = training_set.observed, training_set.history
    for number, calendar in enumerate(observed.calendars):
        series = windows.series[observed.calendar_of[windows.series] == number]
        if not len(series):
            continue
        origins_at_once = max(1, WINDOWS_AT_ONCE // len(series))
        for first in range(0, len(windows.origins), origins_at_once):
            origins = windows.origins[first : first + origins_at_once]
            rows, at = np.tile(series, len(origins)), np.repeat(origins, len(series))
            yield rows, WindowBatch(observed.windows(rows, at), at, calendar), cleaned.targets(rows, at)
