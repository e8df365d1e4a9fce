"""What a method of the accuracy benchmark is, how it is measured, and the methods that need no peer."""

import time
from dataclasses import dataclass
from typing import Protocol as Interface

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy_protocols import Protocol
from benchmarks.peak_memory import peak_mb
from dayahead.evaluation.metrics import ratio
from dayahead.evaluation.score import pinball_loss
from dayahead.features.fill import DAY, fill
from dayahead.features.lags import lagged
from dayahead.horizon import days_of, week_lag
from dayahead.models.fitting.fit import fit_release
from dayahead.models.history import History
from dayahead.models.serving.forecaster import Forecaster
from dayahead.models.serving.window import WindowBatch
from dayahead.models.settings import ModelSettings

SEED = 1


class OverTimeError(Exception):
    """A method would not end within its bound."""


class NoForecastError(Exception):
    """A method left hours out, which would be easier than to forecast them."""


@dataclass(frozen=True)
class MethodForecast:
    """What a method says; float [n, leads] each, by lead, in the unit of the series; no band where it has none."""

    p50: NDArray[np.floating]
    p10: NDArray[np.floating] | None = None
    p90: NDArray[np.floating] | None = None


class Method(Interface):
    """A way to forecast, fitted once and walked through the origins.

    Attributes:
        name: as in the table.
        batch: forecasts to ask for at once.
    """

    name: str
    batch: int

    def fit(self, training: History) -> None:
        """Learn from all that is known before the first origin."""

    def forecast(self, series: NDArray[np.int64], windows: WindowBatch) -> MethodForecast:
        """Forecast `windows.leads` hours after each window; `series` are the rows of the training history."""


@dataclass(frozen=True)
class Measured:
    """One method on one protocol; shares, not per cent.

    Attributes:
        protocol: name of the protocol.
        method: name of the method; `dayahead` is ours.
        wape: sum of |error| / sum of |actual| over everything.
        wape_series_mean: mean of each series' own WAPE.
        mase: mean of each series' MAE / its mean day-to-day change in training.
        coverage: share of hours within the 10-90 % band; None where the method has no band.
        pinball: mean pinball loss of p10, p50, p90 / mean |actual|; None where the method has no band.
        fit_s: processor seconds of the fit on one thread, so that a busy machine changes nothing.
        us_per_series: processor microseconds of a forecast of all leads, one thread, scoring not counted.
        peak_mb: peak memory of the process that fitted and forecast, its libraries and the data included.
    """

    protocol: str
    method: str
    wape: float
    wape_series_mean: float
    mase: float
    coverage: float | None
    pinball: float | None
    fit_s: float
    us_per_series: float
    peak_mb: float


class SeasonalNaive:
    """The newest known same hour of the day or of the week; it has no band."""

    batch = 5_000

    def __init__(self, lag: int) -> None:
        self.name = f"seasonal naive {lag}"
        self._lag = lag

    def fit(self, training: History) -> None:
        """Nothing to learn."""

    def forecast(self, series: NDArray[np.int64], windows: WindowBatch) -> MethodForecast:
        """Repeat what was."""
        filled = fill(windows.values).values
        days = [
            lagged(filled, DAY if self._lag == DAY else week_lag(day)) for day in range(1, days_of(windows.leads) + 1)
        ]
        return MethodForecast(np.concatenate(days, axis=1)[:, : windows.leads])


class Dayahead:
    """Ours, with the settings that it ships with."""

    name = "dayahead"
    batch = 5_000

    def __init__(self, seed: int = SEED) -> None:
        self._seed = seed
        self._forecaster = Forecaster(None)

    def fit(self, training: History) -> None:
        """Fit a release."""
        self._forecaster = Forecaster(fit_release(training, ModelSettings(), self._seed))

    def forecast(self, series: NDArray[np.int64], windows: WindowBatch) -> MethodForecast:
        """Forecast as the service does."""
        made = self._forecaster.forecast(windows)
        return MethodForecast(made.p50, made.p10, made.p90)


