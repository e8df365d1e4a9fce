"""What a linear member is fitted on: features and targets of its rows, by hour of the day and block of time."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dayahead.features.linear import anchor, linear_feature_names, linear_features
from dayahead.features.weather import (
    RECENT,
    SLOPES,
    ResponsePrior,
    describe_places,
    responses,
    weather_features,
)
from dayahead.horizon import DAY_LEADS
from dayahead.models.fitting.examples import CHUNK_ROWS, Rows, examples
from dayahead.models.history import History
from dayahead.models.serving.window import WINDOW_HOURS
from dayahead.models.settings import LinearSettings

HOURS = 24


@dataclass
class WeatherColumns:
    """The weather of rows, in the form that takes the least room; features are made of it some rows at a time.

    Attributes:
        place: int64 [n], row of `targets` and `recent`; 0 where there is no weather.
        targets: float32 [m, 3, 2, 24], as of `PlaceWeather.of_day`; the first row is NaN.
        recent: float32 [m, 5, 4].
        slopes: float32 [n, 4], the response of each row's series.
    """

    place: NDArray[np.int64]
    targets: NDArray[np.float32]
    recent: NDArray[np.float32]
    slopes: NDArray[np.float32]

    @property
    def covered(self) -> NDArray[np.bool_]:
        """Which leads the weather is known for; [n, 24]."""
        return np.asarray(np.isfinite(self.targets[:, 0, 1])[self.place])

    def features(self, part: slice) -> NDArray[np.float32]:
        """Features of some rows; float32 [n, 24, 18]."""
        return weather_features(self.targets, self.recent, self.place[part], self.slopes[part])


class _WeatherReader:
    """Collects the weather of rows while their windows are read."""

    def __init__(self, history: History, prior: ResponsePrior, day: int) -> None:
        self._history, self._prior, self._day = history, prior, day
        self._place: list[NDArray[np.int64]] = []
        self._targets = [np.full((1, 3, 2, DAY_LEADS), np.nan, np.float32)]
        self._recent = [np.zeros((1, len(RECENT), len(SLOPES)), np.float32)]
        self._slopes: list[NDArray[np.float32]] = []
        self._places = 1

    def add(self, rows: Rows, z: NDArray[np.float32]) -> None:
        known = self._history.window_weather(rows.series, rows.origin)
        if known is None:
            raise ValueError("the history has no weather")
        described = describe_places(known.temperature, WINDOW_HOURS, self._prior)
        served = (known.place >= 0) & ~known.stale[known.place]
        slopes = responses(z, np.maximum(known.place, 0), described)
        self._slopes.append(np.where(served[:, None], slopes, np.float32(0)))
        self._place.append(np.where(served, self._places + known.place, 0))
        self._targets.append(described.of_day(self._day))
        self._recent.append(described.recent)
        self._places += len(described)

    def columns(self) -> WeatherColumns:
        parts = self._place, self._targets, self._recent, self._slopes
        return WeatherColumns(*(np.concatenate(part) for part in parts))  # type: ignore[arg-type]


@dataclass
class LinearTable:
    """Features and targets of the rows, sorted by hour of the day and block.

    Attributes:
        features: float32 [n, features].
        target: float32 [n, 24], outcome - anchor; where it was not observed, what a fit makes of it.
        missing: bool [n, 24], where nothing was observed.
        weight: float32 [n], mean 1.
        bounds: int64 [24 x blocks + 1], first row of each hour of the day and block.
        weather: of the rows; None where none is asked for.
    """

    features: NDArray[np.float32]
    target: NDArray[np.float32]
    missing: NDArray[np.bool_]
    weight: NDArray[np.float32]
    bounds: NDArray[np.int64]
    weather: WeatherColumns | None = None

    @classmethod
    def read(
        cls,
        history: History,
        rows: Rows,
        settings: LinearSettings,
        *,
        annual: bool,
        screened: bool,
        day: int,
        weather: ResponsePrior | None = None,
    ) -> "LinearTable":
        """Describe the rows of a history.

        Args: as of `fit_linear`.
        """
        blocks = int(rows.block.max()) + 1
        group = rows.hour * blocks + rows.block
        rows = rows.take(np.argsort(group, kind="stable"))
        width = len(linear_feature_names(annual=annual, day=day))
        features = np.empty((len(rows), width), np.float32)
        target = np.empty((len(rows), DAY_LEADS), np.float32)
        weight = np.empty(len(rows), np.float32)
        reader = None if weather is None else _WeatherReader(history, weather, day)
        for start in range(0, len(rows), CHUNK_ROWS):
            part = slice(start, start + CHUNK_ROWS)
            taken = rows.take(np.arange(len(rows))[part])
            chunk = examples(history, taken, screened=screened, day=day)
            if reader is not None:
                reader.add(taken, chunk.state.z)
            features[part] = linear_features(chunk.state.z, chunk.context, annual=annual, day=day)
            target[part] = chunk.outcome - anchor(chunk.state.z, day)
            observed = np.isfinite(target[part]).mean(axis=1)
            weight[part] = observed / np.maximum(chunk.spread, settings.least_spread) ** 2
        missing = ~np.isfinite(target)
        # Until there is a forecast, the anchor stands for an hour that was not observed.
        target[missing] = 0.0
        weight /= max(float(weight.mean()), 1e-30)
        bounds = np.searchsorted(np.sort(group), np.arange(HOURS * blocks + 1))
        return cls(features, target, missing, weight, bounds, None if reader is None else reader.columns())

    @property
    def blocks(self) -> int:
        """Blocks of time."""
        return (len(self.bounds) - 1) // HOURS

    def of_hour(self, hour: int) -> slice:
        """The rows of an hour of the day."""
        return slice(int(self.bounds[hour * self.blocks]), int(self.bounds[(hour + 1) * self.blocks]))

    def misses(self, coefficients: NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Mean |residual| of each row over its observed hours, and the forecasts."""
        predicted = np.empty_like(self.target)
        for hour in range(HOURS):
            part = self.of_hour(hour)
            predicted[part] = self.features[part] @ coefficients[hour].astype(np.float32)
        miss = np.abs(np.where(self.missing, 0.0, self.target - predicted)).sum(axis=1)
        return (miss / np.maximum((~self.missing).sum(axis=1), 1)).astype(np.float32), predicted

    def impute(self, predicted: NDArray[np.float32]) -> None:
        """Put forecasts where nothing was observed, so that those hours pull at nothing."""
        self.target = np.where(self.missing, predicted, self.target)
