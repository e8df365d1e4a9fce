"""Status of sources and series: newest hour, newest forecast, and whether they are stale.

The only definition of "fresh", for the API, the page and `dayahead status`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Any

import psycopg
from psycopg.rows import kwargs_row

from dayahead.contracts import Rung
from dayahead.expiry import expired_reason
from dayahead.hours import format_utc
from dayahead.series import in_order
from dayahead.source import Source
from dayahead.storage.tables.poll_failure import PollFailure
from dayahead.storage.tables.source import load_sources

FAILING_AFTER_POLLS = 2
FAILING_AT_LEAST = timedelta(minutes=1)
"""A source is failing once its polls have failed for longer than both; before, it is only retried."""


class State(StrEnum):
    """The state of a series in one word."""

    FRESH = "fresh"
    DEGRADED = "degraded"
    NO_FORECAST = "no-forecast"
    STALE = "stale"
    EXPIRED = "expired"


@dataclass(frozen=True)
class SourceStatus:
    """A source and its freshness.

    Attributes:
        source_key: key of the source.
        source: its definition.
        now: its present moment (`Source.now`).
        newest_hour: newest observed hour over all its series.
        new_hour_at: when an hour newer than all before was last published; None where none ever was.
        stale_reason: why the source is stale; empty while it is not, and where it never published an hour.
        removed_at: when it was removed; None while it is wanted.
        failing: whether its polls have failed for longer than FAILING_AFTER_POLLS and FAILING_AT_LEAST.
        failing_since: when the first poll failed since the newest that succeeded; None while polls succeed.
        failing_reason: for how long polls fail and why; empty while they succeed.
    """

    source_key: int
    source: Source
    now: datetime
    newest_hour: datetime | None
    new_hour_at: datetime | None
    stale_reason: str
    removed_at: datetime | None = None
    failing: bool = False
    failing_since: datetime | None = None
    failing_reason: str = ""


@dataclass(frozen=True)
class SeriesStatus:
    """A series, its newest hour and its newest forecast; times are UTC, None where there is nothing yet.

    `labels` are in the order of the series_id, `source_now` is the present moment of the source, `leads` the hours that
    the newest forecast holds, `totals_of` the source whose values a total sums (None for other series).
    """

    series_key: int
    series_id: str
    source: str
    area: str
    labels: Mapping[str, str]
    unit: str
    newest_hour: datetime | None
    source_newest_hour: datetime | None
    source_now: datetime
    stale_after_h: float
    totals_of: str | None
    origin: datetime | None
    leads: int
    expired: bool
    issued_at: datetime | None
    release: str | None
    rung: int | None
    reasons: int | None
    state: State

    @property
    def hours_behind(self) -> float | None:
        """Hours from the newest hour of the series to that of its source."""
        if self.newest_hour is None or self.source_newest_hour is None:
            return None
        return (self.source_newest_hour - self.newest_hour).total_seconds() / 3600

    @property
    def stale_reason(self) -> str:
        """Why the series is stale; empty while it is not."""
        if self.newest_hour is None or self.hours_behind is None:
            return NO_HOUR
        if self.state is not State.STALE:
            return ""
        return lag_reason(self.hours_behind, self.stale_after_h)

    @property
    def expired_reason(self) -> str:
        """Why the newest forecast is expired; empty while it is not."""
        if self.origin is None or not self.expired:
            return ""
        return expired_reason(self.origin, self.leads, self.source_now)


NO_HOUR = "no hour of this series has been observed yet"


def lag_reason(hours_behind: float, stale_after_h: float) -> str:
    """Return the reason why a series is stale that is so many hours behind its source."""
    return f"its newest hour is {hours_behind:.0f} h behind its source; up to {stale_after_h:g} h are normal"


SOURCES = """
    SELECT source.source_key, cursor.new_hour_at, newest.valid_time, newest.recorded_at,
           failure.failing_since, failure.error, failure.retry_at
    FROM source
    LEFT JOIN poll_cursor AS cursor USING (source_key)
    LEFT JOIN poll_failure AS failure USING (source_key)
    LEFT JOIN LATERAL (
        SELECT valid_time, recorded_at FROM observation JOIN series USING (series_key)
        WHERE series.source_key = source.source_key ORDER BY valid_time DESC LIMIT 1
    ) AS newest ON true
