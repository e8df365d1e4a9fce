"""Table `forecast_superseded`: forecasts that a later one of the same series and origin has replaced."""

import psycopg

from dayahead.hours import from_hour
from dayahead.storage.tables.forecast import FORECAST, ForecastRows

# Row by row through the key: a plan that reads all of a chunk would take seconds. The range states the chunks.
KEEP = f"""
    INSERT INTO forecast_superseded ({FORECAST.names})
    SELECT {", ".join(f"earlier.{column.name}" for column in FORECAST.columns)}
    FROM {FORECAST.incoming} AS incoming
    CROSS JOIN LATERAL (
        SELECT * FROM forecast
        WHERE series_key = incoming.series_key AND origin = incoming.origin
          AND origin >= %(first)s AND origin <= %(last)s
        LIMIT 1
    ) AS earlier
    WHERE earlier.issued_at < incoming.issued_at
    ON CONFLICT DO NOTHING
"""  # noqa: S608 - all names are the code's own


def keep_superseded(cursor: psycopg.Cursor, rows: ForecastRows) -> None:
    """Keep the rows of `forecast` that the rows in its incoming table are about to replace.

    Args:
        cursor: of the transaction that replaces them, before it does.
        rows: those in the incoming table, at least one.
    """
    # not prepared: a statement that knows its origins reads their chunks only
    given = {"first": from_hour(int(rows.origin.min())), "last": from_hour(int(rows.origin.max()))}
    cursor.execute(KEEP.encode(), given, prepare=False)
