"""Determines whether a series is stale and its forecast expired, for every answer: from memory, without waiting."""

import math
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import orjson
import psycopg

from dayahead.expiry import expired_reason, is_expired
from dayahead.hours import Clock, parse_utc
from dayahead.repeating import Repeating, RepeatingThread
from dayahead.storage.status import SourceStatus, lag_reason, read_sources
from dayahead.storage.tables.series import source_keys_by_id

if TYPE_CHECKING:
    from api.backends import Database

REST_S = 1.0
REFRESH_S = 5.0
"""Seconds from one look at the sources to the next: the first where a series is asked for that the last one lacks, or
where TimescaleDB did not answer, the second otherwise."""
LEAVE_S = 5.0
"""How long the end waits for a look that is under way, seconds."""

KEPT_S = 60.0
"""Seconds until the last read of the sources expires; then it is unknown whether a series is stale."""

OURS = b'{"series_id":'


@dataclass(frozen=True)
class Staleness:
    """Whether a series is stale.

    Attributes:
        stale: None where it cannot be judged.
        reason: why it is stale, or cannot be judged; empty while it is not stale.
    """

    stale: bool | None
    reason: str


UNREAD = Staleness(None, "it cannot be judged whether the series is stale: TimescaleDB has not answered yet")


@dataclass(frozen=True)
class Expiry:
    """Whether a forecast is expired.

    Attributes:
        expired: None where it cannot be judged.
        reason: why it is expired, or cannot be judged; empty while it is not expired.
    """

    expired: bool | None
    reason: str


UNREAD_EXPIRY = Expiry(None, "it cannot be judged whether the forecast is expired: TimescaleDB has not answered yet")
UNSEEN = Staleness(None, "it cannot be judged yet whether the series is stale: it has just appeared")


class StalenessJudge(Repeating):
    """Reads the sources every few seconds, and judges each forecast by the last read."""

    def __init__(self, database: "Database", clock: Clock) -> None:
        """Make it; entering the context starts to read.

        Args:
            database: where series and sources are.
            clock: the present moment.
        """
        self._database, self._clock = database, clock
        self._sources: Mapping[int, SourceStatus] = {}
        self._series: Mapping[str, int] = {}
        self._seen_at: float | None = None
        self._wanted = threading.Event()
        self._due_at = -math.inf
        # a start does not wait for TimescaleDB: until the first look has ended nothing is judged
        thread = RepeatingThread("staleness", self._look_if_due, REST_S, expected=(psycopg.Error,), at_once=True)
        super().__init__(thread, leave_s=LEAVE_S)

    def of(self, series_id: str, newest_hour: datetime) -> Staleness:
        """Judge a series as decision 3 says: by its source, and the source by its promise.

        Args:
            series_id: the series.
            newest_hour: its newest observed hour.
        """
        if self._seen_at is None:
            return UNREAD
        source = self._source_of(series_id)
        if source is None and not self._knows:
            return Staleness(None, "it cannot be judged whether the series is stale: TimescaleDB does not answer")
        if source is None or source.newest_hour is None:
            self._wanted.set()
            return UNSEEN
        if source.stale_reason:
            return Staleness(True, f"source {source.source.name}: {source.stale_reason}")
        behind_h = (source.newest_hour - newest_hour) / timedelta(hours=1)
        if behind_h > source.source.stale_after_h:
            return Staleness(True, lag_reason(behind_h, source.source.stale_after_h))
        return Staleness(False, "")

    def expiry_of(self, series_id: str, origin: datetime, leads: int) -> Expiry:
        """Judge a forecast by the present moment of its source, as `is_expired` says.

        Args:
            series_id: its series.
            origin: start of the last observed hour that it uses.
            leads: hours that it holds.
        """
        if self._seen_at is None:
            return UNREAD_EXPIRY
        source = self._source_of(series_id)
        if source is None:
            why = "the series has just appeared" if self._knows else "TimescaleDB does not answer"
            return Expiry(None, f"it cannot be judged whether the forecast is expired: {why}")
        now = self._now_of(source)
        if not is_expired(origin, leads, source.source.publication_lag, now):
            return Expiry(False, "")
        return Expiry(True, expired_reason(origin, leads, now))

    def now_of(self, series_id: str) -> datetime | None:
        """The present moment of the source of a series; None where it is not known."""
        source = self._source_of(series_id)
        return None if source is None else self._now_of(source)

    @property
    def _knows(self) -> bool:
        return self._seen_at is not None and time.monotonic() - self._seen_at <= KEPT_S

    def _source_of(self, series_id: str) -> SourceStatus | None:
        if not self._knows:
            return None
        source = self._sources.get(self._series.get(series_id, -1))
        if source is None:
            self._wanted.set()
        return source

    def _now_of(self, source: SourceStatus) -> datetime:
        return source.source.now(self._clock(), source.newest_hour)

    def judged(self, body: bytes, newest_hour: datetime | None = None) -> bytes:
        """A forecast with `stale`, `expired` and their reasons at its end.

        Args:
            body: a forecast as Redis and Kafka hold it.
            newest_hour: of its series; None where the forecast is its newest one, which its origin says.
        """
        if not body.startswith(OURS):
            return body
        forecast = orjson.loads(body)
        origin = parse_utc(forecast["origin"])
        stale = self.of(forecast["series_id"], newest_hour or origin)
        expiry = self.expiry_of(forecast["series_id"], origin, forecast.get("leads", 0))
        return b'%b,"stale":%b,"stale_reason":%b,"expired":%b,"expired_reason":%b}' % (
            body[:-1],
            orjson.dumps(stale.stale),
            orjson.dumps(stale.reason),
            orjson.dumps(expiry.expired),
            orjson.dumps(expiry.reason),
        )

    def _look_if_due(self) -> None:
        if not self._wanted.is_set() and time.monotonic() < self._due_at:
            return
        self._due_at = -math.inf
        self._wanted.clear()  # first: a series that is asked for during the look may be one that the look misses
        self._look()
        self._due_at = time.monotonic() + REFRESH_S

    def _look(self) -> None:
        with self._database.connection() as connection:
            sources = {one.source_key: one for one in read_sources(connection, self._clock(), removed=True)}
            series = source_keys_by_id(connection)
        self._sources, self._series, self._seen_at = sources, series, time.monotonic()
