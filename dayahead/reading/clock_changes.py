"""Converts wall clock times to UTC, whole columns at once; two equal times of an autumn night stay two candidates."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

SLOT_MIN = 15
"""Clocks change at whole quarters of an hour: within a slot of the wall clock the offset from UTC does not change."""

EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - on the wall
SLOT = timedelta(minutes=SLOT_MIN)
FIRST_SLOT, LAST_SLOT = (date.min - EPOCH.date()) // SLOT, (date.max - EPOCH.date()) // SLOT


@dataclass(frozen=True)
class UtcMinutes:
    """Minutes of UTC that wall clock minutes stand for.

    Attributes:
        first: [n] minutes since 1970-01-01T00Z; of two equal times the first.
        second: [n] of two equal times the second; else the same.
        exists: [n] False for a time that the clock skips in spring.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    exists: NDArray[np.bool_]

    @property
    def is_ambiguous(self) -> NDArray[np.bool_]:
        """[n] whether the time occurs twice."""
        ambiguous: NDArray[np.bool_] = self.exists & (self.first != self.second)
        return ambiguous


def utc_minutes(wall: NDArray[np.int64], zone: ZoneInfo) -> UtcMinutes:
    """Convert minutes of the wall clock to minutes of UTC.

    Args:
        wall: [n] minutes since 1970-01-01T00:00 on the wall; beyond years 1 to 9999 the offset at their ends counts.
        zone: of the wall clock.
    """
    slots, place = np.unique(wall // SLOT_MIN, return_inverse=True)
    early = np.empty(len(slots), np.int64)
    late = np.empty(len(slots), np.int64)
    for index, slot in enumerate(np.clip(slots, FIRST_SLOT, LAST_SLOT).tolist()):
        moment = EPOCH + slot * SLOT
        early[index] = _offset_min(moment.replace(tzinfo=zone, fold=0))
        late[index] = _offset_min(moment.replace(tzinfo=zone, fold=1))
    # before and after a change: clocks that are set back show an hour twice, clocks that are set forward skip one
    return UtcMinutes(wall - early[place], wall - late[place], (early >= late)[place])


def utc_midnights(wall: NDArray[np.int64], zone: ZoneInfo) -> NDArray[np.int64]:
    """Minutes of UTC at which local days begin, also where the clock skips midnight.

    Args:
        wall: [n] minutes since 1970 on the wall, at midnight.
        zone: of the days.
    """
    found = utc_minutes(wall, zone)
    # of a skipped midnight: the moment at which the clock jumps over it
    return np.where(found.exists, found.first, found.second)


def _offset_min(moment: datetime) -> int:
    try:
        offset = moment.utcoffset()
    except OverflowError:  # at the ends of the calendar
        offset = None
    return 0 if offset is None else int(offset.total_seconds()) // 60


def wall_text(minute: int, zone: str) -> str:
    """A minute of the wall clock, for messages."""
    return f"{EPOCH + timedelta(minutes=int(minute)):%Y-%m-%dT%H:%M} ({zone})"


def utc_text(minute: int) -> str:
    """A minute of UTC, for messages."""
    return f"{datetime.fromtimestamp(int(minute) * 60, UTC):%Y-%m-%dT%H:%MZ}"
