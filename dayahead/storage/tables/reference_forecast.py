"""Table `reference_forecast`: every version of what others, such as grid operators, forecast of our series."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import class_row

from dayahead.hours import from_hour
from dayahead.reading.records import Row
from dayahead.storage.tables.reference_series import add_reference_series

# Another value under the same moment of publication, which a publisher corrected without saying so, counts from its
# receipt: what was known before must stay as it was known.
ADD_VERSIONS = """
    INSERT INTO reference_forecast (reference_key, valid_time, available_at, value)
    SELECT series.reference_key, given.valid_time,
           CASE WHEN standing.available_at = %(available)s THEN %(received)s ELSE %(available)s END::timestamptz,
           given.value
    FROM unnest(%(series_ids)s::text[], %(valid_times)s::timestamptz[], %(values)s::double precision[])
        AS given (series_id, valid_time, value)
    JOIN reference_series AS series ON series.source_key = %(source)s AND series.series_id = given.series_id
    LEFT JOIN LATERAL (
        SELECT value, available_at FROM reference_forecast AS known
        WHERE known.reference_key = series.reference_key AND known.valid_time = given.valid_time
          AND known.available_at <= %(available)s
        ORDER BY available_at DESC LIMIT 1
    ) AS standing ON true
    WHERE standing.value IS DISTINCT FROM given.value
      AND NOT (standing.available_at IS NOT DISTINCT FROM %(available)s AND EXISTS (
          SELECT FROM reference_forecast AS known
          WHERE known.reference_key = series.reference_key AND known.valid_time = given.valid_time
            AND known.available_at > %(available)s AND known.value = given.value
      ))
    ON CONFLICT DO NOTHING
"""

OF_SERIES = """
    SELECT DISTINCT ON (matched.reference, version.valid_time)
           matched.reference AS source, matched.title, coalesce(source.definition ->> 'attribution', '') AS attribution,
           version.valid_time, version.value, version.available_at
    FROM reference_of_series AS matched
    JOIN source ON source.source_key = matched.reference_source_key
    JOIN reference_forecast AS version USING (reference_key)
    WHERE matched.series_key = %(series_key)s AND version.valid_time >= %(start)s
      AND (%(end)s::timestamptz IS NULL OR version.valid_time < %(end)s)
      AND (%(as_of)s::timestamptz IS NULL OR version.available_at <= %(as_of)s)
    ORDER BY matched.reference, version.valid_time, version.available_at DESC
"""


def write_versions(
    connection: psycopg.Connection,
    source_key: int,
    rows: Sequence[Row],
    available_at: datetime,
    received_at: datetime,
) -> int:
    """Write what a source forecast at a moment; a value that was known by then already is no new version.

    Args:
        connection: an open connection; the caller commits.
        source_key: the reference source.
        rows: each series and hour once.
        available_at: when they were published.
        received_at: when they were received.

    Returns:
        Versions that were written.
    """
    if not rows:
        return 0
    given: dict[str, Any] = {
        "source": source_key,
        "series_ids": [row.series_id for row in rows],
        "valid_times": [from_hour(row.hour) for row in rows],
        "values": [row.value for row in rows],
        "available": available_at,
        "received": received_at,
    }
    add_reference_series(connection, source_key, given["series_ids"])
    return connection.execute(ADD_VERSIONS, given).rowcount


@dataclass(frozen=True)
class ReferenceHour:
    """An hour of a series as a reference forecasts it.

    Attributes:
        source: name of the reference source.
        title: what a person reads.
        attribution: credit that its licence asks for.
        valid_time: start of the hour.
        value: in the unit of the series.
        available_at: when the value was published or received.
    """

    source: str
    title: str
    attribution: str
    valid_time: datetime
    value: float
    available_at: datetime


def read_reference_hours(
    connection: psycopg.Connection,
    series_key: int,
    start: datetime,
    end: datetime | None,
    as_of: datetime | None,
) -> list[ReferenceHour]:
    """Read what references forecast of a series, by reference and hour, each hour as known.

    Args:
        connection: an open connection.
        series_key: the series.
        start: first hour.
        end: hour after the last; None for no end.
        as_of: versions that were known by this moment; None for the newest.
    """
    given = {"series_key": series_key, "start": start, "end": end, "as_of": as_of}
    with connection.cursor(row_factory=class_row(ReferenceHour)) as cursor:
        return cursor.execute(OF_SERIES, given).fetchall()
