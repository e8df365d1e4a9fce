"""mlforecast (Nixtla) with LightGBM: one global model of the differences to the day before.

Fitted once, then asked with `predict(new_df=...)`, which is what its own `cross_validation(refit=False)` does. It sees
the same filled hours, local clock and holidays as ours.
"""

import warnings
from collections.abc import Callable

import lightgbm as lgb
import numpy as np
import optuna
import pandas as pd
from accuracy_methods import SEED, MethodForecast
from mlforecast import MLForecast
from mlforecast.auto import AutoLightGBM, AutoMLForecast
from mlforecast.lag_transforms import RollingMean
from mlforecast.target_transforms import Differences, LocalStandardScaler
from numpy.typing import NDArray

from dayahead.contracts import LEADS
from dayahead.features.calendar import Calendar
from dayahead.features.fill import DAY, WEEK
from dayahead.models.history import History
from dayahead.models.window import WindowBatch
from peers.frames import training_frame, window_frame

LAGS = [1, 2, 3, 24, 25, 48, 72, 96, 120, 144, 167, 168, 169]
HOUR_NS = 3_600_000_000_000
AUTO_TRIALS = 20
SEARCH_SHARE = 0.5
"""Share of its bound that the search may last; the rest is for the last fit and the forecasts."""


class LightGBMPeer:
    """mlforecast + LightGBM, recursive.

    Its direct mode (`max_horizon`) is left out: with date features it was far worse on DE35 (8.9 % against 6.1 %).
    """

    batch = 1_000

    def __init__(self, name: str, objective: str, *, scaled: bool) -> None:
        self.name = name
        self._objective = objective
        self._scaled = scaled
        self._model: MLForecast | None = None

    def fit(self, training: History) -> None:
        """Fit one model on all series."""
        model = lgb.LGBMRegressor(
            objective=self._objective,
            n_estimators=500,
            learning_rate=0.05,
            num_leaves=63,
            subsample=0.8,
            subsample_freq=1,
            colsample_bytree=0.8,
            random_state=SEED,
            n_jobs=1,
            verbosity=-1,
        )
        self._model = MLForecast(
            models={"y": model},
            freq="h",
            lags=LAGS,
            lag_transforms={lag: [RollingMean(DAY)] for lag in (1, DAY, WEEK)},
            target_transforms=[Differences([DAY]), *([LocalStandardScaler()] if self._scaled else [])],
            date_features=date_features(training.calendars[0]),
        )
        self._model.fit(training_frame(training), static_features=["series"])

    def forecast(self, series: NDArray[np.int64], windows: WindowBatch) -> MethodForecast:
        """Predict each window as a series of its own."""
        return MethodForecast(predict(self._model, series, windows))


class AutoPeer:
    """AutoMLForecast with AutoLightGBM: its own search over transforms, lags and the model, 20 trials."""

    batch = 1_000

    def __init__(self, name: str, trials: int, search_s: float) -> None:
        self.name = name
        self._trials = trials
        self._search_s = search_s
        self._model: MLForecast | None = None

    def fit(self, training: History) -> None:
        """Search on the last week of training, then fit the best on everything."""
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        light = AutoLightGBM()
        light.model.set_params(n_jobs=1, random_state=SEED)
        search = AutoMLForecast({"y": light}, freq="h", season_length=DAY, fit_config=_statics)
        search.fit(
            training_frame(training),
            n_windows=7,
            h=LEADS,
            num_samples=self._trials,
            optimize_kwargs={"timeout": self._search_s},
        )
        done = len(search.results_["y"].trials)
        if done < self._trials:
            self.name = f"{self.name} ({done} ended in time)"
        self._model = search.models_["y"]

    def forecast(self, series: NDArray[np.int64], windows: WindowBatch) -> MethodForecast:
        """Predict each window as a series of its own."""
        return MethodForecast(predict(self._model, series, windows))


def make(name: str, limit_s: float) -> LightGBMPeer | AutoPeer:
    """A peer of this module."""
    if name == "AutoLightGBM":
        return AutoPeer(name, AUTO_TRIALS, limit_s * SEARCH_SHARE)
    return {
        "mlforecast L1 scaled": LightGBMPeer(name, "l1", scaled=True),
        "mlforecast L2": LightGBMPeer(name, "l2", scaled=False),
    }[name]


def predict(model: MLForecast | None, series: NDArray[np.int64], windows: WindowBatch) -> NDArray[np.float64]:
    """The 24 hours after each window; float64 [n, 24]."""
    assert model is not None, "fit comes first"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = model.predict(LEADS, new_df=window_frame(series, windows.values, windows.origin))
    values: NDArray[np.float64] = made["y"].to_numpy(np.float64).reshape(len(windows), LEADS)
    return values


def date_features(calendar: Calendar) -> list[Callable[[pd.DatetimeIndex], NDArray[np.int8]]]:
    """Local hour, day of the week and holiday, as functions of UTC times."""

    def hours(times: pd.DatetimeIndex) -> NDArray[np.int64]:
        return pd.DatetimeIndex(times).as_unit("ns").asi8 // HOUR_NS

    def hour(times: pd.DatetimeIndex) -> NDArray[np.int8]:
        return calendar.at(hours(times)).hour

    def weekday(times: pd.DatetimeIndex) -> NDArray[np.int8]:
        return calendar.at(hours(times)).weekday

    def holiday(times: pd.DatetimeIndex) -> NDArray[np.int8]:
        return calendar.at(hours(times)).holiday

    return [hour, weekday, holiday] if calendar.has_holidays else [hour, weekday]


def _statics(trial: optuna.Trial) -> dict[str, list[str]]:
    del trial
    return {"static_features": ["series"]}
