"""Places the times of records in UTC: zones, labels at the end of a period, the two equal hours of autumn nights."""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from dayahead.errors import ContractError, DeadLetterCode
from dayahead.reading.clock_changes import utc_midnights, utc_minutes, wall_text
from dayahead.reading.periods import spacings, usual_spacing
from dayahead.reading.time_text import FIRST_MARK, ParsedTimes
from dayahead.record_format import AUTO, HOUR_MINUTES, RecordFormat

MINUTE_US = 60_000_000
DAY_MINUTES = 1440


@dataclass(frozen=True)
class PlacedTimes:
    """Times of records in UTC.

    Attributes:
        minute: [n] as labelled, minutes since 1970-01-01T00Z; of two equal times the first.
        wall: [n] the same on the clock of the source.
        mark: [n] FIRST_MARK or SECOND_MARK of two equal times; 0: not marked.
        open: [n] whether the time may occur twice, so that the other records of its series decide which it is.
        faults: place -> why the time cannot be used.
    """

    minute: NDArray[np.int64]
    wall: NDArray[np.int64]
    mark: NDArray[np.int8]
    open: NDArray[np.bool_]
    faults: dict[int, ContractError]


class WallTimes:
    """Places the times of one answer, and remembers in which direction they run."""

    def __init__(self, form: RecordFormat) -> None:
        """Start a new answer.

        Args:
            form: names the zone, the label and the period.
        """
        self._form = form
        self._zone = ZoneInfo(form.time_zone)
        self._is_end = form.time_label == "end"
        self._newest_first: bool | None = None
        self._spacings: Counter[int] = Counter()
        self.period = HOUR_MINUTES if form.period_minutes == AUTO else form.period_minutes

    def place(self, times: ParsedTimes, written: Callable[[int], str]) -> PlacedTimes:
        """Place the times of one table.

        Args:
            times: [n] as written.
            written: the text of a record's time, for messages.
        """
        wall = times.wall_us // MINUTE_US
        if self._form.period_minutes == AUTO:
            self._spacings.update(spacings(wall[times.ok]))
            self.period = usual_spacing(self._spacings)
        self._learn_direction(wall[times.ok & ~times.has_offset])
        faults = {
            place: ContractError(DeadLetterCode.NOT_ON_THE_HOUR, f"{written(place)} is not on a whole minute")
            for place in np.flatnonzero(times.ok & (times.wall_us % MINUTE_US != 0)).tolist()
        }
        minute, is_open = wall.copy(), np.zeros(len(wall), np.bool_)
        numbered = np.flatnonzero(times.ok & (times.period > 0))
        if len(numbered):
            minute[numbered] = self._numbered(wall[numbered], times.period[numbered], numbered, faults)
        local = np.flatnonzero(times.ok & ~times.has_offset & (times.period == 0))
        if len(local) and self._form.time_zone != "UTC":
            minute[local], is_open[local], skipped = self._local(wall[local])
            for place in local[skipped].tolist():
                faults[place] = ContractError(
                    DeadLetterCode.BAD_TIME,
                    f"{wall_text(wall[place], self._form.time_zone)} does not exist in {self._form.time_zone}: clocks "
                    "are set forward",
                )
        return PlacedTimes(minute, wall, times.mark, is_open, faults)

    def _numbered(
        self,
        midnight: NDArray[np.int64],
        number: NDArray[np.int64],
        places: NDArray[np.int64],
        faults: dict[int, ContractError],
    ) -> NDArray[np.int64]:
        """Labels of numbered periods of local days, which have 23, 24 or 25 hours."""
        start = utc_midnights(midnight, self._zone)
        length = utc_midnights(midnight + DAY_MINUTES, self._zone) - start
        for index in np.flatnonzero(number * self.period > length).tolist():
            faults[int(places[index])] = ContractError(
                DeadLetterCode.BAD_TIME,
                f"period {number[index]} of {wall_text(midnight[index], self._form.time_zone)[:10]} does not exist: "
                f"the day has {length[index] // self.period} of {self.period} minutes",
            )
        return start + (number - (0 if self._is_end else 1)) * self.period

    def _local(self, wall: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_]]:
        """Labels in UTC, which of them may occur twice, and which do not exist."""
        label = utc_minutes(wall, self._zone)
        if not self._is_end:
            return label.first, label.is_ambiguous, ~label.exists
        # Most publishers name the end on the clock of the start (2:00 follows 1:00 in every night); some name the end
        # by the clock of its own moment, which only shows where one of the two does not exist or occurs twice.
        start = utc_minutes(wall - self.period, self._zone)
        minute = np.where(start.exists, start.first + self.period, label.first)
        return minute, start.is_ambiguous | label.is_ambiguous, ~start.exists & ~label.exists

    def _learn_direction(self, wall: NDArray[np.int64]) -> None:
        steps = np.sign(np.diff(wall))
        if self._newest_first is None and steps.any():
            # the second 02:00 follows 02:45 and each series starts again: most steps decide
            self._newest_first = int(steps.sum()) < 0

    def settle(self, series: NDArray[np.int32], wall: NDArray[np.int64], mark: NDArray[np.int8]) -> NDArray[np.int64]:
        """Decide which of two equal times each record of an answer has, by marks or by the order of the records.

        Args:
            series: [n] number of the series of each open time, in the order of the answer.
            wall: [n] times as labelled, on the clock of the source.
            mark: [n] FIRST_MARK, SECOND_MARK or 0.

        Returns:
            [n] labels in minutes of UTC.
        """
        label = utc_minutes(wall, self._zone)
        if not self._is_end:
            second = self._is_second(series, wall, mark)
            return np.where(label.is_ambiguous & second, label.second, label.first)
        start = utc_minutes(wall - self.period, self._zone)
        second = self._is_second(series, wall, mark)
        by_start = np.where(start.is_ambiguous & second, start.second, start.first) + self.period
        by_label = np.where(label.is_ambiguous & second, label.second, label.first)
        own_clock = self._names_end_by_its_own_clock(series, wall)
        return np.where(own_clock | ~start.exists, by_label, by_start)

    def _names_end_by_its_own_clock(self, series: NDArray[np.int32], wall: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether the first label of the repeated hour occurs twice for a series: then ends have their own clock."""
        label, before = utc_minutes(wall, self._zone), utc_minutes(wall - 1, self._zone)
        is_edge = label.is_ambiguous & ~before.is_ambiguous
        counts: dict[tuple[int, int], int] = defaultdict(int)
        for one, at in zip(series[is_edge].tolist(), wall[is_edge].tolist(), strict=True):
            counts[one, at] += 1
        nights = {(one, at // DAY_MINUTES) for (one, at), count in counts.items() if count > 1}
        return np.array(
            [
                (one, (at - self.period) // DAY_MINUTES) in nights or (one, at // DAY_MINUTES) in nights
                for one, at in zip(series.tolist(), wall.tolist(), strict=True)
            ],
            np.bool_,
        )

    def _is_second(
        self, series: NDArray[np.int32], wall: NDArray[np.int64], mark: NDArray[np.int8]
    ) -> NDArray[np.bool_]:
        """Which of equal times are second. One that occurs once is the first; exports that overlap repeat both."""
        places: dict[tuple[int, int], list[int]] = defaultdict(list)
        for place, key in enumerate(zip(series.tolist(), wall.tolist(), strict=True)):
            places[key].append(place)
        second = np.zeros(len(wall), np.bool_)
        for members in places.values():
            size = len(members)
            for order, place in enumerate(members):
                position = size - 1 - order if self._newest_first else order
                second[place] = position % 2 == 1 if size % 2 == 0 else position > 0
        marked = mark != 0
        second[marked] = mark[marked] != FIRST_MARK
        return second
