"""The weather of one location and variable by hour, as known now: the best value of each hour among all publications.

An observation is better than any run. Among runs the one with the latest start is the best of those that cover an hour,
and of two publications of the same run the later one. Past hours so have the first hours of the runs that followed each
other, future hours the newest run, or an older one where it reaches further. The best does not depend on the order in
which publications arrive, nor on how often: a state rebuilt from the tables has the same bits.
"""

import numpy as np
from numpy.typing import NDArray

from dayahead.horizon import MAX_LEADS
from dayahead.hours import Hour
from dayahead.models.serving.window import WINDOW_HOURS
from dayahead.weather.values import WeatherKind, WeatherValues

KEPT_HOURS = WINDOW_HOURS + 31 * 24
"""Hours before the newest start or observation that are kept: a window, for series that are up to a month behind."""

AHEAD_HOURS = MAX_LEADS + 24
"""Hours of a run that are kept."""

NO_RUN = -(1 << 40)
"""Start of the newest run where there is none."""

_OBSERVED = 1 << 40


class Timeline:
    """The best known value of each hour.

    Attributes:
        newest_start: of all runs; NO_RUN without any.
    """

    def __init__(self) -> None:
        self.newest_start: Hour = NO_RUN
        self._newest: Hour = NO_RUN
        self._first: Hour = 0
        self._values = np.empty(0, np.float32)
        self._rank = np.empty((2, 0), np.int64)

    def add(self, published: WeatherValues) -> None:
        """Take in a publication; one that is older or repeated changes nothing it should not."""
        values = published.values
        if published.kind is WeatherKind.RUN:
            self.newest_start = max(self.newest_start, published.start)
            self._newest = max(self._newest, published.start)
            values = values[: max(published.start + AHEAD_HOURS - published.first, 0)]
        else:
            self._newest = max(self._newest, published.end)
        self._make_room(published.first, published.first + len(values))
        known = np.isfinite(values)
        places = (published.first + np.arange(len(values)) - self._first)[known]
        values = values[known]
        inside = places >= 0
        places, values = places[inside], values[inside]
        rank = _OBSERVED if published.kind is WeatherKind.OBSERVED else published.start
        old_rank, old_available = self._rank[:, places]
        better = (rank > old_rank) | ((rank == old_rank) & (published.available_us >= old_available))
        # Two publications of the same moment: the larger value, so that their order does not matter.
        same = (rank == old_rank) & (published.available_us == old_available)
        better &= ~same | (values > self._values[places])
        self._values[places[better]] = values[better]
        self._rank[0, places[better]] = rank
        self._rank[1, places[better]] = published.available_us

    def between(self, first: Hour, hours: int) -> NDArray[np.float32]:
        """The hours from `first` on; float32 [hours], NaN where nothing is known."""
        found = np.full(hours, np.nan, np.float32)
        start, end = max(first, self._first), min(first + hours, self._first + len(self._values))
        if start < end:
            found[start - first : end - first] = self._values[start - self._first : end - self._first]
        return found

    def _make_room(self, first: Hour, end: Hour) -> None:
        """Span the hours that are kept."""
        if not len(self._values):
            self._first = first
        wanted_first = max(min(first, self._first), self._newest - KEPT_HOURS)
        wanted_end = max(end, self._first + len(self._values))
        values = np.full(max(wanted_end - wanted_first, 0), np.nan, np.float32)
        rank = np.full((2, len(values)), NO_RUN, np.int64)
        start, stop = max(wanted_first, self._first), min(wanted_end, self._first + len(self._values))
        if start < stop:
            old, new = slice(start - self._first, stop - self._first), slice(start - wanted_first, stop - wanted_first)
            values[new], rank[:, new] = self._values[old], self._rank[:, old]
        self._first, self._values, self._rank = wanted_first, values, rank
