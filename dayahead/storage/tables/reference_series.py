"""Table `reference_series`: the series that others, such as grid operators, forecast, and which are observed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import class_row

ADD = """
    INSERT INTO reference_series (source_key, series_id)
    SELECT DISTINCT %(source)s::integer, given FROM unnest(%(series_ids)s::text[]) AS given
    WHERE NOT EXISTS (SELECT FROM reference_series WHERE source_key = %(source)s AND series_id = given)
    ON CONFLICT DO NOTHING
"""

BY_REFERENCE = """
    SELECT source.name, source.definition ->> 'kind' AS kind, source.definition ->> 'forecast_of' AS forecast_of,
           count(known.reference_key) AS series, count(observed.series_key) AS matched,
           max(newest.valid_time) AS newest, source.removed_at
    FROM source
    LEFT JOIN reference_series AS known USING (source_key)
    LEFT JOIN source AS parent ON parent.name = source.definition ->> 'forecast_of'
    LEFT JOIN series AS observed ON observed.series_id = known.series_id AND observed.source_key = parent.source_key
        AND observed.unit = source.definition ->> 'unit'
    LEFT JOIN LATERAL (
        SELECT valid_time FROM reference_forecast AS version WHERE version.reference_key = known.reference_key
        ORDER BY valid_time DESC LIMIT 1
    ) AS newest ON true
    WHERE source.definition ? 'forecast_of'
    GROUP BY source.source_key ORDER BY source.name
"""


@dataclass(frozen=True)
class ReferenceSeries:
    """Number of series of a registered reference source.

    Attributes:
        name: of the source.
        kind: how it is read.
        forecast_of: name of the source of the observed values.
        series: that it forecasts.
        matched: those of them that are observed, in the same unit, by the source that it names.
        newest: last hour that it forecasts, None where it has none.
        removed_at: when it was removed; None while it is wanted.
    """

    name: str
    kind: str
    forecast_of: str
    series: int
    matched: int
    newest: datetime | None
    removed_at: datetime | None


def series_by_reference(connection: psycopg.Connection) -> list[ReferenceSeries]:
    """Read every registered reference source with the number of its series, by name."""
    with connection.cursor(row_factory=class_row(ReferenceSeries)) as cursor:
        return cursor.execute(BY_REFERENCE).fetchall()


def add_reference_series(connection: psycopg.Connection, source_key: int, series_ids: Sequence[str]) -> None:
    """Add the series of a reference source that are not there yet. The caller commits."""
    connection.execute(ADD, {"source": source_key, "series_ids": series_ids})
