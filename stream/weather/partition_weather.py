"""The weather that a partition knows: a timeline for each location, shared by the series that follow it.

It is the set of publications that the messages of the partition have brought so far, whatever their order; the tables
have the same set (dayahead/storage/tables/weather_arrival.py), from which it is rebuilt bit for bit. Locations that no
source names are kept too: a source may name them later.
"""

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from dayahead.grouping import pack_pairs, unpack_pairs
from dayahead.hours import Hour
from dayahead.models.serving.window import WINDOW_HOURS, WindowWeather
from dayahead.storage.tables.weather_run import WeatherRun
from dayahead.weather.place_window import PlaceWindow, place_window
from dayahead.weather.places import WeatherPlaces, Weights
from dayahead.weather.timeline import NO_RUN, Timeline
from dayahead.weather.values import Variable

UNSEEN, NO_PLACE = -2, -1
MOST_ROWS = 2_000
"""Rows that are kept until the weather changes: 8 MB at the longest horizon; one a place, origin and horizon."""

_UNKNOWN = Timeline()
"""Of a location without any publication."""


class PartitionWeather:
    """The weather of one partition."""

    def __init__(self) -> None:
        self._timelines: dict[tuple[str, str], Timeline] = {}
        self._numbered: dict[int, _NumberedPlaces] = {}
        self._rows: dict[tuple[str, Weights, Hour, int], PlaceWindow] = {}

    def add(self, runs: Iterable[WeatherRun]) -> None:
        """Take in publications; of variables that no forecast uses nothing is kept."""
        for run in runs:
            if run.values.variable is Variable.TEMPERATURE:
                self._timelines.setdefault((run.source, run.values.location), Timeline()).add(run.values)
                self._rows.clear()

    def newest_starts(self) -> dict[tuple[str, str], Hour]:
        """Start of the newest run by weather source and location, of those that have one."""
        found = {place: timeline.newest_start for place, timeline in self._timelines.items()}
        return {place: start for place, start in found.items() if start != NO_RUN}

    def windows(
        self,
        source_key: int,
        places: WeatherPlaces,
        series: NDArray[np.int64],
        series_id_of: Callable[[int], str],
        origin: NDArray[np.int64],
        leads: int,
    ) -> WindowWeather:
        """The weather of series of one source at their origins.

        Args:
            source_key: of the source.
            places: that it names.
            series: int64 [n], indices in the state of the partition.
            series_id_of: the id of a series by its index.
            origin: int64 [n].
            leads: hours after the origin.
        """
        numbered = self._places(source_key, places)
        of_series = numbered.of(series, series_id_of)
        has_place = of_series > NO_PLACE
        pairs, which = np.unique(pack_pairs(of_series[has_place], origin[has_place]), return_inverse=True)
        place = np.full(len(series), NO_PLACE, np.int64)
        place[has_place] = which
        temperature = np.empty((len(pairs), WINDOW_HOURS + leads), np.float32)
        stale = np.empty(len(pairs), np.bool_)
        for row, (number, hour) in enumerate(zip(*map(np.ndarray.tolist, unpack_pairs(pairs)), strict=True)):
            temperature[row], stale[row] = self._row(places.source, numbered.weights[number], hour, leads)
        return WindowWeather(temperature, place, stale)

    def follow_a_place(
        self,
        source_key: int,
        places: WeatherPlaces,
        series: NDArray[np.int64],
        series_id_of: Callable[[int], str],
    ) -> NDArray[np.bool_]:
        """Whether series of one source follow a place: bool [n]; see `windows` for the arguments."""
        return self._places(source_key, places).of(series, series_id_of) > NO_PLACE

    def _places(self, source_key: int, places: WeatherPlaces) -> "_NumberedPlaces":
        numbered = self._numbered.get(source_key)
        if numbered is None or numbered.places is not places:
            numbered = self._numbered[source_key] = _NumberedPlaces(places)
        return numbered

    def _row(self, source: str, weights: Weights, origin: Hour, leads: int) -> PlaceWindow:
        """The weather of a place at an origin; the same object until the weather changes."""
        key = source, weights, origin, leads
        if (known := self._rows.get(key)) is None:
            if len(self._rows) >= MOST_ROWS:
                self._rows.clear()
            parts = [(weight, self._timelines.get((source, location), _UNKNOWN)) for location, weight in weights]
            known = self._rows[key] = place_window(parts, origin, leads)
        return known


class _NumberedPlaces:
    """The distinct places of a source, and which of them each series follows, looked up once a series.

    Attributes:
        places: of the source.
        weights: of each place, by its number.
    """

    def __init__(self, places: WeatherPlaces) -> None:
        self.places = places
        self.weights: list[Weights] = []
        self._numbers: dict[Weights, int] = {}
        self._of_series = np.empty(0, np.int64)

    def of(self, series: NDArray[np.int64], series_id_of: Callable[[int], str]) -> NDArray[np.int64]:
        """Number of the place of each series, NO_PLACE without one: int64 [n]."""
        size = int(series.max(initial=-1)) + 1
        if size > len(self._of_series):
            more = np.full(size - len(self._of_series), UNSEEN, np.int64)
            self._of_series = np.concatenate([self._of_series, more])
        found = self._of_series[series]
        for index in series[found == UNSEEN].tolist():
            weights = self.places.weights_of(series_id_of(index))
            self._of_series[index] = NO_PLACE if weights is None else self._number(weights)
        return self._of_series[series]

    def _number(self, weights: Weights) -> int:
        if weights not in self._numbers:
            self._numbers[weights] = len(self.weights)
            self.weights.append(weights)
        return self._numbers[weights]
