"""What is compared on the protocols with weather: ours without and with perfect weather, and a LightGBM with it."""

from dataclasses import replace

import lightgbm
import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy_methods import SEED, Dayahead, MethodForecast
from benchmarks.weather_protocols import perfect
from dayahead.features.fill import DAY, WEEK, fill
from dayahead.horizon import DAY_LEADS
from dayahead.models.history import History
from dayahead.models.serving.window import WINDOW_HOURS, WindowBatch

TRAINING_ROWS = 400_000
"""Rows (series, origin and lead) that the LightGBM learns from."""

LEAST_HISTORY_H = 5 * WEEK


class WithoutWeather(Dayahead):
    """Ours as if there were no weather."""

    name = "dayahead, no weather"

    def fit(self, training: History) -> None:
        """Fit a release without it."""
        super().fit(replace(training, weather=None))

    def forecast(self, series: NDArray[np.int64], windows: WindowBatch) -> MethodForecast:
        """Forecast as a service without a source of weather does."""
        return super().forecast(series, replace(windows, weather=None))


class WithPerfectWeather(Dayahead):
    """Ours, fitted and served with the temperature that came: what forecasts of the weather cost."""

    name = "dayahead, perfect weather"

    def fit(self, training: History) -> None:
        """Fit a release on observed temperature."""
        self._history = perfect(training)
        super().fit(self._history)

    def forecast(self, series: NDArray[np.int64], windows: WindowBatch) -> MethodForecast:
        """Forecast with the temperature that came."""
        weather = self._history.window_weather(series, windows.origin)
        return super().forecast(series, replace(windows, weather=weather))


class WeatherLightGBM:
    """Direct LightGBM as one would write it who knows the trade: scaled load, lags, calendar, temperature, series.

    One model for all leads, with the lead among its features; trained on runs as they were served.
    """

    name = "LightGBM with weather"
    batch = 2_000

    def __init__(self) -> None:
        self._model: lightgbm.Booster | None = None

    def fit(self, training: History) -> None:
        """Fit on rows drawn at random."""
        rng = np.random.default_rng(SEED)
        origins = np.arange(training.start + LEAST_HISTORY_H, training.end - DAY)
        count = min(TRAINING_ROWS // DAY_LEADS, len(origins) * len(training.series_ids))
        drawn = np.sort(rng.choice(len(origins) * len(training.series_ids), count, replace=False))
        series, origin = drawn % len(training.series_ids), origins[drawn // len(training.series_ids)]
        parts = []
        for start in range(0, count, self.batch):
            part = slice(start, start + self.batch)
            windows = training.window_batch(series[part], origin[part])
            features, base = _table(series[part], windows)
            target = training.targets(series[part], origin[part]) / base[:, None]
            known = np.isfinite(target)
            parts.append((features[known], target[known]))
        features, target = (np.concatenate([part[place] for part in parts]) for place in range(2))
        parameters = {
            "objective": "regression_l1",
            "num_leaves": 127,
            "learning_rate": 0.05,
            "feature_fraction": 0.7,
            "bagging_fraction": 0.8,
            "bagging_freq": 1,
            "min_data_in_leaf": 50,
            "num_threads": 1,
            "seed": SEED,
            "verbosity": -1,
        }
        data = lightgbm.Dataset(features, label=target, categorical_feature=[0])
        self._model = lightgbm.train(parameters, data, num_boost_round=600)

    def forecast(self, series: NDArray[np.int64], windows: WindowBatch) -> MethodForecast:
        """Forecast all leads of each window."""
        features, base = _table(series, windows)
        if self._model is None:
            raise RuntimeError("the model is not fitted")
        made = np.asarray(self._model.predict(features.reshape(-1, features.shape[2]), num_threads=1))
        return MethodForecast(made.reshape(features.shape[:2]) * base[:, None])


def _table(series: NDArray[np.int64], windows: WindowBatch) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Features, float32 [n, 24, k], and the mean of the last week, float64 [n]."""
    if windows.weather is None:
        raise ValueError("the windows have no weather")
    values = fill(windows.values).values
    base = np.maximum(np.abs(values[:, -WEEK:]).mean(axis=1), 1e-9)
    scaled = values / base[:, None]
    lead = np.arange(1, DAY_LEADS + 1)
    at = WINDOW_HOURS - 1 + lead
    clock = windows.calendar.at(windows.origin[:, None] + lead)
    temperature = windows.weather.temperature[windows.weather.place].astype(np.float64)
    sums = np.cumsum(np.nan_to_num(temperature), axis=1)
    columns = [
        np.broadcast_to(series[:, None], clock.hour.shape),
        np.broadcast_to(lead, clock.hour.shape),
        clock.hour,
        clock.weekday,
        clock.holiday,
        clock.season,
        *(scaled[:, at - lag] for lag in (DAY, 2 * DAY, 3 * DAY, WEEK, WEEK + DAY, 2 * WEEK)),
        *(np.repeat(scaled[:, -1 - back, None], DAY_LEADS, axis=1) for back in (0, 1, 2, 3, 24)),
        *(np.repeat(scaled[:, -hours:].mean(axis=1)[:, None], DAY_LEADS, axis=1) for hours in (3, DAY)),
        *(temperature[:, at - lag] for lag in (0, 1, 3, 6, DAY, WEEK)),
        *((sums[:, at] - sums[:, at - hours]) / hours for hours in (DAY, 3 * DAY)),
        np.repeat(temperature[:, WINDOW_HOURS - 1, None], DAY_LEADS, axis=1),
    ]
    return np.stack([np.asarray(one, np.float32) for one in columns], axis=2), base
