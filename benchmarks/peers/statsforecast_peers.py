"""statsforecast (Nixtla): classical models, fitted anew to every window, as they are meant to be used."""

import warnings

import numpy as np
import pandas as pd
from accuracy_methods import MethodForecast
from numpy.typing import NDArray
from statsforecast import StatsForecast
from statsforecast.models import MSTL, AutoETS, DynamicOptimizedTheta, SeasonalNaive

from dayahead.contracts import LEADS
from dayahead.features.fill import DAY, WEEK
from dayahead.models.history import History
from dayahead.models.window import WindowBatch
from peers.frames import window_frame

OUTER_PERCENT = 80
"""The band from 10 to 90 %."""


MODELS = {
    "statsforecast Theta": DynamicOptimizedTheta(season_length=DAY),
    "statsforecast MSTL": MSTL([DAY, WEEK], trend_forecaster=AutoETS(model="ZZN")),
    "statsforecast AutoETS": AutoETS(season_length=DAY),
}


class StatisticalPeer:
    """One model of statsforecast on the last 912 hours; where it fails, statsforecast falls back to the day before."""

    batch = 32

    def __init__(self, name: str, model: AutoETS | MSTL | DynamicOptimizedTheta) -> None:
        self.name = name
        self._model = model

    def fit(self, training: History) -> None:
        """Nothing to learn ahead: each forecast is a fit of its own."""

    def forecast(self, series: NDArray[np.int64], windows: WindowBatch) -> MethodForecast:
        """Fit and forecast each window."""
        table = window_frame(series, windows.values, windows.origin).drop(columns="series")
        forecaster = StatsForecast([self._model], freq="h", n_jobs=1, fallback_model=SeasonalNaive(DAY))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = forecaster.forecast(df=table, h=LEADS, level=[OUTER_PERCENT])
        name = str(self._model)
        p50, p10, p90 = (
            _by_lead(made, column) for column in (name, f"{name}-lo-{OUTER_PERCENT}", f"{name}-hi-{OUTER_PERCENT}")
        )
        return MethodForecast(p50, p10, p90)


def make(name: str, limit_s: float) -> StatisticalPeer:
    """A peer of this module; none of them searches, so that the bound is not theirs to keep."""
    del limit_s
    return StatisticalPeer(name, MODELS[name])


def _by_lead(made: pd.DataFrame, column: str) -> NDArray[np.float64]:
    values: NDArray[np.float64] = made[column].to_numpy(np.float64).reshape(-1, LEADS)
    return values
