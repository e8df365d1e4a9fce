"""Hours of many series side by side: what a release is fitted on and a backtest walks through."""

import hashlib
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from dayahead.features.calendar import Calendar
from dayahead.horizon import DAY_LEADS, LEAST_LEADS, leads_before
from dayahead.hours import Hour
from dayahead.models.serving.window import WINDOW_HOURS, WindowBatch


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

    Raises:
        ValueError: the arrays do not fit each other.
    """

    series_ids: tuple[str, ...]
    start: Hour
    values: NDArray[np.float64]
    calendars: tuple[Calendar, ...]
    calendar_of: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    leads: int = LEAST_LEADS

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or len(self.values) != len(self.series_ids):
            raise ValueError(f"values {list(self.values.shape)} must have one row for each of {len(self.series_ids)}")
        if len(self.calendar_of) == 0:
            object.__setattr__(self, "calendar_of", np.zeros(len(self.series_ids), np.int64))
        if len(self.calendar_of) != len(self.series_ids):
            raise ValueError(f"calendar_of has {len(self.calendar_of)} entries for {len(self.series_ids)} series")

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
        origins = np.full(len(series), origin, np.int64)
        return series, WindowBatch(self.windows(series, origins), origins, self.calendars[calendar], self.leads)

    @cached_property
    def _padded_windows(self) -> NDArray[np.float64]:
        start = np.full((len(self.values), WINDOW_HOURS - 1), np.nan)
        padded = np.concatenate([start, self.values], axis=1)
        return np.lib.stride_tricks.sliding_window_view(padded, WINDOW_HOURS, axis=1)
