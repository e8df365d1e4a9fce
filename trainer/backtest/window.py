"""One origin of a backtest, small and self-contained so that any process can forecast it."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dayahead.evaluation.backtest import RunResult, judge
from dayahead.grouping import groups
from dayahead.hours import Hour
from dayahead.models.history import History
from dayahead.models.serving.forecaster import Forecaster
from dayahead.models.serving.release import Release
from dayahead.models.serving.window import WindowBatch, WindowWeather

RELEASES_KEPT = 4
"""Releases that a process caches: as many as windows in flight may use."""


class KnownHours(Protocol):
    """The hours known at an origin."""

    def read(self) -> NDArray[np.float64]:
        """The 912 hours up to the origin; float64 [n, 912], NaN where unknown."""


@dataclass(frozen=True)
class ObservedHours:
    """Hours in memory.

    Attributes:
        values: float64 [n, 912].
    """

    values: NDArray[np.float64]

    def read(self) -> NDArray[np.float64]:
        """The hours."""
        return self.values


@dataclass(frozen=True)
class Window:
    """All series at one origin.

    Attributes:
        origin: the last hour that a forecast may use.
        known: the hours up to it, of each series.
        actual: the actual values of the hours after it, as many as are forecast.
        release: bytes of the release that forecasts; fitted before the origin.
        weather: of the places of the series, as known at the origin; None without weather.
    """

    origin: Hour
    known: KnownHours
    actual: History
    release: bytes
    weather: WindowWeather | None = None


def forecast_window(window: Window) -> RunResult:
    """Forecast every series at the origin and score. The result depends only on the window, wherever it runs."""
    return RunResult.join(_parts(window))


def _parts(window: Window) -> Iterator[RunResult]:
    values, actual, forecaster = window.known.read(), window.actual, _forecaster(window.release)
    for number, series in groups(actual.calendar_of):
        at = np.full(len(series), window.origin, np.int64)
        weather = window.weather.take(series) if window.weather else None
        windows = WindowBatch(values[series], at, actual.calendars[number], actual.leads, weather)
        yield judge(actual, series, windows, forecaster)


@lru_cache(maxsize=RELEASES_KEPT)
def _forecaster(release: bytes) -> Forecaster:
    return Forecaster(Release.from_bytes(release))
