"""Table `day_ahead`: the forecast of a day of the calendar as it stood at a gate, kept once and never changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg.rows import kwargs_row

from dayahead.horizon import MAX_LEADS
from dayahead.hours import Hour, from_hour
from dayahead.source import Gate

_ISSUED = "origin, issued_at, release, rung, reasons, floor_days, p50, p10, p90"

# An issue counts by when it was made, or in a replay, whose clock follows the data, by its origin.
_BY_THEN = """
    series_key = series.series_key AND origin >= %(oldest)s AND origin <= %(newest)s
    AND (%(issued_by)s::timestamptz IS NULL OR issued_at <= %(issued_by)s)
"""

# The series without a row first: a worker that starts looks at gates of which most rows are there. As sets, since a
# plan that looks up each series in the rows of the day takes time by their square.
KEEP = f"""
    WITH wanted AS MATERIALIZED (
        SELECT series_key FROM series WHERE partition = %(partition)s AND source_key = %(source_key)s
        EXCEPT
        SELECT series_key FROM day_ahead WHERE day = %(day)s AND gate = %(gate)s
    )
    INSERT INTO day_ahead (series_key, day, gate, gate_at, time_zone, starts_at, hours, first_lead, {_ISSUED})
    SELECT series.series_key, %(day)s, %(gate)s, %(gate_at)s, %(time_zone)s, %(starts_at)s, %(hours)s, lead.first,
           stood.origin, stood.issued_at, stood.release, stood.rung, stood.reasons, stood.floor_days,
           stood.p50[lead.first : lead.first + %(hours)s - 1], stood.p10[lead.first : lead.first + %(hours)s - 1],
           stood.p90[lead.first : lead.first + %(hours)s - 1]
    FROM wanted AS series
    CROSS JOIN LATERAL (
        (SELECT {_ISSUED} FROM forecast WHERE {_BY_THEN} ORDER BY origin DESC LIMIT 1)
        UNION ALL
        (SELECT {_ISSUED} FROM forecast_superseded WHERE {_BY_THEN} ORDER BY origin DESC, issued_at DESC LIMIT 1)
        ORDER BY origin DESC, issued_at DESC LIMIT 1
    ) AS stood
    CROSS JOIN LATERAL (SELECT (extract(epoch FROM %(starts_at)s - stood.origin) / 3600)::smallint AS first) AS lead
    WHERE cardinality(stood.p50) >= lead.first
    ON CONFLICT DO NOTHING
    RETURNING cardinality(p50) = hours
"""  # noqa: S608 - all names are the code's own

_PRODUCT = """
    series_key, series.series_id, series.unit, product.day, product.gate, product.gate_at, product.time_zone,
    product.starts_at, product.hours, product.origin, product.issued_at, product.release, product.rung,
    product.reasons, product.floor_days, product.first_lead, product.p50, product.p10, product.p90
"""

UNPUBLISHED = f"""
    SELECT {_PRODUCT} FROM day_ahead AS product JOIN series USING (series_key)
    WHERE product.published_at IS NULL AND series.partition = %(partition)s
    ORDER BY product.gate_at, product.series_key LIMIT %(limit)s
"""  # noqa: S608

PUBLISHED = """
    UPDATE day_ahead SET published_at = %s
    FROM unnest(%s::integer[], %s::date[], %s::text[]) AS sent (series_key, day, gate)
    WHERE day_ahead.series_key = sent.series_key AND day_ahead.day = sent.day AND day_ahead.gate = sent.gate
"""

# A series is over a day once it has the last hour or a later one.
DUE = f"""
    SELECT {_PRODUCT} FROM day_ahead AS product JOIN series USING (series_key)
    CROSS JOIN LATERAL (
        SELECT valid_time FROM observation WHERE observation.series_key = product.series_key
        ORDER BY valid_time DESC LIMIT 1
    ) AS newest
    WHERE NOT product.scored AND series.partition = %(partition)s AND product.starts_at < %(newest)s
      AND newest.valid_time >= product.starts_at + (product.hours - 1) * INTERVAL '1 hour'
    ORDER BY product.gate_at, product.series_key LIMIT %(limit)s
"""  # noqa: S608

SCORED = """
    UPDATE day_ahead SET scored = true
    FROM unnest(%s::integer[], %s::date[], %s::text[]) AS done (series_key, day, gate)
    WHERE day_ahead.series_key = done.series_key AND day_ahead.day = done.day AND day_ahead.gate = done.gate
