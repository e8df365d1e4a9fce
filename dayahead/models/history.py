"""Hours of many series side by side: what a release is fitted on and a backtest walks through."""

import hashlib
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from dayahead.features.calendar import Calendar
from dayahead.horizon import DAY_LEADS, LEAST_LEADS, leads_before
from dayahead.hours import Hour
from dayahead.models.serving.window import WINDOW_HOURS, WindowBatch, WindowWeather
from dayahead.weather.history import WeatherHistory


@dataclass(frozen=True)
class History:
    """Observed hours of some series, of one source or of several.

    Attributes:
        series_ids: names, one a row.
        start: hour of the first column.
        values: float64 [n, hours], each series in its unit, NaN where an hour is missing.
        calendars: of the sources.
        calendar_of: int64 [n], index into `calendars`; by default all series have the first.
        leads: hours after an origin that are forecast, 24 to 408: as many as the source asks for that wants the most.
        weather: of the places of the series, as known at each origin; None without weather.

    Raises:
        ValueError: the arrays do not fit each other.
    """

    series_ids: tuple[str, ...]
    start: Hour
    values: NDArray[np.float64]
    calendars: tuple[Calendar, ...]
    calendar_of: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    leads: int = LEAST_LEADS
    weather: WeatherHistory | None = None

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or len(self.values) != len(self.series_ids):
            raise ValueError(f"values {list(self.values.shape)} must have one row for each of {len(self.series_ids)}")
        if len(self.calendar_of) == 0:
            object.__setattr__(self, "calendar_of", np.zeros(len(self.series_ids), np.int64))
        if len(self.calendar_of) != len(self.series_ids):
            raise ValueError(f"calendar_of has {len(self.calendar_of)} entries for {len(self.series_ids)} series")
        if self.weather is not None and self.weather.place_of.shape != (len(self.series_ids),):
            raise ValueError(f"weather names {len(self.weather.place_of)} places for {len(self.series_ids)} series")

    @property
    def hours(self) -> int:
        """Number of columns."""
        return int(self.values.shape[1])

    @property
    def end(self) -> Hour:
        """The hour after the last column."""
        return self.start + self.hours

    @cached_property
    def fingerprint(self) -> str:
        """Twelve hex digits of the content, the same for the same data."""
        digest = hashlib.sha256(repr((self.series_ids, self.start, self.calendars)).encode())
        digest.update(np.ascontiguousarray(self.calendar_of, "<i8").tobytes())
        digest.update(np.ascontiguousarray(self.values, "<f8").tobytes())
        if self.weather is not None:
            digest.update(self.weather.fingerprint.encode())
        return digest.hexdigest()[:12]

    def until(self, end: Hour) -> "History":
        """The hours before `end`."""
        return replace(self, values=self.values[:, : max(end - self.start, 0)])

    def since(self, start: Hour) -> "History":
        """The hours from `start` on."""
        skip = max(start - self.start, 0)
        return replace(self, start=self.start + skip, values=self.values[:, skip:])

    def windows(self, series: NDArray[np.int64], origins: NDArray[np.int64]) -> NDArray[np.float64]:
        """The 912 hours up to each origin; [n, 912], NaN outside the history.

        Args:
            series: int64 [n], rows.
            origins: int64 [n], hours, each at or before the last column.
        """
        return self._padded_windows[series, origins - self.start]

    def targets(
        self, series: NDArray[np.int64], origins: NDArray[np.int64], leads: int = DAY_LEADS, *, day: int = 1
    ) -> NDArray[np.float64]:
        """The hours after each origin, from the first of a day of the horizon on.

        Returns:
            float64 [n, leads], NaN where missing or outside the history.
        """
        columns = (origins - self.start)[:, None] + leads_before(day) + np.arange(1, leads + 1)
        inside = (columns >= 0) & (columns < self.hours)
        return np.where(inside, self.values[series[:, None], np.where(inside, columns, 0)], np.nan)

    def batch(self, origin: Hour, calendar: int = 0) -> tuple[NDArray[np.int64], WindowBatch]:
        """The series of one calendar as a batch at one origin, and their rows."""
        series = np.flatnonzero(self.calendar_of == calendar)
        return series, self.window_batch(series, np.full(len(series), origin, np.int64))

    def window_batch(self, series: NDArray[np.int64], origins: NDArray[np.int64]) -> WindowBatch:
        """The windows of series of one calendar, with the weather of their places.

        Args:
            series: int64 [n], rows, all of one calendar.
            origins: int64 [n], hours, each at or before the last column.
        """
        calendar = self.calendars[self.calendar_of[series[0]] if len(series) else 0]
        return WindowBatch(
            self.windows(series, origins), origins, calendar, self.leads, self.window_weather(series, origins)
        )

    def window_weather(self, series: NDArray[np.int64], origins: NDArray[np.int64]) -> WindowWeather | None:
        """The weather of the places of some series, as known at each one's origin; None without weather.

        Args: as of `windows`.
        """
        if self.weather is None:
            return None
        places = self.weather.place_of[series]
        wanted, row = np.unique(np.stack([places, origins]), axis=1, return_inverse=True)
        row = row.reshape(-1)
        temperature = np.full((wanted.shape[1], WINDOW_HOURS + self.leads), np.nan, np.float32)
        stale = np.zeros(wanted.shape[1], np.bool_)
        for place in np.unique(wanted[0]).tolist():
            if place >= 0:
                mine = wanted[0] == place
                temperature[mine] = self.weather.temperatures(place, wanted[1, mine], self.leads)
                stale[mine] = self.weather.stale(place, wanted[1, mine])
        return WindowWeather(temperature, np.where(places < 0, -1, row), stale)

    @cached_property
    def _padded_windows(self) -> NDArray[np.float64]:
        start = np.full((len(self.values), WINDOW_HOURS - 1), np.nan)
        padded = np.concatenate([start, self.values], axis=1)
        return np.lib.stride_tricks.sliding_window_view(padded, WINDOW_HOURS, axis=1)
