"""Judges the days of series as they end, and publishes what drifted.

All state is in the tables: a day is judged from the values before its end, and the progress of a series is written in
the same transaction as its events. So a restart, or another worker that takes a partition over, continues where this
one stopped. An event is sent after it is written, and marked after Kafka has it: at least once.
"""

import threading
from collections.abc import Callable, Collection
from contextlib import closing

import numpy as np
import psycopg
from numpy.typing import NDArray
from pydantic import SecretStr

from dayahead.contracts import DriftKind
from dayahead.drift.days import BACK_DAYS, DAY_H, Days
from dayahead.hours import Clock, Hour
from dayahead.storage.database import connect
from dayahead.storage.place_weather import places_by_key, read_temperatures
from dayahead.storage.tables.drift_event import FoundDrift, mark_published, save_drift, unpublished
from dayahead.storage.tables.drift_watched import (
    DriftCounts,
    DueSeries,
    WatchedValues,
    due_series,
    read_drift_counts,
    read_watched,
)
from stream.drift.detecting import (
    ADJUSTED_LEVEL,
    ADJUSTED_PATTERN,
    ADJUSTED_SPREAD,
    ERROR,
    LEVEL,
    LOOKBACK_DAYS,
    PATTERN,
    SPREAD,
    WINDOW_DAYS,
    Detection,
    Measure,
    detect,
    fired,
)
from stream.drift.publishing import DriftTopic
from stream.drift.thermal import HourlyTemperature, without_weather

AT_ONCE = 100
"""Series that are judged in one transaction."""
SENT_AT_ONCE = 1000
BREATH_S = 0.01
"""Pause for each judged day of a series, a multiple of the time to judge it: the worker has priority."""

FIRST_DAYS = 7
"""Days of inputs to judge of a series that was never watched."""

LEAST_RATIO = 1e-3
"""Lower bound of an error as a share of the actual, for its logarithm."""


class DriftWatch:
    """Watches the series of the partitions that are held.

    Args:
        database_url: TimescaleDB.
        topic: where events go.
        held: returns the partitions that this worker holds.
        clock: for the time at which an event is recorded.
        ended: set when the worker stops.
    """

    def __init__(
        self,
        *,
        database_url: SecretStr,
        topic: DriftTopic,
        held: Callable[[], Collection[int]],
        clock: Clock,
        ended: threading.Event,
    ) -> None:
        self._database_url, self._topic, self._held = database_url, topic, held
        self._clock, self._ended = clock, ended

    def round(self, note: Callable[[FoundDrift], None] = lambda _: None) -> list[DriftCounts]:
        """Judge every day that has ended since the last round, and send events that are not in the topic yet.

        Args:
            note: called with each event that is new.

        Returns:
            Counts of drifted series of the held partitions.

        Raises:
            StorageError: TimescaleDB cannot be used.
            psycopg.Error: TimescaleDB went away meanwhile.
            BrokerUnavailable: Kafka did not acknowledge an event; a later round retries it.
        """
        with closing(connect(self._database_url, wait_s=0.0, autocommit=True)) as connection:
            for kind in DriftKind:
                # read again each time: a lost partition is watched by its next owner
                while due := due_series(connection, kind, self._held(), AT_ONCE):
                    for one in save_drift(connection, kind, due, self._judge(connection, kind, due), self._clock()):
                        note(one)
                    if self._ended.is_set():
                        return []
            while events := unpublished(connection, self._held(), SENT_AT_ONCE):
                self._topic.send([one.event for one in events])
                mark_published(connection, events, self._clock())
            return read_drift_counts(connection, self._held())

    def _judge(self, connection: psycopg.Connection, kind: DriftKind, due: list[DueSeries]) -> list[FoundDrift]:
        start = min(_first_day(kind, one) for one in due) - (LOOKBACK_DAYS + BACK_DAYS) * DAY_H
        end = max(one.end for one in due)
        keys = [one.series_key for one in due]
        values = read_watched(connection, kind, keys, start, end)
        temperatures = _temperatures(connection, keys, start - DAY_H, end) if kind is DriftKind.DATA else {}
        found: list[FoundDrift] = []
        for one in due:
            if one.series_key in values:
                found += judge_series(kind, one, values[one.series_key], temperatures.get(one.series_key))
                self._ended.wait(BREATH_S * (one.end - _first_day(kind, one)) / DAY_H)
        return found


