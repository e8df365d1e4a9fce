"""statsforecast (Nixtla): classical models of one series each, on the last 912 hours, as all methods see them."""

import time
import warnings

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from statsforecast import StatsForecast
from statsforecast.models import MSTL, AutoETS, DynamicOptimizedTheta, SeasonalNaive

from benchmarks.accuracy_methods import MethodForecast, OverTimeError
from benchmarks.peers.frames import window_frame
from dayahead.features.fill import DAY, WEEK, fill
from dayahead.models.history import History
from dayahead.models.serving.window import WindowBatch

OUTER_PERCENT = 80
"""The band from 10 to 90 %."""

LOW, HIGH = f"lo-{OUTER_PERCENT}", f"hi-{OUTER_PERCENT}"
REFITTED = {
    "statsforecast Theta": DynamicOptimizedTheta(season_length=DAY),
    "statsforecast MSTL": MSTL([DAY, WEEK], trend_forecaster=AutoETS(model="ZZN")),
}


class RefittedPeer:
    """One model, refitted to every window; where it fails, statsforecast falls back to the day before."""

    batch = 32

    def __init__(self, name: str) -> None:
        self.name = name

    def fit(self, training: History) -> None:
        """Nothing to learn ahead: each forecast is its own fit."""

    def forecast(self, series: NDArray[np.int64], windows: WindowBatch) -> MethodForecast:
        """Fit and forecast each window."""
        model = REFITTED[self.name]
        table = window_frame(series, windows.values, windows.origin).drop(columns="series")
        forecaster = StatsForecast([model], freq="h", n_jobs=1, fallback_model=SeasonalNaive(DAY))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = forecaster.forecast(df=table, h=windows.leads, level=[OUTER_PERCENT])
        p50, p10, p90 = (
            _by_lead(made, column, windows.leads) for column in (f"{model}", f"{model}-{LOW}", f"{model}-{HIGH}")
        )
        return MethodForecast(p50, p10, p90)


class CarriedPeer:
    """AutoETS, whose search takes seconds: chosen and fitted once a series, then carried over each window.

    That is what the package's own `cross_validation(refit=False)` does (`forward`). A model counts the hours of its day
    from the first that it has seen, so a window begins at the same hour of the day as the one of the fit.
    """

    batch = 100

    def __init__(self, name: str, limit_s: float) -> None:
        self.name = name
        self._limit_s = limit_s
        self._models: list[AutoETS] = []
        self._starts: list[int] = []

    def fit(self, training: History) -> None:
        """Fit each series' last 912 hours of training.

        Raises:
            OverTimeError: all series would cost more than the bound.
        """
        rows = np.arange(len(training.series_ids))
        known = np.isfinite(training.values)
        last = training.end - 1 - np.argmax(known[:, ::-1], axis=1)
        started = time.process_time()
        for row in rows:
            window = _observed(training.windows(rows[row : row + 1], last[row : row + 1]))[0]
            self._models.append(AutoETS(season_length=DAY).fit(window))
            self._starts.append(int(last[row]) + 1 - len(window))
            expected_s = (time.process_time() - started) / (row + 1) * len(rows)
            if expected_s > self._limit_s:
                raise OverTimeError(
                    f"the fit of its {len(rows)} series would take {expected_s / 60:.0f} minutes, over the bound of "
                    f"{self._limit_s / 60:.0f}"
                )

    def forecast(self, series: NDArray[np.int64], windows: WindowBatch) -> MethodForecast:
        """Carry each series' model over each of its windows."""
        made = []
        for row, origin, window in zip(series, windows.origin, _observed(windows.values), strict=True):
            skipped = (self._starts[row] - (int(origin) + 1 - len(window))) % DAY
            made.append(self._models[row].forward(window[skipped:], h=windows.leads, level=[OUTER_PERCENT]))
        p50, p10, p90 = (np.array([one[name] for one in made]) for name in ("mean", LOW, HIGH))
        return MethodForecast(p50, p10, p90)


def make(name: str, limit_s: float) -> RefittedPeer | CarriedPeer:
    """A peer of this module."""
    return RefittedPeer(name) if name in REFITTED else CarriedPeer(name, limit_s)


def _observed(values: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Windows from their first observed hour, holes filled as ours are."""
    filled = fill(values)
    return [window[first:] for window, first in zip(filled.values, filled.first, strict=True)]


def _by_lead(made: pd.DataFrame, column: str, leads: int) -> NDArray[np.float64]:
    values: NDArray[np.float64] = made[column].to_numpy(np.float64).reshape(-1, leads)
    return values
