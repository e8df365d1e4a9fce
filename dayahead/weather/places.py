"""The weather that a source of load follows: of each series a location of a weather source, or a mean of several."""

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

Place = str | dict[str, Annotated[float, Field(gt=0)]]
"""A location, or the weight of each of several."""

Weights = tuple[tuple[str, float], ...]
"""Locations with weights whose sum is 1, by name."""


class WeatherPlaces(BaseModel):
    """The field `weather` of a source file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str = Field(
        pattern=r"^[a-z0-9][a-z0-9-]{0,59}$", description="Name of the weather source that has the locations"
    )
    default: Place | None = Field(
        default=None, description="Location of the series that nothing else names one for, or weights of several"
    )
    areas: dict[str, Place | None] = Field(
        default_factory=dict, description="Area (first label) -> location, or weights of several; null: no weather"
    )
    series: dict[str, Place | None] = Field(
        default_factory=dict, description="series_id -> location, or weights of several; null: no weather"
    )

    @model_validator(mode="after")
    def _names_a_place(self) -> "WeatherPlaces":
        if self.default is None and not self.areas and not self.series:
            raise ValueError("weather names no location: give default, areas or series")
        places = [self.default, *self.areas.values(), *self.series.values()]
        if any(place in ("", {}) for place in places):
            raise ValueError("weather has an empty location: name one, or several with their weights")
        return self

    def weights_of(self, series_id: str) -> Weights | None:
        """The locations of a series with their weights; None for a series without weather."""
        if series_id in self.series:
            return self._weights(self.series[series_id])
        area = series_id.partition("/")[0]
        return self._weights(self.areas.get(area, self.default))

    @cached_property
    def locations(self) -> frozenset[str]:
        """Every location that is named."""
        places = [self.default, *self.areas.values(), *self.series.values()]
        return frozenset(name for place in places for name, _ in self._weights(place) or ())

    @staticmethod
    def _weights(place: Place | None) -> Weights | None:
        if place is None:
            return None
        if isinstance(place, str):
            return ((place, 1.0),)
        return _normalised(place)


def _normalised(weights: Mapping[str, float]) -> Weights:
    total = sum(weights.values())
    return tuple((name, weight / total) for name, weight in sorted(weights.items()))
