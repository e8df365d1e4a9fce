"""The weather of the series of a history: places, each a location or a weighted mean of several."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from dayahead.weather.history import WeatherBasis, WeatherHistory
from dayahead.weather.location import LocationWeather
from dayahead.weather.places import Weights


class PlacedWeather(WeatherHistory):
    """Weather of places by the weather of their locations."""

    def __init__(
        self,
        locations: Mapping[str, LocationWeather],
        weights_of: Sequence[Weights | None],
        basis: WeatherBasis,
    ) -> None:
        """Number the places.

        Args:
            locations: by name.
            weights_of: of each series, the locations that it follows with their weights; None for a series without
                weather. A series with a location that is not among `locations` has no place either.
            basis: what the hours after an origin are.
        """
        self.basis = basis
        self.locations = dict(locations)
        known = [
            weights if weights and all(name in locations for name, _ in weights) else None for weights in weights_of
        ]
        self.places: tuple[Weights, ...] = tuple(dict.fromkeys(weights for weights in known if weights))
        self.place_of = np.array([-1 if one is None else self.places.index(one) for one in known], np.int64)

    @classmethod
    def side_by_side(cls, parts: "Sequence[tuple[int, PlacedWeather | None]]") -> "PlacedWeather | None":
        """The weather of the series of several sources; None where none has any.

        Args:
            parts: number of series and weather of each source, in the order of the series.
        """
        locations: dict[str, LocationWeather] = {}
        weights_of: list[Weights | None] = []
        bases = [part.basis for _, part in parts if part is not None]
        for number, (series, part) in enumerate(parts):
            if part is None:
                weights_of += [None] * series
                continue
            # sources may know one location differently: their loads are published at different times
            locations |= {f"{number}:{name}": location for name, location in part.locations.items()}
            named = [tuple((f"{number}:{name}", weight) for name, weight in place) for place in part.places]
            weights_of += [named[place] if place >= 0 else None for place in part.place_of.tolist()]
        if not bases:
            return None
        return cls(locations, weights_of, WeatherBasis.RUNS if WeatherBasis.RUNS in bases else bases[0])

    @property
    def fingerprint(self) -> str:
        """Hex digits of the places and of the weather of their locations."""
        used = sorted({name for weights in self.places for name, _ in weights})
        said = (str(self.basis), self.places, self.place_of.tolist(), [self.locations[one].fingerprint for one in used])
        return hashlib.sha256(repr(said).encode()).hexdigest()[:16]

    def temperatures(self, place: int, origins: NDArray[np.int64], leads: int) -> NDArray[np.float32]:
        """What was known of a place at each origin; see `WeatherHistory`."""
        return weighted_mean(
            (weight, self.locations[name].temperatures(origins, leads)) for name, weight in self.places[place]
        )

    def stale(self, place: int, origins: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether the newest run of any of its locations was too old to be used."""
        found = np.zeros(len(origins), np.bool_)
        for name, _ in self.places[place]:
            found |= self.locations[name].stale(origins)
        return found


def weighted_mean(parts: Iterable[tuple[float, NDArray[np.float32]]]) -> NDArray[np.float32]:
    """The mean of temperatures of several locations, NaN where one is unknown.

    Args:
        parts: weight and temperatures of each, one or more; the sum of the weights is 1.
    """
    total: NDArray[np.float32] | None = None
    for weight, values in parts:
        part = values if weight == 1.0 else np.float32(weight) * values
        total = part if total is None else total + part
    if total is None:
        raise ValueError("a mean needs a location")
    return total
