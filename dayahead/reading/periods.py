"""Makes hours of records of any period: sums or averages short ones, and finds the period where it is not given.

A period is found for each series by itself, hour by hour, since publishers change it: an hour belongs to the period
that its records show, if the hours around it show the same. A single record at the full hour, among hours of four
quarters, is a quarter without its others, never an hour.
"""

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dayahead.grouping import runs
from dayahead.record_format import AUTO, HOUR_MINUTES, RecordFormat

LEAST_RUN = 3
"""Hours in a row that must show another period than the rest of a series before it is believed."""


@dataclass(frozen=True)
class Parts:
    """Values of periods, sorted by series and time, each series and time once.

    Attributes:
        series: [n] number of the series.
        minute: [n] time as labelled, minutes since 1970-01-01T00Z.
        value: [n] in the unit of the source.
        place: [n] number of the record that each value is from.
    """

    series: NDArray[np.int32]
    minute: NDArray[np.int64]
    value: NDArray[np.float64]
    place: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.minute)

    def take(self, which: "NDArray[np.int64] | NDArray[np.bool_]") -> "Parts":
        """Some of the values."""
        return Parts(self.series[which], self.minute[which], self.value[which], self.place[which])


@dataclass(frozen=True)
class Hours:
    """Hours made of parts, sorted by series and hour.

    Attributes:
        series: [h] number of the series.
        hour: [h] whole hours since 1970-01-01T00Z.
        value: [h] in the unit of the source.
        place: [h] number of the record of the first part.
        period: [h] length of its parts in minutes.
        incomplete: [i] hours that lack a part, once for each series.
        off_grid: places in the parts of those that start no period, or share their hour with such.
        off_hour: places in the parts of hourly series that do not start on an hour of UTC.
    """

    series: NDArray[np.int32]
    hour: NDArray[np.int64]
    value: NDArray[np.float64]
    place: NDArray[np.int64]
    period: NDArray[np.int64]
    incomplete: NDArray[np.int64]
    off_grid: NDArray[np.int64]
    off_hour: NDArray[np.int64]

    def take(self, which: NDArray[np.bool_]) -> "Hours":
        """Some of the hours."""
        columns = {name: getattr(self, name)[which] for name in ("series", "hour", "value", "place", "period")}
        return replace(self, **columns)


@dataclass(frozen=True)
class _Buckets:
    """The parts of each series and hour.

    Attributes:
        series, hour: [b] of each.
        start: [b] place of its first part.
        count: [b] number of its parts.
        period: [b] that its parts show: complete and evenly spaced; else 0.
    """

    series: NDArray[np.int32]
    hour: NDArray[np.int64]
    start: NDArray[np.int64]
    count: NDArray[np.int64]
    period: NDArray[np.int64]


def spacings(minutes: NDArray[np.int64]) -> Counter[int]:
    """How often neighbouring times are how many minutes apart.

    Args:
        minutes: [n] times in minutes, in any order.
    """
    steps = np.diff(minutes)
    if (steps < 0).any():
        steps = np.diff(np.unique(minutes))
    lengths, counts = np.unique(steps[steps > 0], return_counts=True)
    return Counter(dict(zip(lengths.tolist(), counts.tolist(), strict=True)))


def usual_spacing(found: Counter[int]) -> int:
    """The most frequent distance of times, of several the shortest, if it divides an hour; else 60."""
    usual = min(found, key=lambda length: (-found[length], length), default=HOUR_MINUTES)
    return usual if HOUR_MINUTES % usual == 0 else HOUR_MINUTES