"""

# A day of the calendar lies within a day of that of UTC: so that the key finds the rows.
CHANGED = """
    UPDATE day_ahead SET scored = false
    FROM unnest(%s::integer[], %s::timestamptz[]) AS changed (series_key, valid_time)
    WHERE day_ahead.series_key = changed.series_key AND day_ahead.scored
      AND day_ahead.day BETWEEN (changed.valid_time AT TIME ZONE 'UTC')::date - 1
          AND (changed.valid_time AT TIME ZONE 'UTC')::date + 1
      AND changed.valid_time >= day_ahead.starts_at
      AND changed.valid_time < day_ahead.starts_at + day_ahead.hours * INTERVAL '1 hour'
"""

ONE = f"""
    SELECT {_PRODUCT} FROM day_ahead AS product JOIN series USING (series_key)
    WHERE series_key = %(key)s AND (%(day)s::date IS NULL OR day = %(day)s)
      AND (%(gate)s::text IS NULL OR gate = %(gate)s)
    ORDER BY gate_at DESC LIMIT 1
"""  # noqa: S608

PAGE = f"""
    SELECT {_PRODUCT} FROM day_ahead AS product JOIN series USING (series_key)
    WHERE product.day = %(day)s AND product.gate = %(gate)s AND (%(area)s::text IS NULL OR series.area = %(area)s)
      AND (%(after)s::text IS NULL OR series.series_id COLLATE "C" > %(after)s)
    ORDER BY series.series_id COLLATE "C" LIMIT %(limit)s
"""  # noqa: S608

NEWEST = """
    SELECT day, gate FROM day_ahead JOIN series USING (series_key)
    WHERE (%(area)s::text IS NULL OR area = %(area)s) AND (%(gate)s::text IS NULL OR gate = %(gate)s)
      AND (%(day)s::date IS NULL OR day = %(day)s)
    ORDER BY day DESC, gate_at DESC LIMIT 1