"""

SERIES = f"""
    WITH promise AS (
        SELECT * FROM unnest(
            %(source_keys)s::integer[], %(names)s::text[], %(stale_after_h)s::double precision[],
            %(newest_hours)s::timestamptz[], %(nows)s::timestamptz[], %(lags)s::interval[]
        ) AS promise (source_key, source, stale_after_h, source_newest_hour, source_now, lag)
    ), status AS (
        SELECT series.series_key, series.series_id, promise.source, series.area, series.labels, series.unit,
               newest.valid_time AS newest_hour, promise.source_newest_hour, promise.source_now,
               promise.stale_after_h, latest.origin, latest.issued_at, latest.release, latest.rung, latest.reasons,
               coalesce(latest.leads, 0) AS leads, coalesce(outlook.expired, false) AS expired,
               CASE
                   WHEN newest.valid_time IS NULL
                     OR promise.source_newest_hour - newest.valid_time > promise.stale_after_h * INTERVAL '1 hour'
                       THEN 'stale'
                   WHEN latest.rung IS NULL OR latest.rung = {Rung.NONE:d} THEN 'no-forecast'
                   WHEN outlook.expired THEN 'expired'
                   WHEN latest.rung <= {Rung.DEGRADED_INPUT:d} THEN 'fresh'
                   ELSE 'degraded'
               END AS state
        FROM series
        JOIN promise USING (source_key)
        LEFT JOIN LATERAL (
            SELECT valid_time FROM observation WHERE observation.series_key = series.series_key
            ORDER BY valid_time DESC LIMIT 1
        ) AS newest ON true
        LEFT JOIN LATERAL (
            SELECT origin, issued_at, release, rung, reasons, cardinality(p50) AS leads,
                   origin + (cardinality(p50) + 1) * INTERVAL '1 hour' AS ends_at
            FROM forecast WHERE forecast.series_key = series.series_key ORDER BY origin DESC LIMIT 1
        ) AS latest ON true
        CROSS JOIN LATERAL (
            SELECT latest.leads > 0 AND (
                latest.ends_at <= promise.source_now
                OR latest.ends_at - promise.source_now < promise.source_now - (latest.origin + promise.lag)
            ) AS expired
        ) AS outlook
        WHERE (%(area)s::text IS NULL OR series.area = %(area)s)
          AND (%(series_keys)s::integer[] IS NULL OR series.series_key = ANY(%(series_keys)s))
          AND (%(search)s::text IS NULL OR strpos(lower(series.series_id), lower(%(search)s)) > 0)
          AND (%(after)s::text IS NULL OR series.series_id COLLATE "C" > %(after)s)
    )
    SELECT * FROM status
    WHERE %(state)s::text IS NULL OR state = %(state)s
    ORDER BY series_id COLLATE "C" LIMIT %(limit)s
"""  # noqa: S608 - numbers of the code's own


def read_sources(connection: psycopg.Connection, now: datetime, *, removed: bool = False) -> list[SourceStatus]:
    """Read every source and its freshness, by name.

    Args:
        connection: an open connection.
        now: the clock on the wall.
        removed: whether to read those that were removed too.
    """
    registered = {
        entry.source_key: entry for entry in load_sources(connection).values() if removed or entry.removed_at is None
    }
    found = []
    for key, new_hour_at, newest_hour, recorded_at, *failure in connection.execute(SOURCES).fetchall():
        if (entry := registered.get(key)) is None:  # removed, or registered between the two queries
            continue
        heard_at = new_hour_at or recorded_at
        source_now = entry.source.now(now, newest_hour)
        if entry.removed_at is not None:
            reason = f"the source was removed at {format_utc(entry.removed_at)}"
            found.append(SourceStatus(key, entry.source, source_now, newest_hour, heard_at, reason, entry.removed_at))
            continue
        silence = _silence(entry.source, heard_at, now)
        status = SourceStatus(key, entry.source, source_now, newest_hour, heard_at, silence)
        found.append(status if failure[0] is None else _with_failure(status, PollFailure(*failure), now))
    return sorted(found, key=lambda status: status.source.name)


def _with_failure(status: SourceStatus, failure: PollFailure, now: datetime) -> SourceStatus:
    failing_for = now - failure.failing_since
    poll_interval = timedelta(seconds=status.source.poll_interval_s)
    minutes = max(failing_for / timedelta(minutes=1), 0)
    duration = f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"
    return replace(
        status,
        failing=failing_for > max(FAILING_AFTER_POLLS * poll_interval, FAILING_AT_LEAST),
        failing_since=failure.failing_since,
        failing_reason=f"no poll has succeeded for {duration}: {failure.error}",
    )


def _silence(source: Source, heard_at: datetime | None, now: datetime) -> str:
    if heard_at is None or now - heard_at <= source.silence_allowed:
        return ""
    silent_h = (now - heard_at) / timedelta(hours=1)
    return f"no new hour has come for {silent_h:.1f} h; one is promised every {source.publication_interval_h:g} h"


def read_series(
    connection: psycopg.Connection,
    sources: list[SourceStatus],
    limit: int | None = None,
    *,
    area: str | None = None,
    state: State | None = None,
    search: str | None = None,
    after: str | None = None,
    series_keys: list[int] | None = None,
) -> list[SeriesStatus]:
    """Read the status of series, in the order of their ids.

    Args:
        connection: an open connection.
        sources: from `read_sources`.
        limit: series at most; None reads all.
        area: only this area.
        state: only this state.
        search: only ids that contain this text, whatever its case.
        after: only ids after this one.
        series_keys: only these.
    """
    parameters: dict[str, Any] = {
        "source_keys": [status.source_key for status in sources],
        "names": [status.source.name for status in sources],
        "stale_after_h": [status.source.stale_after_h for status in sources],
        "newest_hours": [status.newest_hour for status in sources],
        "nows": [status.now for status in sources],
        "lags": [status.source.publication_lag for status in sources],
        "area": area,
        "state": state,
        "search": search,
        "after": after,
        "series_keys": series_keys,
        "limit": limit,
    }
    by_name = {one.source.name: one.source for one in sources}
    with connection.cursor(row_factory=kwargs_row(partial(_status, by_name))) as cursor:
        return cursor.execute(SERIES, parameters).fetchall()


def _status(
    sources: Mapping[str, Source], state: str, source: str, labels: Mapping[str, str], **fields: Any
) -> SeriesStatus:
    definition = sources[source]
    ordered = in_order(labels, definition.label_names)
    return SeriesStatus(state=State(state), source=source, labels=ordered, totals_of=definition.totals_of, **fields)
