"""What a release knows of the weather: a second member for the days of the horizon that the weather improves."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dayahead.features.trees import TREE_FEATURES
from dayahead.features.weather import SLOPES, WEATHER_FEATURES, WEATHER_TREE_FEATURES

Part = NDArray[np.float32] | str

_ARRAYS = ("coefficients", "effects", "band_multipliers", "quantile_shape")


def weather_feature_names() -> dict[str, list[str]]:
    """Names of everything that the member is computed from, in order."""
    return {
        "linear": list(WEATHER_FEATURES),
        "slopes": list(SLOPES),
        "trees": [*TREE_FEATURES, *WEATHER_TREE_FEATURES],
    }


@dataclass(frozen=True)
class WeatherDayParts:
    """A day of the horizon.

    Attributes:
        coefficients: float32 [24 hours of day, features, 24 leads], of the features that the member without weather
            has too.
        effects: float32 [24 hours of day, 24 leads, 18], of the weather's.
        band_multipliers: float32 [24 hours of day, 24 leads, 2], 10 and 90 % quantiles of error / spread.
        quantile_shape: float32 [24 leads, levels], as of `Release`.
        serves: whether the member beat the one without weather, and the naives, on blocks of time that it had not seen.
    """

    coefficients: NDArray[np.float32]
    effects: NDArray[np.float32]
    band_multipliers: NDArray[np.float32]
    quantile_shape: NDArray[np.float32]
    serves: bool


@dataclass(frozen=True)
class ReleaseWeather:
    """The member that knows the weather.

    Attributes:
        basis: what it was fitted on, a value of `WeatherBasis`.
        slopes: float32 [4], the thermal response that every series starts from.
        strength: float32 [4, 4], as of `ResponsePrior`.
        correction: LightGBM text that corrects it; empty for none.
        spread: LightGBM text for the logarithm of |error| / usual error; empty for none.
        days: day 1 of the horizon, day 2 and so on.
    """

    basis: str
    slopes: NDArray[np.float32]
    strength: NDArray[np.float32]
    correction: str
    spread: str
    days: tuple[WeatherDayParts, ...]

    @property
    def served_days(self) -> tuple[int, ...]:
        """Days of the horizon that the member forecasts where the weather is known."""
        return tuple(day for day, parts in enumerate(self.days, start=1) if parts.serves)

    def without(self, days: frozenset[int]) -> "ReleaseWeather":
        """The same, serving some days no more."""
        kept = [replace(parts, serves=parts.serves and day not in days) for day, parts in enumerate(self.days, start=1)]
        return replace(self, days=tuple(kept))

    def parts(self) -> dict[str, Part]:
        """Arrays and texts by name, as they stand in an artifact."""
        made: dict[str, Part] = {f"weather_{name}": getattr(self, name) for name in _OF_ALL_DAYS}
        for day, parts in enumerate(self.days, start=1):
            made |= {_part_of_day(name, day): getattr(parts, name) for name in _ARRAYS}
        return made

    def facts(self) -> dict[str, Any]:
        """What stands in the manifest."""
        return {
            "basis": self.basis,
            "serves": [parts.serves for parts in self.days],
            "features": weather_feature_names(),
        }

    @classmethod
    def take_from(cls, facts: Mapping[str, Any], parts: dict[str, Any]) -> "ReleaseWeather":
        """Read it from a manifest and the parts of an artifact, which are removed from them."""
        return cls(
            basis=facts["basis"],
            days=tuple(
                WeatherDayParts(**{name: parts.pop(_part_of_day(name, day)) for name in _ARRAYS}, serves=serves)
                for day, serves in enumerate(facts["serves"], start=1)
            ),
            **{name: parts.pop(f"weather_{name}") for name in _OF_ALL_DAYS},
        )


_OF_ALL_DAYS = ("slopes", "strength", "correction", "spread")


def _part_of_day(name: str, day: int) -> str:
    return f"weather_{name}_day_{day}"
