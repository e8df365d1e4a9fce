"""Table `reference_forecast`: every version of what others, such as grid operators, forecast of our series."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import psycopg

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