"""

KEPT = (
    "SELECT gate, min(day) AS first, max(day) AS last FROM day_ahead WHERE series_key = %s GROUP BY gate ORDER BY gate"
)


@dataclass(frozen=True)
class KeptDays:
    """The days of a series that were kept at a gate, as the first and the last one."""

    gate: str
    first: date
    last: date


@dataclass(frozen=True)
class DayProduct:
    """A row of `day_ahead` with the text that belongs to its series.

    Attributes:
        series_key: of the series.
        series_id: of the series.
        unit: of the values.
        day: of the calendar, in `time_zone`.
        gate: local time of day of the gate, HH:MM.
        gate_at: when that was, on the day before.
        time_zone: IANA name.
        starts_at: start of the first hour of the day.
        hours: of the day.
        origin: of the forecast.
        issued_at: of the forecast.
        release: that forecast; None where no model did.
        rung: of day 1 of the horizon.
        reasons: flags of `Reason`.
        floor_days: as in table `forecast`.
        first_lead: lead of the first hour of the day.
        p50: float32 [hours, or fewer] from the first hour on, in `unit`; p10 and p90 the same.
    """

    series_key: int
    series_id: str
    unit: str
    day: date
    gate: str
    gate_at: datetime
    time_zone: str
    starts_at: datetime
    hours: int
    origin: datetime
    issued_at: datetime
    release: str | None
    rung: int
    reasons: int
    floor_days: int
    first_lead: int
    p50: NDArray[np.float32]
    p10: NDArray[np.float32]
    p90: NDArray[np.float32]


@dataclass(frozen=True)
class Kept:
    """How many day products were kept, and how many of them reach the end of the day."""

    products: int
    complete: int


def keep_products(
    cursor: psycopg.Cursor,
    partition: int,
    source_key: int,
    gate: Gate,
    *,
    newest_origin: Hour,
    issued_by: datetime | None,
) -> Kept:
    """Keep the day products of a gate that are not there yet; a series without a forecast of the day gets none.

    Args:
        cursor: of a transaction that holds the claim of the partition.
        partition: whose series are kept.
        source_key: whose series are kept.
        gate: that has passed.
        newest_origin: a forecast with a later origin does not count.
        issued_by: a forecast issued later than this does not count; None for no limit.
    """
    starts_at = from_hour(gate.hours.start)
    given = {
        "partition": partition,
        "source_key": source_key,
        "day": gate.day,
        "gate": gate.name,
        "gate_at": gate.moment,
        "time_zone": gate.time_zone,
        "starts_at": starts_at,
        "hours": len(gate.hours),
        "oldest": starts_at - timedelta(hours=MAX_LEADS),
        "newest": from_hour(min(newest_origin, gate.hours.start - 1)),
        "issued_by": issued_by,
    }
    # not prepared: a statement that knows its origins reads their chunks only
    complete = [whole for (whole,) in cursor.execute(KEEP.encode(), given, prepare=False).fetchall()]
    return Kept(len(complete), sum(complete))


def unpublished_products(connection: psycopg.Connection, partition: int, limit: int) -> list[DayProduct]:
    """Read the oldest day products of a partition that Kafka may not have."""
    return _fetch(connection, UNPUBLISHED, {"partition": partition, "limit": limit})


def mark_published(connection: psycopg.Connection, products: Sequence[DayProduct], now: datetime) -> None:
    """Record that Kafka has acknowledged day products."""
    connection.execute(PUBLISHED, [now, *_keys(products)])


def due_products(connection: psycopg.Connection, partition: int, newest: Hour, limit: int) -> list[DayProduct]:
    """Read day products of a partition that are over and have no score of the current values.

    Args:
        connection: an open connection.
        partition: whose series are looked at.
        newest: newest hour of any series of the partition.
        limit: products at most.
    """
    return _fetch(connection, DUE, {"partition": partition, "newest": from_hour(newest), "limit": limit})


def mark_scored(cursor: psycopg.Cursor, products: Sequence[DayProduct]) -> None:
    """Record that day products are scored, in the transaction that writes the scores."""
    cursor.execute(SCORED, _keys(products))


def mark_changed(cursor: psycopg.Cursor, series_keys: NDArray[np.int64], hours: NDArray[np.int64]) -> None:
    """Record that values changed, so that the day products of their hours are scored again.

    Args:
        cursor: of the transaction that writes the values.
        series_keys: int64 [n].
        hours: int64 [n].
    """
    if len(series_keys):
        cursor.execute(CHANGED, [series_keys.tolist(), [from_hour(hour) for hour in hours.tolist()]])


def read_product(
    connection: psycopg.Connection, series_key: int, day: date | None = None, gate: str | None = None
) -> DayProduct | None:
    """Read a day product of a series, of several the one with the newest gate; None where there is none.

    Args:
        connection: an open connection.
        series_key: the series.
        day: only of this day.
        gate: only of this gate.
    """
    found = _fetch(connection, ONE, {"key": series_key, "day": day, "gate": gate})
    return found[0] if found else None


def newest_product(
    connection: psycopg.Connection, area: str | None, day: date | None, gate: str | None
) -> tuple[date, str] | None:
    """Read the newest day and gate of which there is a day product; None where there is none.

    Args:
        connection: an open connection.
        area: only of this area.
        day: only of this day.
        gate: only of this gate.
    """
    row = connection.execute(NEWEST, {"area": area, "day": day, "gate": gate}).fetchone()
    return None if row is None else (row[0], row[1])


def kept_days(connection: psycopg.Connection, series_key: int) -> list[KeptDays]:
    """Read which days of a series were kept, by gate."""
    with connection.cursor(row_factory=kwargs_row(KeptDays)) as cursor:
        return cursor.execute(KEPT, [series_key]).fetchall()


def read_products(
    connection: psycopg.Connection, day: date, gate: str, limit: int, *, area: str | None, after: str | None
) -> list[DayProduct]:
    """Read the day products of many series, in the order of their ids.

    Args:
        connection: an open connection.
        day: of the calendar.
        gate: local time of day.
        limit: products at most.
        area: only of this area.
        after: only ids after this one.
    """
    given = {"day": day, "gate": gate, "limit": limit, "area": area, "after": after}
    return _fetch(connection, PAGE, given)


def _fetch(connection: psycopg.Connection, statement: str, given: Mapping[str, object]) -> list[DayProduct]:
    with connection.cursor(binary=True, row_factory=kwargs_row(_product)) as cursor:
        return cursor.execute(statement.encode(), given).fetchall()


def _keys(products: Sequence[DayProduct]) -> list[list[Any]]:
    return [[one.series_key for one in products], [one.day for one in products], [one.gate for one in products]]


def _product(*, p50: list[float], p10: list[float], p90: list[float], **facts: Any) -> DayProduct:
    return DayProduct(
        p50=np.asarray(p50, np.float32), p10=np.asarray(p10, np.float32), p90=np.asarray(p90, np.float32), **facts
    )
