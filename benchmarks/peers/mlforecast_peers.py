"""mlforecast (Nixtla) with LightGBM: one global model of the differences to the day before.

Fitted once, then asked with `predict(new_df=...)`, as its own `cross_validation(refit=False)` does; series are scaled
as in training, which is how its `update` leaves them. It sees the same filled hours, local clock and holidays as ours.
Its direct mode (`max_horizon`) is left out: version 1.1.0 gives it the date features of another hour than the one to
forecast.
"""

import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import lightgbm as lgb
import numpy as np
import optuna
import pandas as pd
from mlforecast import MLForecast
from mlforecast.auto import AutoLightGBM, AutoMLForecast
from mlforecast.grouped_array import GroupedArray
from mlforecast.lag_transforms import RollingMean
from mlforecast.target_transforms import Differences, LocalStandardScaler
from mlforecast.utils import PredictionIntervals
from numpy.typing import NDArray

from benchmarks.accuracy_methods import SEED, MethodForecast
from benchmarks.peers.frames import training_frame, window_frame
from dayahead.features.fill import DAY, WEEK
from dayahead.models.history import History
from dayahead.models.serving.window import WindowBatch

LAGS = [*range(1, 25), 25, 48, 72, 96, 120, 144, 167, 168, 169]
"""The hours of a day, as in the package's own example of a load, and the days of a week."""

HOUR_NS = 3_600_000_000_000
SEASON_HOURS = 400 * DAY
"""History from which on the season is a feature, as it is of ours."""

STATIC = ["series"]
MODEL = "lightgbm"
VALIDATION_DAYS = 7
"""Days at the end of training that a variant or a trial is judged on."""

OUTER_PERCENT = 80
"""The band from 10 to 90 %."""

AUTO_TRIALS = 20
SEARCH_SHARE = 0.8
"""Share of its bound that the search may last; the rest is for the last fit and the forecasts."""


@dataclass(frozen=True)
class Variant:
    """What the package leaves to its user: the loss, and whether each series is scaled."""

    objective: str
    scaled: bool


VARIANTS = {
    "mlforecast L1": Variant("l1", scaled=False),
    "mlforecast L1 scaled": Variant("l1", scaled=True),
    "mlforecast L2": Variant("l2", scaled=False),
    "mlforecast L2 scaled": Variant("l2", scaled=True),
}


class VariantPeer:
    """One variant, whether or not it suits the data; no band."""

    batch = 1_000

    def __init__(self, name: str) -> None:
        self.name = name
        self._model: MLForecast | None = None

    def fit(self, training: History) -> None:
        """Fit one model on all series."""
        self._model = forecaster(VARIANTS[self.name], training)
        self._model.fit(training_frame(training), static_features=STATIC)

    def forecast(self, series: NDArray[np.int64], windows: WindowBatch) -> MethodForecast:
        """Predict each window as its own series."""
        return MethodForecast(predict(self._model, series, windows))


class ChosenPeer:
    """The variant that did best on the last days of training, with the package's conformal band.

    The band of a series is as wide at every origin, as it is after the package's `update`: it knows the errors of its
    cross-validation alone.
    """

    batch = 1_000

    def __init__(self, name: str) -> None:
        self.name = name
        self._model: MLForecast | None = None
        self._half = np.zeros((0, DAY))

    def fit(self, training: History) -> None:
        """Judge the variants by `cross_validation`, then fit the best on everything."""
        table = training_frame(training)
        errors = {
            name: validation_wape(forecaster(variant, training), table, training.leads)
            for name, variant in VARIANTS.items()
        }
        self._model = forecaster(VARIANTS[min(errors, key=errors.__getitem__)], training)
        intervals = PredictionIntervals(n_windows=VALIDATION_DAYS, h=training.leads)
        self._model.fit(table, static_features=STATIC, prediction_intervals=intervals)
        made = self._model.predict(training.leads, level=[OUTER_PERCENT])
        half = by_lead(made, f"{MODEL}-hi-{OUTER_PERCENT}", training.leads)
        half -= by_lead(made, MODEL, training.leads)
        self._half = np.full((len(training.series_ids), training.leads), np.nan)
        self._half[table["unique_id"].unique()] = half

    def forecast(self, series: NDArray[np.int64], windows: WindowBatch) -> MethodForecast:
        """Predict each window as its own series, with the band of the series that it is of."""
        p50, half = predict(self._model, series, windows), self._half[series]
        return MethodForecast(p50, p50 - half, p50 + half)