def hours_of(parts: Parts, form: RecordFormat) -> Hours:
    """Make hours.

    Args:
        parts: of any number of series.
        form: says what a time names, the period, and how parts make an hour.
    """
    is_end = form.time_label == "end"
    if form.period_minutes in (AUTO, HOUR_MINUTES) and not np.any(parts.minute % HOUR_MINUTES):
        return _whole_hours(parts, is_end)
    off_hour = _off_hour(parts, form)
    given, length = np.arange(len(parts)), np.full(len(parts), HOUR_MINUTES)
    if len(off_hour) and form.off_hour == "split":
        parts, given, length = _split(parts, off_hour, form, is_end)
        off_hour = off_hour[:0]
    keep = np.ones(len(parts), np.bool_)
    keep[off_hour] = False
    kept = np.flatnonzero(keep)
    used = parts.take(kept)
    buckets = _buckets(used, is_end)
    if form.period_minutes == AUTO:
        good, wrong = _believed(used, buckets, form)
    else:
        period = length[kept] if form.period_minutes == HOUR_MINUTES else np.full(len(used), form.period_minutes)
        wrong = _has_strays(used, buckets, period)
        good = (buckets.period == period[buckets.start]) & ~wrong
    sums = _sums(used.value, buckets)
    value = np.where(form.is_power, sums / np.maximum(buckets.count, 1), sums)
    return Hours(
        buckets.series[good],
        buckets.hour[good],
        value[good],
        used.place[buckets.start[good]],
        buckets.period[good],
        buckets.hour[~good & ~wrong],
        np.unique(given[kept[np.repeat(wrong, buckets.count)]]),
        off_hour,
    )


def _whole_hours(parts: Parts, is_end: bool) -> Hours:
    """Hours of parts that all are at full hours: nothing says that any is shorter."""
    none = np.zeros(0, np.int64)
    hour = parts.minute // HOUR_MINUTES - is_end
    period = np.broadcast_to(np.int64(HOUR_MINUTES), len(parts))  # takes no memory
    return Hours(parts.series, hour, parts.value, parts.place, period, none, none, none)


