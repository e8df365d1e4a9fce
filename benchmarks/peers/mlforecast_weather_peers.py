"""mlforecast with the temperature as exogenous columns, as its documentation describes them.

The variant is chosen as without weather, on the last days of training. Each training row has the temperature as it was
forecast twelve hours before: the package keeps one value an hour, whatever the lead.
"""

import warnings

import numpy as np
import pandas as pd
from mlforecast import MLForecast
from numpy.typing import NDArray

from benchmarks.accuracy_methods import MethodForecast
from benchmarks.peers.frames import training_frame, window_frame
from benchmarks.peers.mlforecast_peers import (
    MODEL,
    STATIC,
    VARIANTS,
    by_lead,
    forecaster,
    scaled_as_in_training,
    validation_wape,
)
from dayahead.features.fill import DAY
from dayahead.models.history import History
from dayahead.models.serving.window import WINDOW_HOURS, WindowBatch

NAME = "mlforecast with weather"
TRAINING_LEAD = 12
COLUMNS = ("temperature", "temperature_day_before", "day_mean", "day_mean_day_before")
AT_ONCE = 2_000


class WeatherPeer:
    """The variant that did best on the last days of training; no band."""

    name = NAME
    batch = 1_000

    def __init__(self) -> None:
        self._model: MLForecast | None = None

    def fit(self, training: History) -> None:
        """Judge the variants by `cross_validation`, then fit the best on everything."""
        table = _with_temperature(training_frame(training), training)
        errors = {
            name: validation_wape(forecaster(variant, training), table, training.leads)
            for name, variant in VARIANTS.items()
        }
        self._model = forecaster(VARIANTS[min(errors, key=errors.__getitem__)], training)
        self._model.fit(table, static_features=STATIC)

    def forecast(self, series: NDArray[np.int64], windows: WindowBatch) -> MethodForecast:
        """Predict each window as its own series, with the run that its origin knew."""
        if self._model is None or windows.weather is None:
            raise ValueError("fit comes first, and the windows need weather")
        temperature = windows.weather.temperature[windows.weather.place]
        known = window_frame(series, windows.values, windows.origin)
        first = windows.origin - (WINDOW_HOURS - 1)
        ids, leads = np.repeat(np.arange(len(series)), windows.leads), np.tile(np.arange(windows.leads), len(series))
        hours = windows.origin[ids] + 1 + leads
        ahead = pd.DataFrame({"unique_id": ids, "ds": hours.astype("datetime64[h]").astype("datetime64[ns]")})
        past = known["ds"].to_numpy("datetime64[h]").astype(np.int64) - first[known["unique_id"].to_numpy()]
        for name, column in _columns(temperature, ids, WINDOW_HOURS + leads).items():
            ahead[name] = column
        # what lies before a day is not known within the window, and no forecast asks for it
        for name, column in _columns(temperature, known["unique_id"].to_numpy(), np.maximum(past, 2 * DAY)).items():
            known[name] = column
        with warnings.catch_warnings(), scaled_as_in_training(self._model, series):
            warnings.simplefilter("ignore")
            made = self._model.predict(windows.leads, new_df=known, X_df=ahead)
        return MethodForecast(by_lead(made, MODEL, windows.leads))


def make(name: str, limit_s: float) -> WeatherPeer:
    """The peer of this module."""
    del name, limit_s
    return WeatherPeer()


def _with_temperature(table: pd.DataFrame, history: History) -> pd.DataFrame:
    """Add the columns of the temperature as it was forecast `TRAINING_LEAD` hours before each row."""
    weather = history.weather
    if weather is None:
        raise ValueError("the history has no weather")
    hours = table["ds"].to_numpy("datetime64[h]").astype(np.int64)
    place = weather.place_of[table["series"].to_numpy()]
    made = np.full((len(COLUMNS), len(table)), np.nan)
    for one in np.unique(place[place >= 0]):
        rows = np.flatnonzero(place == one)
        for start in range(0, len(rows), AT_ONCE):
            some = rows[start : start + AT_ONCE]
            known = weather.temperatures(int(one), hours[some] - TRAINING_LEAD, DAY)
            at = np.full(len(some), WINDOW_HOURS - 1 + TRAINING_LEAD)
            made[:, some] = list(_columns(known, np.arange(len(some)), at).values())
    return table.assign(**dict(zip(COLUMNS, made, strict=True)))


def _columns(
    temperature: NDArray[np.float32], rows: NDArray[np.int64], at: NDArray[np.int64]
) -> dict[str, NDArray[np.float64]]:
    """Temperature and mean of the day at some hours and a day before.

    Args:
        temperature: float32 [n, hours].
        rows: int64 [m], of the hours.
        at: int64 [m], their columns, from 48 on.
    """
    sums = np.cumsum(np.nan_to_num(temperature.astype(np.float64)), axis=1)
    values = [
        temperature[rows, at],
        temperature[rows, at - DAY],
        (sums[rows, at] - sums[rows, at - DAY]) / DAY,
        (sums[rows, at - DAY] - sums[rows, at - 2 * DAY]) / DAY,
    ]
    return dict(zip(COLUMNS, (np.asarray(one, np.float64) for one in values), strict=True))
