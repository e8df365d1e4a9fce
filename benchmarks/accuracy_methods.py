"""What a method of the accuracy benchmark is, how it is measured, and the methods that need no peer."""

import resource
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol as Interface

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy_protocols import Protocol
from dayahead.evaluation.backtest import RunResult
from dayahead.evaluation.score import daily_naive, score, weekly_naive
from dayahead.features.fill import fill
from dayahead.features.lags import lagged
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
    """What a method says; float [n, 24] each, by lead, in the unit of the series; no band where it has none."""

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
        """Forecast the 24 hours after each window; `series` are the rows of the training history."""


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
        us_per_series: processor microseconds of a forecast of 24 leads, one thread, scoring not counted.
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
    """The same hour some hours before; it has no band."""

    batch = 5_000

    def __init__(self, lag: int) -> None:
        self.name = f"seasonal naive {lag}"
        self._lag = lag

    def fit(self, training: History) -> None:
        """Nothing to learn."""

    def forecast(self, series: NDArray[np.int64], windows: WindowBatch) -> MethodForecast:
        """Repeat what was."""
        return MethodForecast(lagged(fill(windows.values).values, self._lag))


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
    parts, seconds, done, banded = [], 0.0, 0, False
    for start in range(0, len(order), method.batch):
        rows = order[start : start + method.batch]
        series, origin = protocol.series[rows], protocol.origin[rows]
        windows = WindowBatch(protocol.history.windows(series, origin), origin, protocol.history.calendars[0])
        started = time.process_time()
        made = method.forecast(series, windows)
        seconds += time.process_time() - started
        done += len(rows)
        if not np.isfinite(made.p50).all():
            raise NoForecastError(f"{np.sum(~np.isfinite(made.p50))} of its forecast hours are not numbers")
        banded = made.p10 is not None
        parts.append(_judged(protocol.history, series, windows, made))
        expected_s = fit_s + seconds / done * len(order)
        if expected_s > limit_s:
            raise OverTimeError(
                f"its {len(order)} forecasts would take {expected_s / 60:.0f} minutes, over the bound of "
                f"{limit_s / 60:.0f} (--peer-minutes)"
            )
    result = RunResult.join(parts)
    total = result.accuracy()
    return Measured(
        protocol.name,
        method.name,
        total.wape,
        result.wape_series_mean(),
        result.mase_series_mean(protocol.training),
        total.coverage if banded else None,
        total.pinball if banded else None,
        fit_s,
        seconds / len(result) * 1e6,
        peak_mb(),
    )


def peak_mb() -> float:
    """Peak resident memory of this process so far, in MB.

    Linux reports it for the program alone in /proc; `getrusage` there also remembers the process that started it.
    """
    status = Path("/proc/self/status")
    if status.exists():
        peaks = [line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
        return int(peaks[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2


def _judged(history: History, series: NDArray[np.int64], windows: WindowBatch, made: MethodForecast) -> RunResult:
    """Score as the service does; without a band its width is 0, and that part of the score is not used."""
    p50, p10, p90 = (
        (made.p50 if values is None else values).astype(np.float32) for values in (made.p50, made.p10, made.p90)
    )
    actual = history.targets(series, windows.origin)
    seen = np.concatenate([windows.values, actual], axis=1)
    scores = score(seen, p10, p50, p90)
    none = np.zeros(len(series), np.int32)
    return RunResult(
        history.series_ids,
        series,
        windows.origin,
        p10,
        p50,
        p90,
        none.astype(np.int8),
        none,
        actual,
        weekly_naive(seen),
        daily_naive(seen),
        scores,
    )
