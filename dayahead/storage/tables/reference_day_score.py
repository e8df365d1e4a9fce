"""Table `reference_day_score`: day products and the forecasts of others, both as they stood at the gate."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import psycopg
from psycopg.rows import class_row

from dayahead.storage.tables.reference_score import COMPARED, KNOWN, SUMMED, ReferenceSums
from dayahead.storage.tables.score import SourceWindow, window_columns

# A day of the calendar lies within a day of that of UTC: so that the key finds the rows.
OF_HOURS = """
    JOIN unnest(%(reference_keys)s::integer[], %(valid_times)s::timestamptz[]) AS changed (reference_key, valid_time)
        USING (reference_key)
    JOIN day_ahead AS product ON product.series_key = matched.series_key
        AND product.day BETWEEN (changed.valid_time AT TIME ZONE 'UTC')::date - 1
            AND (changed.valid_time AT TIME ZONE 'UTC')::date + 1
        AND changed.valid_time >= product.starts_at
        AND changed.valid_time < product.starts_at + product.hours * INTERVAL '1 hour'
    WHERE true
"""
OF_NEW_PRODUCTS = """
    JOIN day_ahead AS product USING (series_key)
    WHERE product.starts_at >= %(oldest)s AND NOT EXISTS (
        SELECT FROM reference_day_score AS standing
        WHERE standing.series_key = product.series_key AND standing.reference_key = matched.reference_key
          AND standing.day = product.day AND standing.gate = product.gate
    )
"""

# A series is over a day once it has the last hour or a later one. A day of which no reference was known has a row too,
# so that it is not looked at again.
COMPARE = f"""
    WITH due AS MATERIALIZED (
        SELECT DISTINCT ON (matched.series_key, matched.reference_key, product.day, product.gate)
               matched.series_key, matched.reference_key, product.day, product.gate, product.starts_at, product.hours,
               product.p50, product.gate_at AS known_by
        FROM reference_of_series AS matched {{products}}
          AND matched.reference_source_key = %(source)s
          AND (SELECT valid_time FROM observation WHERE observation.series_key = matched.series_key
               ORDER BY valid_time DESC LIMIT 1)
              >= product.starts_at + (product.hours - 1) * INTERVAL '1 hour'
        ORDER BY 1, 2, 3, 4 LIMIT %(limit)s
    ), compared AS (
        SELECT due.series_key, due.reference_key, due.day, due.gate, {COMPARED}
        FROM due
        CROSS JOIN LATERAL generate_subscripts(due.p50, 1) AS place
        CROSS JOIN LATERAL (SELECT due.p50[place]::double precision AS p50) AS ours
        JOIN observation AS observed ON observed.series_key = due.series_key
            AND observed.valid_time = due.starts_at + (place - 1) * INTERVAL '1 hour'
        {KNOWN}
        WHERE ours.p50 <> 'NaN'
        GROUP BY 1, 2, 3, 4
    )
    INSERT INTO reference_day_score AS standing
        (series_key, reference_key, day, gate, starts_at, hours, absolute_error, reference_error, absolute_actual)
    SELECT series_key, reference_key, day, gate, due.starts_at, coalesce(compared.hours, 0),
           coalesce(compared.absolute_error, 0), coalesce(compared.reference_error, 0),
           coalesce(compared.absolute_actual, 0)
    FROM due LEFT JOIN compared
        AS compared (series_key, reference_key, day, gate, hours, absolute_error, reference_error, absolute_actual)
        USING (series_key, reference_key, day, gate)
    ORDER BY 1, 2, 3, 4
    ON CONFLICT (series_key, reference_key, day, gate) DO UPDATE
    SET hours = excluded.hours, absolute_error = excluded.absolute_error,
        reference_error = excluded.reference_error, absolute_actual = excluded.absolute_actual
"""  # noqa: S608 - all names are the code's own


def compare_products_of_hours(
    connection: psycopg.Connection, source_key: int, reference_keys: Sequence[int], valid_times: Sequence[datetime]
) -> int:
    """Score a reference again on the day products that are over and hold one of some hours. The caller commits.

    Args:
        connection: an open connection.
        source_key: the reference source.
        reference_keys: n references of series.
        valid_times: the n hours.

    Returns:
        Products that were compared.
    """
    given = {
        "source": source_key,
        "reference_keys": list(reference_keys),
        "valid_times": list(valid_times),
        "limit": None,
    }
    return connection.execute(COMPARE.format(products=OF_HOURS).encode(), given, prepare=False).rowcount


def compare_new_products(connection: psycopg.Connection, source_key: int, oldest: datetime, limit: int) -> int:
    """Score a reference on day products that are over and were not compared yet. The caller commits.

    Args:
        connection: an open connection.
        source_key: the reference source.
        oldest: oldest hour that the reference forecasts; days that begin more than a day earlier are left out.
        limit: products at most.

    Returns:
        Products that were compared; call again while it is `limit`.
    """
    given = {"source": source_key, "oldest": oldest - timedelta(days=1), "limit": limit}
    return connection.execute(COMPARE.format(products=OF_NEW_PRODUCTS).encode(), given, prepare=False).rowcount


SUMS_OF_GATE = f"""
    SELECT matched.reference AS source, matched.title, matched.unit, NULL::integer AS first_lead,
           NULL::integer AS last_lead, count(*)::integer AS forecasts, {SUMMED}
    FROM unnest(%(source_keys)s::integer[], %(starts)s::timestamptz[], %(ends)s::timestamptz[])
        AS covered_by (source_key, first_day, last_day)
    JOIN reference_of_series AS matched USING (source_key)
    JOIN reference_day_score AS score USING (series_key, reference_key)
    WHERE score.gate = %(gate)s AND score.starts_at >= covered_by.first_day AND score.starts_at <= covered_by.last_day
      AND score.hours > 0
      AND (%(area)s::text IS NULL OR matched.area = %(area)s)
      AND (%(series_key)s::integer IS NULL OR series_key = %(series_key)s)
    GROUP BY matched.reference, matched.title, matched.unit ORDER BY matched.reference
"""  # noqa: S608


def read_gate_reference_sums(
    connection: psycopg.Connection,
    gate: str,
    windows: Sequence[SourceWindow],
    *,
    area: str | None = None,
    series_key: int | None = None,
) -> list[ReferenceSums]:
    """Read sums of the scores of each reference at a gate, over the days of the windows of the observed sources.

    Args:
        connection: an open connection.
        gate: local time of day.
        windows: starts of days to look at, one window a source.
        area: only series of this area.
        series_key: only this series.
    """
    given = {"gate": gate, "area": area, "series_key": series_key, **window_columns(windows)}
    with connection.cursor(row_factory=class_row(ReferenceSums)) as cursor:
        return cursor.execute(SUMS_OF_GATE.encode(), given, prepare=False).fetchall()