class AutoPeer:
    """AutoMLForecast with AutoLightGBM: its own search over transforms, lags and the model.

    Args:
        name: as in the table.
        trials: to search through.
        search_s: seconds by `clock` after which no new trial begins; the name then says how many finished.
        clock: seconds since some moment.
    """

    batch = 1_000

    def __init__(self, name: str, trials: int, search_s: float, clock: Callable[[], float] = time.process_time) -> None:
        self.name = name
        self._trials = trials
        self._search_s = search_s
        self._clock = clock
        self._model: MLForecast | None = None

    def fit(self, training: History) -> None:
        """Search on the last days of training, then fit the best on everything."""
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        light = AutoLightGBM()
        light.model.set_params(n_jobs=1, random_state=SEED)
        search = AutoMLForecast({MODEL: light}, freq="h", season_length=DAY, fit_config=_statics)
        started = self._clock()

        def end_in_time(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
            del trial
            if self._clock() - started > self._search_s:
                study.stop()

        search.fit(
            training_frame(training),
            n_windows=VALIDATION_DAYS,
            h=training.leads,
            num_samples=self._trials,
            optimize_kwargs={"callbacks": [end_in_time]},
        )
        ended = len(search.results_[MODEL].trials)
        if ended < self._trials:
            self.name = f"{self.name} ({ended} of {self._trials} trials ended in time)"
        self._model = search.models_[MODEL]

    def forecast(self, series: NDArray[np.int64], windows: WindowBatch) -> MethodForecast:
        """Predict each window as its own series."""
        return MethodForecast(predict(self._model, series, windows))


def make(name: str, limit_s: float) -> VariantPeer | ChosenPeer | AutoPeer:
    """A peer of this module."""
    if name in VARIANTS:
        return VariantPeer(name)
    return ChosenPeer(name) if name == "mlforecast" else AutoPeer(name, AUTO_TRIALS, limit_s * SEARCH_SHARE)


def forecaster(variant: Variant, training: History) -> MLForecast:
    """The package's model of a load, not yet fitted."""
    model = lgb.LGBMRegressor(
        objective=variant.objective,
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
    return MLForecast(
        models={MODEL: model},
        freq="h",
        lags=LAGS,
        lag_transforms={lag: [RollingMean(DAY)] for lag in (1, DAY, WEEK)},
        target_transforms=[Differences([DAY]), *([LocalStandardScaler()] if variant.scaled else [])],
        date_features=date_features(training),
    )


def validation_wape(model: MLForecast, table: pd.DataFrame, leads: int) -> float:
    """WAPE of forecasts of so many hours over the last days of a table, by a fit on what is before them."""
    judged = model.cross_validation(table, n_windows=VALIDATION_DAYS, h=leads, refit=False, static_features=STATIC)
    return float((judged[MODEL] - judged["y"]).abs().sum() / judged["y"].abs().sum())


def predict(model: MLForecast | None, series: NDArray[np.int64], windows: WindowBatch) -> NDArray[np.float64]:
    """The hours after each window; float64 [n, leads]."""
    assert model is not None, "fit comes first"
    with warnings.catch_warnings(), scaled_as_in_training(model, series):
        warnings.simplefilter("ignore")
        made = model.predict(windows.leads, new_df=window_frame(series, windows.values, windows.origin))
    return by_lead(made, MODEL, windows.leads)


class _TrainedScaler(LocalStandardScaler):  # type: ignore[misc] # mlforecast has no types
    """What a scaler has learnt of the series in training: `predict(new_df=...)` leaves it as it is."""

    def __init__(self, trained: LocalStandardScaler, rows: NDArray[np.int64]) -> None:
        self.scaler_ = trained.scaler_.take(rows)

    def fit_transform(self, ga: GroupedArray) -> GroupedArray:
        return self.update(ga)


@contextmanager
def scaled_as_in_training(model: MLForecast, series: NDArray[np.int64]) -> Iterator[None]:
    """Let `predict(new_df=...)` scale windows by the whole training history of their series, as after `update`.

    By itself it would scale them by themselves: on years of history the last weeks vary less, or more, than what the
    model was fitted on.
    """
    fitted, trained = model.ts, model.ts.target_transforms
    rows = np.searchsorted(fitted.uids, series)
    fitted.target_transforms = trained and [
        _TrainedScaler(one, rows) if isinstance(one, LocalStandardScaler) else one for one in trained
    ]
    try:
        yield
    finally:
        fitted.target_transforms = trained
        model.ts = fitted  # `predict(new_df=...)` leaves the windows there in place of the series


def date_features(training: History) -> list[Callable[[pd.DatetimeIndex], NDArray[np.number]]]:
    """Local hour, day of the week, holiday (of the day before too), and with a long history the season.

    All are functions of UTC times. The day before, because the target is the difference to it.
    """
    calendar = training.calendars[0]

    def hours(times: pd.DatetimeIndex) -> NDArray[np.int64]:
        return np.asarray(pd.DatetimeIndex(times).as_unit("ns").asi8 // HOUR_NS)

    def hour(times: pd.DatetimeIndex) -> NDArray[np.integer]:
        return calendar.at(hours(times)).hour

    def weekday(times: pd.DatetimeIndex) -> NDArray[np.integer]:
        return calendar.at(hours(times)).weekday

    def holiday(times: pd.DatetimeIndex) -> NDArray[np.integer]:
        return calendar.at(hours(times)).holiday

    def holiday_before(times: pd.DatetimeIndex) -> NDArray[np.integer]:
        return calendar.at(hours(times) - DAY).holiday

    def season(times: pd.DatetimeIndex) -> NDArray[np.floating]:
        return calendar.at(hours(times)).season

    holidays = [holiday, holiday_before] if calendar.has_holidays else []
    return [hour, weekday, *holidays, *([season] if training.hours >= SEASON_HOURS else [])]


def _statics(trial: optuna.Trial) -> dict[str, list[str]]:
    del trial
    return {"static_features": STATIC}


def by_lead(made: pd.DataFrame, column: str, leads: int) -> NDArray[np.float64]:
    """A column of a prediction as a matrix, float64 [n, leads]."""
    values: NDArray[np.float64] = made[column].to_numpy(np.float64).reshape(-1, leads)
    return values