def measure(protocol: Protocol, method: Method, limit_s: float = float("inf")) -> Measured:
    """Fit a method on what the protocol allows, walk it through the origins, and score it.

    Raises:
        OverTimeError: fit and forecasts together would cost more than `limit_s` processor seconds.
        NoForecastError: a forecast is not a number.
    """
    started = time.process_time()
    method.fit(protocol.training)
    fit_s = time.process_time() - started
    order = np.lexsort((protocol.series, protocol.origin))
    sums, seconds, done, banded = _Sums(len(protocol.history.series_ids)), 0.0, 0, False
    judged = np.broadcast_to(protocol.judged, (len(order), protocol.leads))
    for start in range(0, len(order), method.batch):
        rows = order[start : start + method.batch]
        series, origin = protocol.series[rows], protocol.origin[rows]
        windows = protocol.history.window_batch(series, origin)
        started = time.process_time()
        made = method.forecast(series, windows)
        seconds += time.process_time() - started
        done += len(rows)
        if not np.isfinite(made.p50).all():
            raise NoForecastError(f"{np.sum(~np.isfinite(made.p50))} of its forecast hours are not numbers")
        banded = made.p10 is not None
        actual = protocol.history.targets(series, origin, protocol.leads)
        sums.add(series, np.where(judged[rows], actual, np.nan), made)
        expected_s = fit_s + seconds / done * len(order)
        if expected_s > limit_s:
            raise OverTimeError(
                f"its {len(order)} forecasts would take {expected_s / 60:.0f} minutes, over the bound of "
                f"{limit_s / 60:.0f} (--peer-minutes)"
            )
    return Measured(
        protocol.name,
        method.name,
        ratio(float(sums.error.sum()), float(sums.actual.sum())),
        sums.wape_series_mean(),
        sums.mase_series_mean(protocol.training),
        float(sums.covered.sum() / sums.hours.sum()) if banded else None,
        ratio(float(sums.pinball.sum()), float(sums.actual.sum())) if banded else None,
        fit_s,
        seconds / len(order) * 1e6,
        peak_mb(),
    )


class _Sums:
    """Sums over the judged hours, by series; each float64 [series]."""

    def __init__(self, series: int) -> None:
        self.hours, self.error, self.actual, self.covered, self.pinball = (np.zeros(series) for _ in range(5))

    def add(self, series: NDArray[np.int64], actual: NDArray[np.float64], made: MethodForecast) -> None:
        """Add forecasts; an actual that is NaN is not judged. Without a band its width is 0, and is not used."""
        p50, p10, p90 = (
            (made.p50 if values is None else values).astype(np.float32).astype(np.float64)
            for values in (made.p50, made.p10, made.p90)
        )
        known = np.isfinite(actual)
        truth = np.where(known, actual, 0.0)
        loss = sum(pinball_loss(truth, part, share) for part, share in ((p10, 0.1), (p50, 0.5), (p90, 0.9)))
        for total, values in (
            (self.hours, known),
            (self.error, np.where(known, np.abs(p50 - truth), 0.0)),
            (self.actual, np.abs(truth)),
            (self.covered, known & (truth >= p10) & (truth <= p90)),
            (self.pinball, np.where(known, loss / 3, 0.0)),
        ):
            np.add.at(total, series, values.sum(axis=1))

    def wape_series_mean(self) -> float:
        """Mean over the series of each one's WAPE; series without consumption are left out."""
        known = self.actual > 0
        return float(np.mean(self.error[known] / self.actual[known]))

    def mase_series_mean(self, training: History) -> float:
        """Mean over the series of MAE / mean |y(t) - y(t - 24)| in training (Hyndman & Koehler 2006, season 24)."""
        season = np.nanmean(np.abs(training.values[:, DAY:] - training.values[:, :-DAY]), axis=1)
        known = (self.hours > 0) & (season > 0)
        return float(np.mean(self.error[known] / self.hours[known] / season[known]))