def _buckets(parts: Parts, is_end: bool) -> _Buckets:
    last = parts.minute - 1 if is_end else parts.minute  # a minute within the period
    hour = last // HOUR_MINUTES
    within = last % HOUR_MINUTES + is_end
    is_first = np.ones(len(parts), np.bool_)
    is_first[1:] = (parts.series[1:] != parts.series[:-1]) | (hour[1:] != hour[:-1])
    start = np.flatnonzero(is_first)
    count = np.diff(np.append(start, len(parts)))
    period = np.where(HOUR_MINUTES % np.maximum(count, 1) == 0, HOUR_MINUTES // np.maximum(count, 1), 0)
    # complete: each part stands where the period that the count implies puts it
    number = np.arange(len(parts)) - np.repeat(start, count)
    expected = (number + is_end) * np.repeat(period, count)
    strays = np.add.reduceat((within != expected).astype(np.int64), start) if len(start) else start
    return _Buckets(parts.series[start], hour[start], start, count, np.where(strays == 0, period, 0))


def _sums(values: NDArray[np.float64], buckets: _Buckets) -> NDArray[np.float64]:
    """The sum of each bucket; in more precision than a value has, so that it does not depend on anything else."""
    if not len(buckets.start):
        return np.zeros(0)
    if len(buckets.start) == len(values):
        return values
    return np.add.reduceat(values.astype(np.longdouble), buckets.start).astype(np.float64)


def _has_strays(parts: Parts, buckets: _Buckets, period: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether a bucket has a part that does not start a period; each part has a period of so many minutes."""
    strays = (parts.minute % period != 0).astype(np.int64)
    return np.add.reduceat(strays, buckets.start) > 0 if len(buckets.start) else np.zeros(0, np.bool_)


def _believed(parts: Parts, buckets: _Buckets, form: RecordFormat) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which buckets are hours, and which of the others are wrong rather than incomplete."""
    good = buckets.period > 0
    wrong = np.zeros(len(good), np.bool_)
    if not len(good):
        return good, wrong
    sums = _sums(parts.value, buckets)
    usual_anywhere = _most_frequent(buckets.period)
    for low, high in runs(buckets.series):
        which = slice(low, high)
        periods = buckets.period[which]
        if np.all(periods == HOUR_MINUTES) and (high - low >= LEAST_RUN or usual_anywhere == HOUR_MINUTES):
            continue  # hourly throughout: nearly every series
        usual = _most_frequent(periods) if high - low >= LEAST_RUN else usual_anywhere
        if usual == 0:  # not one complete hour
            good[which] = False
            wrong[which] = _is_off_full_hours(parts, buckets, low, high)
            continue
        good[which] = _fits(periods, buckets.hour[which], sums[which], usual, form)
        if usual == HOUR_MINUTES:
            wrong[which] = ~good[which]
    return good, wrong


def _most_frequent(periods: NDArray[np.int64]) -> int:
    """The most frequent period, of several the shortest; 0 if no hour is complete."""
    found = periods[periods > 0]
    if not len(found):
        return 0
    lengths, counts = np.unique(found, return_counts=True)
    return int(lengths[np.argmax(counts)])


def _is_off_full_hours(parts: Parts, buckets: _Buckets, low: int, high: int) -> bool:
    """Whether a series without a complete hour has one record an hour, none of them where an hour starts."""
    return bool(np.all(buckets.count[low:high] == 1))


def _fits(
    periods: NDArray[np.int64],
    hours: NDArray[np.int64],
    sums: NDArray[np.float64],
    usual: int,
    form: RecordFormat,
) -> NDArray[np.bool_]:
    """Which hours of a series are complete, given its usual period.

    Another period is believed from three hours in a row on, whose sums are those of hours and not of a part of one.
    """
    good = periods == usual
    typical = float(np.median(np.abs(sums[good]))) if good.any() else 0.0
    ends = np.flatnonzero((np.diff(periods) != 0) | (np.diff(hours) != 1)) + 1
    for low, high in zip([0, *ends.tolist()], [*ends.tolist(), len(periods)], strict=True):
        period = int(periods[low])
        if period in (0, usual) or high - low < LEAST_RUN:
            continue
        here = float(np.median(np.abs(sums[low:high])))
        good[low:high] = form.is_power or period < usual or _is_an_hour(here, typical, usual / period)
    believed: NDArray[np.bool_] = good
    return believed


def _is_an_hour(value: float, typical: float, share: float) -> bool:
    """Whether a sum is nearer to that of a typical hour than to the share of it that fewer parts would have."""
    if value <= 0 or typical <= 0:
        return True
    return bool(abs(np.log(value / typical)) <= abs(np.log(value / (typical * share))))


def _off_hour(parts: Parts, form: RecordFormat) -> NDArray[np.int64]:
    """Places of the parts of hourly series that start within an hour of UTC, always at the same minute."""
    if form.period_minutes not in (AUTO, HOUR_MINUTES) or not np.any(parts.minute % HOUR_MINUTES):
        return np.zeros(0, np.int64)
    found = []
    for low, high in runs(parts.series):
        minutes = parts.minute[low:high]
        within = minutes % HOUR_MINUTES
        if high - low >= LEAST_RUN and within[0] and np.all(within == within[0]):
            gaps = np.diff(minutes)
            if np.count_nonzero(gaps == HOUR_MINUTES) * 2 >= len(gaps):
                found.append(np.arange(low, high))
    return np.concatenate(found) if found else np.zeros(0, np.int64)


def _split(
    parts: Parts, places: NDArray[np.int64], form: RecordFormat, is_end: bool
) -> tuple[Parts, NDArray[np.int64], NDArray[np.int64]]:
    """Split periods of an hour between the two hours that they lie in: in pieces of the length that divides both.

    Args:
        parts: [n] of any number of series.
        places: of those that are split.
        form: says whether a value is a mean.
        is_end: whether times name the end of a period.

    Returns:
        [m] the pieces, with the others as they are; the place of the part that each is of; its length in minutes.
    """
    pieces = []
    others = np.ones(len(parts), np.bool_)
    others[places] = False
    whole = parts.take(places)
    length = int(np.gcd.reduce(np.append(whole.minute % HOUR_MINUTES, HOUR_MINUTES)))
    count = HOUR_MINUTES // length
    first = whole.minute - (HOUR_MINUTES - length if is_end else 0)
    for number in range(count):
        value = whole.value if form.is_power else whole.value / count
        pieces.append(Parts(whole.series, first + number * length, value, whole.place))
    pieces.append(parts.take(others))
    every = Parts(*(np.concatenate([getattr(piece, name) for piece in pieces]) for name in Parts.__dataclass_fields__))
    given = np.concatenate([np.tile(places, count), np.flatnonzero(others)])
    lengths = np.repeat([length, HOUR_MINUTES], [len(places) * count, len(parts) - len(places)])
    order = np.lexsort((every.minute, every.series))
    return every.take(order), given[order], lengths[order]
