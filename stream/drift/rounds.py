"""Runs rounds of the drift watch, and updates its metrics."""

from collections.abc import Callable, Iterable
from typing import Protocol

import psycopg
import structlog
from prometheus_client import Counter, Gauge

from dayahead.errors import DayaheadError
from dayahead.hours import format_utc, from_hour
from dayahead.storage.tables.drift_event import FoundDrift
from dayahead.storage.tables.drift_watched import DriftCounts

log = structlog.get_logger()

EVENTS = Counter("dayahead_drift_events_total", "Drift events that were new", ["area", "kind"])
SERIES = Gauge(
    "dayahead_drift_series",
    "Series with a drift event in the last day or the last 7 days of their data",
    ["area", "kind", "period"],
)
WATCHED = Gauge("dayahead_drift_watched_series", "Series that are watched for drift", ["area", "kind"])
AWAY = (DayaheadError, psycopg.Error)
"""Errors of a round that mean that a server is unreachable."""


class Rounds(Protocol):
    """Interface of `DriftWatch`."""

    def round(self, note: Callable[[FoundDrift], None]) -> list[DriftCounts]:
        """Judge the days that have ended, and return the counts of drifted series."""


class DriftRounds:
    """Runs a drift watch repeatedly, and logs and counts its findings.

    Args:
        make: makes the watch in the first round, since the import of the detectors takes seconds.
    """

    def __init__(self, make: Callable[[], Rounds]) -> None:
        self._make = make
        self._watch: Rounds | None = None
        self._shown: set[tuple[str, str]] = set()

    def round(self) -> None:
        """Run one round; log and count its findings.

        Raises:
            Exception: as the watch raises; the metrics stay unchanged.
        """
        if self._watch is None:
            self._watch = self._make()
        self._show(self._watch.round(_note))

    def _show(self, counts: Iterable[DriftCounts]) -> None:
        gone = set(self._shown)
        for one in counts:
            self._set(one)
            gone.discard((one.area, one.kind))
            self._shown.add((one.area, one.kind))
        for area, kind in gone:
            WATCHED.remove(area, kind)
            for period in ("1d", "7d"):
                SERIES.remove(area, kind, period)
            self._shown.remove((area, kind))

    @staticmethod
    def _set(one: DriftCounts) -> None:
        EVENTS.labels(one.area, one.kind)
        WATCHED.labels(one.area, one.kind).set(one.series)
        SERIES.labels(one.area, one.kind, "1d").set(one.last_day)
        SERIES.labels(one.area, one.kind, "7d").set(one.last_week)


def _note(found: FoundDrift) -> None:
    EVENTS.labels(found.area, found.kind).inc()
    log.info(
        "drift_found",
        area=found.area,
        kind=found.kind,
        detector=found.detector,
        series_key=found.series_key,
        valid_time=format_utc(from_hour(found.hour)),
        statistic=round(found.statistic, 2),
    )
