"""Table `drift_event`: detected drift, and which events Kafka has acknowledged."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import class_row

from dayahead.contracts import DriftEvent, DriftKind
from dayahead.hours import Hour, from_hour
from dayahead.storage.tables.drift_watched import DueSeries, note_watched

INSERT = """
    INSERT INTO drift_event (series_key, valid_time, kind, detector, statistic, recorded_at)
    VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING series_key
"""

UNPUBLISHED = """
    SELECT series_key, series_id, valid_time, kind, detector, statistic
    FROM drift_event JOIN series USING (series_key)
    WHERE published_at IS NULL AND partition = ANY(%s) ORDER BY valid_time, series_id, kind, detector LIMIT %s
"""

PUBLISHED = """
    UPDATE drift_event SET published_at = %s WHERE series_key = %s AND valid_time = %s AND kind = %s AND detector = %s
"""

NEWEST = """
    SELECT series_key, series_id, area, unit, kind, valid_time, detector, statistic, recorded_at
    FROM drift_event JOIN series USING (series_key)
    WHERE (%(area)s::text IS NULL OR area = %(area)s)
      AND (%(kind)s::text IS NULL OR kind = %(kind)s)
      AND (%(since)s::timestamptz IS NULL OR valid_time >= %(since)s)
    ORDER BY valid_time DESC, series_id, kind, detector LIMIT %(limit)s
"""


@dataclass(frozen=True)
class FoundDrift:
    """A row of `drift_event` before it is written."""

    series_key: int
    area: str
    kind: DriftKind
    hour: Hour
    detector: str
    statistic: float


@dataclass(frozen=True)
class StoredEvent:
    """A row of `drift_event` with its message."""

    series_key: int
    event: DriftEvent


@dataclass(frozen=True)
class RecordedDrift:
    """A row of `drift_event` with the text that belongs to its series."""

    series_key: int
    series_id: str
    area: str
    unit: str
    kind: DriftKind
    valid_time: datetime
    detector: str
    statistic: float
    recorded_at: datetime


def save_drift(
    connection: psycopg.Connection,
    kind: DriftKind,
    judged: Sequence[DueSeries],
    found: Sequence[FoundDrift],
    now: datetime,
) -> list[FoundDrift]:
    """Write events, and that their days have been judged, in one separate transaction.

    Returns:
        Those that were not there yet.
    """
    with connection.transaction(), connection.cursor() as cursor:
        new = [
            one
            for one in found
            if cursor.execute(
                INSERT, [one.series_key, from_hour(one.hour), kind, one.detector, one.statistic, now]
            ).fetchone()
        ]
        note_watched(cursor, kind, judged)
    return new


def unpublished(connection: psycopg.Connection, partitions: Collection[int], limit: int) -> list[StoredEvent]:
    """Read the oldest events of some partitions that Kafka may not have."""
    rows = connection.execute(UNPUBLISHED, [list(partitions), limit]).fetchall()
    return [
        StoredEvent(
            key,
            DriftEvent(series_id=series_id, kind=kind, valid_time=when, detector=detector, statistic=statistic),
        )
        for key, series_id, when, kind, detector, statistic in rows
    ]


def mark_published(connection: psycopg.Connection, stored: Sequence[StoredEvent], now: datetime) -> None:
    """Record that Kafka has acknowledged events."""
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany(
            PUBLISHED,
            [[now, one.series_key, one.event.valid_time, one.event.kind, one.event.detector] for one in stored],
        )


def recent_drift(
    connection: psycopg.Connection,
    limit: int,
    *,
    area: str | None = None,
    kind: DriftKind | None = None,
    since: datetime | None = None,
) -> list[RecordedDrift]:
    """Read the newest events, newest hour first.

    Args:
        connection: an open connection.
        limit: events at most.
        area: only of series of this area.
        kind: only of this kind.
        since: only from this hour on.
    """
    given = {"area": area, "kind": kind, "since": since, "limit": limit}
    with connection.cursor(row_factory=class_row(RecordedDrift)) as cursor:
        return cursor.execute(NEWEST, given).fetchall()
