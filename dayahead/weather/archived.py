"""Archived publications of a location as they were known at past origins.

A timeline is walked through the hours once, and what it changes is kept: for the hours around each origin all of it,
for older hours the final value and the few late changes. So any origins are answered by indexing, with what a timeline
of the publications known by then would hold.
"""

import hashlib
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from dayahead.hours import HOUR_US, Hour
from dayahead.models.serving.window import WINDOW_HOURS
from dayahead.weather.location import LocationWeather, ObservedLocation
from dayahead.weather.timeline import NO_RUN, Timeline
from dayahead.weather.values import WeatherKind, WeatherValues

STALE_AFTER_H = 36
"""Age of the newest run, from its start to the origin, beyond which a forecast does not use it."""

NO_ARCHIVE_AFTER_H = 72
"""Age of the newest run beyond which the archive counts as having none: an outage is shorter."""

LEAST_REACH_H, MOST_LATE_MOMENTS = 24, 32


@dataclass(frozen=True)
class _Walked:
    """What a timeline held at each origin.

    Attributes:
        near: float32 [origins, reach + leads], the hours origin - reach + 1 to origin + leads.
        settled: float32, older hours as they were at last; its first is the oldest of a window of the first origin.
        newest_start: int64 [origins].
        late: changes of older hours, the newest first: first origin that knew, hours, values before.
    """

    near: NDArray[np.float32]
    settled: NDArray[np.float32]
    newest_start: NDArray[np.int64]
    late: list[tuple[Hour, NDArray[np.int64], NDArray[np.float32]]]