def _temperatures(
    connection: psycopg.Connection, series_keys: list[int], first: Hour, end: Hour
) -> dict[int, HourlyTemperature]:
    """The temperature at the place of each series that has one."""
    places = places_by_key(connection, series_keys)
    read = read_temperatures(connection, set(places.values()), first, end)
    made = {place: HourlyTemperature(first, values.astype(np.float64)) for place, values in read.items()}
    return {key: made[place] for key, place in places.items()}


def _first_day(kind: DriftKind, due: DueSeries) -> int:
    """Return the first day to judge; days that ended long ago are skipped.

    The inputs of a series may reach back before it was first watched, such as after a backfill.
    """
    days = FIRST_DAYS if due.start is None and kind is DriftKind.DATA else WINDOW_DAYS
    earliest = due.end - days * DAY_H
    return earliest if due.start is None else max(due.start, earliest)


def judge_series(
    kind: DriftKind, due: DueSeries, watched: WatchedValues, temperature: HourlyTemperature | None = None
) -> list[FoundDrift]:
    """Detect drift on the days of a series that were not judged yet.

    Args:
        kind: of drift.
        due: the series and its days.
        watched: what it is judged by.
        temperature: at its place; None for a series without weather.
    """
    days = range(_first_day(kind, due), due.end, DAY_H)
    found = [
        (measure, detection)
        for measure, hours, values in _measured(kind, watched)
        for day in days
        if (detection := detect(hours, values, day, measure))
    ]
    if temperature is not None and kind is DriftKind.DATA:
        found = _with_weather(days, watched, temperature, found)
    return [
        FoundDrift(due.series_key, due.area, kind, one.hour, measure.detector, one.statistic) for measure, one in found
    ]


Found = list[tuple[Measure, Detection]]
Measured = list[tuple[Measure, NDArray[np.int64], NDArray[np.float64]]]


def _with_weather(days: range, watched: WatchedValues, temperature: HourlyTemperature, without: Found) -> Found:
    """Judge each day whose weather is known by what the temperature does not explain, the others as without weather."""
    before = _adjusted(watched, temperature, days.start) if days else None
    found: Found = []
    for day in days:
        adjusted = _adjusted(watched, temperature, day + DAY_H)
        if adjusted is None:
            found += [(measure, one) for measure, one in without if day <= one.hour < day + DAY_H]
        else:
            for number, (measure, hours, values) in enumerate(adjusted):
                detection = fired(hours, values, day, measure)
                earlier = before and fired(*before[number][1:], day - DAY_H, measure)
                if detection and not earlier:
                    found.append((measure, detection))
        before = adjusted
    return found


def _adjusted(watched: WatchedValues, temperature: HourlyTemperature, end: Hour) -> Measured | None:
    hours = without_weather(watched.hours, watched.values, temperature, end)
    if hours is None:
        return None
    days = Days.of(*hours)
    return [
        (ADJUSTED_LEVEL, days.hours, days.level),
        (ADJUSTED_SPREAD, days.hours, days.spread),
        (ADJUSTED_PATTERN, days.hours, days.pattern),
    ]


def _measured(kind: DriftKind, watched: WatchedValues) -> Measured:
    if kind is DriftKind.CONCEPT:
        return [(ERROR, watched.hours, np.log(np.maximum(watched.values, LEAST_RATIO)))]
    days = Days.of(watched.hours, watched.values)
    return [(LEVEL, days.hours, days.level), (SPREAD, days.hours, days.spread), (PATTERN, days.hours, days.pattern)]
