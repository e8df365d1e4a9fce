"""The windows of all series of a partition: one matrix, a ring of 912 hours a series."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dayahead.grouping import groups
from dayahead.models.serving.window import WINDOW_HOURS
from dayahead.storage.tables.series import RegisteredSeries
from stream.weather.partition_weather import PartitionWeather

NEVER = -(1 << 40)
"""An hour before all hours: the newest hour of a series without any."""


GROWTH = 8
"""Capacity grows by an eighth of the series; pages that are not written to take no memory."""


@dataclass(frozen=True)
class Advance:
    """Newest hours of series before and after rows were written.

    Attributes:
        before: int64 [n], newest hour before.
        after: int64 [n], newest hour after.
    """

    before: NDArray[np.int64]
    after: NDArray[np.int64]

    def take(self, chosen: NDArray[np.bool_]) -> "Advance":
        """Select rows."""
        return Advance(self.before[chosen], self.after[chosen])


class PartitionState:
    """In-memory state of a partition: exactly the last 912 hours of each series, as currently known.

    An hour h lies in column h mod 912, so that a series moves on by overwriting its oldest hour.
    A series has an index, in the order in which the partition first saw it; an index never changes.

    Attributes:
        groups: area and unit of the series, each pair once; `group_of` gives the place of each series' pair.
        weather: what the messages of the partition have brought of it.
    """

    def __init__(self) -> None:
        self.series: list[RegisteredSeries] = []
        self.index_of: dict[str, int] = {}
        self.by_key: dict[int, RegisteredSeries] = {}
        self._keys = np.empty(0, np.int64)
        self._sources = np.empty(0, np.int64)
        self._groups = np.empty(0, np.int64)
        self.groups: list[tuple[str, str]] = []
        self._group_places: dict[tuple[str, str], int] = {}
        self._newest = np.empty(0, np.int64)
        self._first_forecast = np.empty(0, np.int64)
        self._rung = np.empty(0, np.int8)
        self._values = np.empty((0, WINDOW_HOURS))
        self.weather = PartitionWeather()

    def __len__(self) -> int:
        return len(self.series)

    @property
    def keys(self) -> NDArray[np.int64]:
        """int64 [n], series_key of each series."""
        return self._keys[: len(self)]

    @property
    def source_keys(self) -> NDArray[np.int64]:
        """int64 [n], source_key of each series."""
        return self._sources[: len(self)]

    def group_of(self, keys: NDArray[np.int64]) -> NDArray[np.int64]:
        """Look up the group of series by series_key: int64 [m], index into `groups`."""
        return self._groups[self.index_of_keys(keys)]

    def index_of_keys(self, keys: NDArray[np.int64]) -> NDArray[np.int64]:
        """Look up the index of series of the partition by series_key: int64 [m]."""
        order = np.argsort(self.keys)
        index: NDArray[np.int64] = order[np.searchsorted(self.keys, keys, sorter=order)]
        return index

    def _group_of(self, area: str, unit: str) -> int:
        if (area, unit) not in self._group_places:
            self._group_places[area, unit] = len(self.groups)
            self.groups.append((area, unit))
        return self._group_places[area, unit]

    @property
    def newest(self) -> NDArray[np.int64]:
        """int64 [n], newest observed hour of each series, NEVER where it has none."""
        return self._newest[: len(self)]

    @property
    def first_forecast(self) -> NDArray[np.int64]:
        """int64 [n], lower bound of the first origin that each series has a forecast of; -NEVER without any."""
        return self._first_forecast[: len(self)]

    def add(self, series: Sequence[RegisteredSeries]) -> None:
        """Add series that are not known yet, with empty windows."""
        fresh = [one for one in series if one.series_id not in self.index_of]
        start, size = len(self), len(self) + len(fresh)
        if size > len(self._keys):
            self._grow(max(size, len(self._keys) + len(self._keys) // GROWTH))
        self._values[start:size] = np.nan
        for index, one in enumerate(fresh, start):
            self.index_of[one.series_id] = index
            self.by_key[one.series_key] = one
            self._keys[index], self._sources[index] = one.series_key, one.source_key
            self._groups[index] = self._group_of(one.area, one.unit)
        self.series.extend(fresh)

    def _grow(self, capacity: int) -> None:
        more = capacity - len(self._keys)
        self._keys = np.concatenate([self._keys, np.zeros(more, np.int64)])
        self._sources = np.concatenate([self._sources, np.zeros(more, np.int64)])
        self._groups = np.concatenate([self._groups, np.zeros(more, np.int64)])
        self._newest = np.concatenate([self._newest, np.full(more, NEVER, np.int64)])
        self._first_forecast = np.concatenate([self._first_forecast, np.full(more, -NEVER, np.int64)])
        self._rung = np.concatenate([self._rung, np.full(more, -1, np.int8)])
        values = np.empty((capacity, WINDOW_HOURS))
        values[: len(self)] = self._values[: len(self)]
        self._values = values

    @property
    def rung(self) -> NDArray[np.int8]:
        """int8 [n], rung of each series' newest forecast, -1 without any."""
        return self._rung[: len(self)]

    def note_forecasts(self, series: NDArray[np.int64], origin: NDArray[np.int64], rung: NDArray[np.int8]) -> None:
        """Record that series, each once, have a forecast of an origin, and its rung."""
        self._first_forecast[series] = np.minimum(self._first_forecast[series], origin)
        self._rung[series] = rung

    def value_at(self, series: NDArray[np.int64], hour: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return current values of hours; NaN where an hour is missing or outside the window. Arrays broadcast."""
        newest = self._newest[series]
        inside = (hour <= newest) & (hour > newest - WINDOW_HOURS)
        return np.where(inside, self._values[series, hour % WINDOW_HOURS], np.nan)

    def put(self, series: NDArray[np.int64], hour: NDArray[np.int64], value: NDArray[np.float64]) -> Advance:
        """Write values in the given order; skip hours that are older than the window.

        Args:
            series: int64 [r], indices.
            hour: int64 [r].
            value: float64 [r], the value that is current after the row.

        Returns:
            The newest hours of the r rows' series before and after.
        """
        before = self._newest[series]
        np.maximum.at(self._newest, series, hour)
        after = self._newest[series]
        self._clear_between(series, before, after)
        inside = hour > after - WINDOW_HOURS
        self._values[series[inside], hour[inside] % WINDOW_HOURS] = value[inside]
        return Advance(before, after)

    def _clear_between(self, series: NDArray[np.int64], before: NDArray[np.int64], after: NDArray[np.int64]) -> None:
        moved = after > before
        if not moved.any():
            return
        series, first = np.unique(series[moved], return_index=True)
        before, after = before[moved][first], after[moved][first]
        steps = np.minimum(after - before, WINDOW_HOURS)
        # many series move by an hour, few move by many hours: take the shorter loop
        if len(series) < steps.max():
            for one, last, count in zip(series.tolist(), after.tolist(), steps.tolist(), strict=True):
                self._values[one, np.arange(last - count + 1, last + 1) % WINDOW_HOURS] = np.nan
            return
        for step in range(int(steps.max())):
            still = steps > step
            self._values[series[still], (after[still] - step) % WINDOW_HOURS] = np.nan

    def windows(
        self, series: NDArray[np.int64], origin: NDArray[np.int64], hours: int = WINDOW_HOURS
    ) -> NDArray[np.float64]:
        """Return windows that end at given hours.

        Args:
            series: int64 [n], indices.
            origin: int64 [n], the hour of the last column; no later than the series' newest.
            hours: columns of the windows.

        Returns:
            float64 [n, hours], NaN where an hour is missing or already overwritten.
        """
        windows = np.empty((len(series), hours))
        for hour, here in groups(origin):
            chosen = slice(None) if len(here) == len(series) else here
            of_hour = _as_slice(series[chosen])
            first = (hour + 1 - hours) % WINDOW_HOURS
            until_end = min(hours, WINDOW_HOURS - first)
            windows[chosen, :until_end] = self._values[of_hour, first : first + until_end]
            windows[chosen, until_end:] = self._values[of_hour, : hours - until_end]
        behind = self._newest[series] - origin - (WINDOW_HOURS - hours)
        if (behind > 0).any():
            # columns that the ring has reused for hours after the origin
            windows[np.arange(hours) < behind[:, None]] = np.nan
        return windows

    def set_windows(self, series: NDArray[np.int64], origin: NDArray[np.int64], windows: NDArray[np.float64]) -> None:
        """Replace whole windows: the inverse of `windows`.

        Args:
            series: int64 [n], indices, each once.
            origin: int64 [n], the newest observed hour of each, the last column of its window.
            windows: float64 [n, 912], NaN where an hour is missing.
        """
        for hour, here in groups(origin):
            cut = (hour + 1) % WINDOW_HOURS
            self._values[series[here], cut:] = windows[here, : WINDOW_HOURS - cut]
            self._values[series[here], :cut] = windows[here, WINDOW_HOURS - cut :]
        self._newest[series] = origin

    def rings(self, series: slice | NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the raw rings of some series, read-only: float64 [n, 912], hour h in column h mod 912."""
        return self._values[: len(self)][series]

    def set_rings(self, series: NDArray[np.int64], newest: NDArray[np.int64], rings: NDArray[np.float64]) -> None:
        """Replace the rings of series: the inverse of `rings`.

        Args:
            series: int64 [n], indices, each once.
            newest: int64 [n], newest observed hour of each, NEVER where it has none.
            rings: float64 [n, 912].
        """
        self._newest[series] = newest
        self._values[series] = rings

    def newest_by_source(self) -> Mapping[int, int]:
        """Return the newest hour of each source that has one in this partition."""
        newest: dict[int, int] = {}
        for source, series in groups(self.source_keys):
            hour = int(self.newest[series].max(initial=NEVER))
            if hour > NEVER:
                newest[source] = hour
        return newest


def _as_slice(places: NDArray[np.int64]) -> slice | NDArray[np.int64]:
    """Turn consecutive places into a slice, whose rows are copied once instead of twice; leave others as they are."""
    first, last = int(places[0]), int(places[-1])
    consecutive = last - first + 1 == len(places) and bool((np.diff(places) == 1).all())
    return slice(first, last + 1) if consecutive else places