class ArchivedLocation(LocationWeather):
    """Runs and observations of one location, each from the moment on at which it was available."""

    def __init__(
        self,
        publications: Sequence[WeatherValues],
        first: Hour,
        end: Hour,
        leads: int,
        publication_lag_h: float = 1.0,
    ) -> None:
        """Keep the publications.

        Args:
            publications: of one location and variable, in any order.
            first: first origin that is asked for.
            end: hour after the last one.
            leads: hours after an origin at most.
            publication_lag_h: of the load: an origin is forecast so many hours after its start, at the earliest when
                it is over.
        """
        self.publications = sorted(publications, key=lambda one: (one.available_us, one.kind, one.start, one.first))
        self._first, self._end, self._leads = first, max(end, first + 1), leads
        self._lag_us = int(max(publication_lag_h, 1.0) * HOUR_US)

    @cached_property
    def fingerprint(self) -> str:
        """Hex digits of the publications."""
        digest = hashlib.sha256(f"archived {self._lag_us}".encode())
        for one in self.publications:
            digest.update(f"{one.kind} {one.start} {one.available_us} {one.first}".encode())
            digest.update(one.values.astype("<f4").tobytes())
        return digest.hexdigest()[:16]

    def temperatures(self, origins: NDArray[np.int64], leads: int) -> NDArray[np.float32]:
        """What was known at each origin; see `LocationWeather`.

        Raises:
            ValueError: an origin or lead is outside of what was announced.
        """
        if len(origins) and not (self._first <= origins.min() and origins.max() < self._end and leads <= self._leads):
            raise ValueError(
                f"origins {origins.min()} to {origins.max()} with {leads} leads are outside of "
                f"{self._first} to {self._end} with {self._leads}"
            )
        walked = self._walked
        reach = walked.near.shape[1] - self._leads
        older = WINDOW_HOURS - reach
        made = np.empty((len(origins), WINDOW_HOURS + leads), np.float32)
        place = origins - self._first
        made[:, older:] = walked.near[place, : reach + leads]
        if not older:
            return made
        made[:, :older] = np.lib.stride_tricks.sliding_window_view(walked.settled, older)[place]
        for known_from, hours, before in walked.late:
            rows = np.flatnonzero(origins < known_from)
            columns = hours[None] - (origins[rows, None] - (WINDOW_HOURS - 1))
            row, which = np.nonzero((columns >= 0) & (columns < older))
            made[rows[row], columns[row, which]] = before[which]
        return made

    def stale(self, origins: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether the newest run started more than STALE_AFTER_H before each origin; False without any run."""
        newest = self.newest_start(origins)
        return np.asarray((newest != NO_RUN) & (origins - newest > STALE_AFTER_H))

    def newest_start(self, origins: NDArray[np.int64]) -> NDArray[np.int64]:
        """Start of the newest run that was known at each origin, NO_RUN without any; int64 [n]."""
        return self._walked.newest_start[origins - self._first]

    @cached_property
    def _known_from(self) -> list[Hour]:
        """The first origin at which each publication was known."""
        return [max(-((self._lag_us - one.available_us) // HOUR_US), self._first) for one in self.publications]

    @cached_property
    def _reach(self) -> int:
        """Hours before an origin that may still change, but for a few moments at which old ones did."""
        reach = Counter[int]()
        for known_from in {known_from for known_from in self._known_from if known_from < self._end}:
            begin = bisect_right(self._known_from, known_from - 1)
            some = self.publications[begin : bisect_right(self._known_from, known_from)]
            reach[known_from - min(one.first for one in some)] += known_from != self._first
        late = 0
        for hours in sorted(reach, reverse=True):
            late += reach[hours]
            if late > MOST_LATE_MOMENTS:
                return min(max(hours + 1, LEAST_REACH_H), WINDOW_HOURS)
        return LEAST_REACH_H

    @cached_property
    def _walked(self) -> _Walked:
        reach, leads, origins = self._reach, self._leads, self._end - self._first
        oldest = self._first - (WINDOW_HOURS - 1)
        near = np.full((origins, reach + leads), np.nan, np.float32)
        settled = np.full(origins + WINDOW_HOURS - 1 + leads, np.nan, np.float32)
        newest_start = np.full(origins, NO_RUN, np.int64)
        late: list[tuple[Hour, NDArray[np.int64], NDArray[np.float32]]] = []
        timeline, number = Timeline(), 0
        for origin in range(self._first, self._end):
            while number < len(self.publications) and self._known_from[number] <= origin:
                published = self.publications[number]
                begin, end = max(published.first, origin - (WINDOW_HOURS - 1)), min(published.end, self._end + leads)
                before = timeline.between(begin, max(end - begin, 0))
                timeline.add(published)
                number += 1
                if begin >= end:
                    continue
                after = timeline.between(begin, end - begin)
                settled[begin - oldest : end - oldest] = after
                old = max(min(origin - reach, end) - begin, 0)
                changed = np.flatnonzero((before[:old] != after[:old]) & ~np.isnan(after[:old]))
                if origin > self._first and len(changed):
                    late.append((origin, begin + changed, before[changed]))
            near[origin - self._first] = timeline.between(origin - reach + 1, reach + leads)
            newest_start[origin - self._first] = timeline.newest_start
        return _Walked(near, settled, newest_start, late[::-1])


class MixedLocation(LocationWeather):
    """Archived runs where there are any, simulated ones elsewhere; unknown past hours are filled with observed ones."""

    def __init__(self, archived: ArchivedLocation, simulated: LocationWeather) -> None:
        """Keep both.

        Args:
            archived: publications of the location.
            simulated: what stands in for runs.
        """
        self._archived, self._simulated = archived, simulated

    @property
    def fingerprint(self) -> str:
        """Hex digits of both."""
        return f"{self._archived.fingerprint}{self._simulated.fingerprint}"

    def has_run(self, origins: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether the archive has a run for each origin; bool [n]."""
        return np.asarray(origins - self._archived.newest_start(origins) <= NO_ARCHIVE_AFTER_H)

    def temperatures(self, origins: NDArray[np.int64], leads: int) -> NDArray[np.float32]:
        """What was known at each origin, or would have been."""
        made = self._simulated.temperatures(origins, leads)
        mine = np.flatnonzero(self.has_run(origins))
        known = self._archived.temperatures(origins[mine], leads)
        past = known[:, :WINDOW_HOURS]
        known[:, :WINDOW_HOURS] = np.where(np.isnan(past), made[mine, :WINDOW_HOURS], past)
        made[mine] = known
        return made

    def stale(self, origins: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether the newest archived run was too old to be used."""
        return self._archived.stale(origins) & self.has_run(origins)


def best_known(publications: Sequence[WeatherValues], first: Hour, end: Hour) -> ObservedLocation:
    """The best value of each hour from `first` to before `end` by what is known now, as `Timeline` ranks them."""
    timeline_order = sorted(
        publications,
        key=lambda one: (
            one.kind is WeatherKind.OBSERVED,
            0 if one.kind is WeatherKind.OBSERVED else one.start,
            one.available_us,
        ),
    )
    values = np.full(end - first, np.nan, np.float32)
    latest: tuple[object, ...] | None = None
    fresh = np.zeros(end - first, np.bool_)
    for one in timeline_order:
        rank = (one.kind, one.start if one.kind is WeatherKind.RUN else 0, one.available_us)
        if rank != latest:
            latest = rank
            fresh[:] = False
        low, high = max(first, one.first), min(end, one.end)
        if low >= high:
            continue
        part, mine = one.values[low - one.first : high - one.first], np.s_[low - first : high - first]
        known = np.isfinite(part)
        # Of two publications of the same moment the larger value, as a timeline has it.
        better = known & ~(fresh[mine] & (values[mine] >= part))
        values[mine] = np.where(better, part, values[mine])
        fresh[mine] |= known
    return ObservedLocation(values, first)
