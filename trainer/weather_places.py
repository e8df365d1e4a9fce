"""Proposes which locations of a weather source the series of a source of load follow, from their history."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import unquote

import numpy as np
import yaml
from numpy.typing import NDArray

from dayahead.models.history import History
from dayahead.weather.archived import best_known
from dayahead.weather.choice import MOST_LOCATIONS, choose, summed_by_area
from dayahead.weather.places import WeatherPlaces, Weights
from dayahead.weather.served import Publications

FEW_SERIES = 50
"""Up to so many series, each has a place of its own, else each area."""


class By(StrEnum):
    """What has a place of its own."""

    SERIES = "series"
    AREA = "area"


@dataclass(frozen=True)
class Proposal:
    """The place of a series, or of the series of an area.

    Attributes:
        name: series_id, or the first label of its series.
        locations: names, the best first; empty where too few hours are known.
        r2: share of the load's differences that the temperature of their mean explains; NaN where unknown.
        best_r2: that of the best location alone.
        hours: hours with a known difference of the load.
        helps: whether the locations explain enough.
    """

    name: str
    locations: tuple[str, ...]
    r2: float
    best_r2: float
    hours: int
    helps: bool

    @property
    def weights(self) -> Weights | None:
        """The locations with equal weights; None where none helps."""
        if not self.helps:
            return None
        return tuple((name, 1 / len(self.locations)) for name in sorted(self.locations))

    @property
    def place(self) -> str | dict[str, float] | None:
        """As the field `weather` of a source file has it."""
        if not self.helps:
            return None
        return self.locations[0] if len(self.locations) == 1 else dict.fromkeys(sorted(self.locations), 1.0)


@dataclass(frozen=True)
class Proposals:
    """The places of all series of a history.

    Attributes:
        by: what has a place of its own.
        each: in the order of the series, or of the areas' names.
        locations: names of all locations.
    """

    by: By
    each: list[Proposal]
    locations: tuple[str, ...]

    def weights_of(self, series_ids: Sequence[str]) -> list[Weights | None]:
        """The locations of series with their weights."""
        found = {one.name: one.weights for one in self.each}
        return [found[name if self.by is By.SERIES else _area(name)] for name in series_ids]

    def yaml(self, source: str) -> str:
        """The field `weather` of the source file; empty where no location helps any series.

        Args:
            source: name of the weather source.
        """
        placed = {one.name: one.place for one in self.each}
        if not any(placed.values()):
            return ""
        usual = _most_common(list(placed.values()))
        fields: dict[str, object] = {"source": source, "default": usual}
        others = {name: place for name, place in placed.items() if place != usual}
        if others:
            fields["series" if self.by is By.SERIES else "areas"] = others
        WeatherPlaces.model_validate(fields)
        return yaml.safe_dump({"weather": fields}, sort_keys=False, allow_unicode=True)


def propose(
    history: History, publications: Publications, by: By | None = None, most: int = MOST_LOCATIONS
) -> Proposals:
    """Choose places by how their temperature explains the load.

    Args:
        history: training data.
        publications: of the temperature of each location, over the same time.
        by: what has a place of its own; None: each series if there are at most FEW_SERIES, else each area.
        most: locations of a mean at most.
    """
    by = by or (By.SERIES if len(history.series_ids) <= FEW_SERIES else By.AREA)
    names, load = _load(history, by)
    locations = tuple(sorted(publications))
    temperature = _temperatures(publications, locations, history)
    each = []
    for name, choice in zip(names, choose(load, temperature, most), strict=True):
        chosen = tuple(locations[place] for place in choice.locations)
        known = choice.by_location[np.isfinite(choice.by_location)]
        best = float(known.max()) if len(known) else float("nan")
        each.append(Proposal(name, chosen, choice.r2, best, choice.hours, choice.helps))
    return Proposals(by, each, locations)


def _load(history: History, by: By) -> tuple[list[str], NDArray[np.float64]]:
    if by is By.SERIES:
        return list(history.series_ids), history.values
    areas, of_series = np.unique([_area(name) for name in history.series_ids], return_inverse=True)
    return areas.tolist(), summed_by_area(history.values, of_series.astype(np.int64))


def _area(series_id: str) -> str:
    """The first label, as a source file names areas."""
    return series_id.partition("/")[0]


def _temperatures(publications: Publications, locations: Sequence[str], history: History) -> NDArray[np.float32]:
    found = [best_known(publications[name], history.start, history.end).values for name in locations]
    return np.stack(found) if found else np.empty((0, history.hours), np.float32)


def _most_common(places: Sequence[str | dict[str, float] | None]) -> str | dict[str, float] | None:
    """The place that most have, of those that are one."""
    known = [place for place in places if place is not None]
    return max(known, key=known.count)


def spoken(series_or_area: str) -> str:
    """A name for messages."""
    return unquote(series_or_area)


def unknown_locations(places: WeatherPlaces, publications: Mapping[str, object]) -> list[str]:
    """Locations that a source names and a weather source does not have."""
    return sorted(places.locations - publications.keys())
