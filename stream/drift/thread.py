"""The running drift watch: a round every minute or so, in a thread beside the worker."""

import threading
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Protocol, Self

import psycopg
import structlog
from prometheus_client import Counter, Gauge

from dayahead.errors import DayaheadError
from dayahead.hours import Clock, format_utc, from_hour
from dayahead.storage.drift_events import DriftStanding, FoundDrift

log = structlog.get_logger()

EVENTS = Counter("dayahead_drift_events_total", "Drift events that were new", ["area", "kind"])
SERIES = Gauge(
    "dayahead_drift_series",
    "Series with a drift event in the last day or the last 7 days of their data",
    ["area", "kind", "period"],
)
WATCHED = Gauge("dayahead_drift_watched_series", "Series that are watched for drift", ["area", "kind"])
FAILED = Counter("dayahead_drift_failed_total", "Rounds of the drift watch that could not be finished")
LAST_ROUND = Gauge("dayahead_drift_round_timestamp_seconds", "When the last round of the drift watch was finished")


class Rounds(Protocol):
    """What the thread repeats; a `DriftWatch`."""

    def round(self, note: Callable[[FoundDrift], None]) -> list[DriftStanding]:
        """Judge the days that have ended, and tell how the series stand."""


class DriftThread:
    """Watches for drift every so many seconds until it is left; an error ends a round, never the worker.

    Args:
        make: makes the watch, in the thread, from what is set when it is left: the detectors take seconds to import.
        every_s: seconds between two rounds; 0 for none at all.
        clock: tells when a round was finished.
    """

    def __init__(self, make: Callable[[threading.Event], Rounds], every_s: float, clock: Clock) -> None:
        self._make, self._every_s, self._clock = make, every_s, clock
        self._watch: Rounds | None = None
        self._shown: set[tuple[str, str]] = set()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="drift", daemon=True)

    def __enter__(self) -> Self:
        if self._every_s:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()

    def round(self) -> None:
        """One round; what is found is logged and counted."""
        try:
            if self._watch is None:
                self._watch = self._make(self._ended)
            standing = self._watch.round(_note)
        except (DayaheadError, psycopg.Error) as error:
            FAILED.inc()
            log.warning("drift_failed", error=str(error).strip()[:300])
            return
        except Exception:  # the worker goes on, whatever is wrong here
            FAILED.inc()
            log.exception("drift_failed")
            return
        self._show(standing)
        LAST_ROUND.set(self._clock().timestamp())

    def _run(self) -> None:
        while not self._ended.wait(self._every_s):
            self.round()

    def _show(self, standing: Iterable[DriftStanding]) -> None:
        gone = set(self._shown)
        for one in standing:
            self._set(one)
            gone.discard((one.area, one.kind))
            self._shown.add((one.area, one.kind))
        for area, kind in gone:
            WATCHED.remove(area, kind)
            for period in ("1d", "7d"):
                SERIES.remove(area, kind, period)
            self._shown.remove((area, kind))

    @staticmethod
    def _set(one: DriftStanding) -> None:
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
