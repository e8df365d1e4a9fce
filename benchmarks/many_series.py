"""Many series as the service has them in TimescaleDB: a week of hours, a forecast and a day of scores of each."""

from datetime import datetime, timedelta

import psycopg

from benchmarks.made_up_load import PARTITIONS, SOURCE
from dayahead.storage.tables.score import SUMS
from dayahead.storage.tables.series import register_series
from dayahead.storage.tables.source import register_source

OBSERVED_HOURS = 168
AREAS = 10

OBSERVATIONS = """
    INSERT INTO observation (series_key, valid_time, value, available_at)
    SELECT key, %(newest)s::timestamptz - hour * INTERVAL '1 hour', 1000 + key + 50 * (hour %% 24), %(now)s
    FROM unnest(%(keys)s::integer[]) AS key, generate_series(0, %(hours)s::integer - 1) AS hour
"""
FORECASTS = """
    INSERT INTO forecast (series_key, origin, issued_at, release, rung, reasons, p50, p10, p90, message_offset)
    SELECT key, %(newest)s, %(now)s::timestamptz - (key %% 977) * INTERVAL '37 milliseconds', NULL, 3, 8,
           array_fill(1000::real, ARRAY[48]), array_fill(900::real, ARRAY[48]),
           array_fill(1100::real, ARRAY[48]), 0
    FROM unnest(%(keys)s::integer[]) AS key
"""
SCORES = """
    INSERT INTO score (series_key, origin, rung, hours, absolute_error, absolute_actual, percentage_error,
        percentage_hours, signed_error, naive_error, naive_hours, naive_actual, model_error_where_naive, covered,
        pinball, lead_error, daily_naive_error)
    SELECT key, %(newest)s::timestamptz - (25 + place) * INTERVAL '1 hour', 3, 24, 1000 + key, 24000, 1, 24, 1,
           1500, 24, 24000, 1000 + key, 20, 100, array_fill(40::real, ARRAY[24]), 1600
    FROM unnest(%(keys)s::integer[]) AS key, generate_series(1, 7) AS place
"""
ACCURACY_DAYS = f"""
    INSERT INTO accuracy_day (partition, area, unit, day, release, forecasts, {", ".join(SUMS)})
    SELECT 0, area, unit, (origin AT TIME ZONE 'UTC')::date, '', count(*), {", ".join(f"sum({name})" for name in SUMS)}
    FROM score JOIN series USING (series_key) GROUP BY 2, 3, 4
"""


def fill_many(connection: psycopg.Connection, count: int, now: datetime) -> dict[str, int]:
    """Fill a migrated, empty database.

    Args:
        connection: an open connection.
        count: series, `A0/00000` and so on.
        now: when everything was published.

    Returns:
        Key by series_id.
    """
    source = register_source(connection, SOURCE)
    ids = [f"A{number % AREAS}/{number:05}" for number in range(count)]
    keys = {name: one.series_key for name, one in register_series(connection, ids, source, PARTITIONS, now).items()}
    given = {
        "keys": list(keys.values()),
        "newest": now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=1),
        "now": now,
        "hours": OBSERVED_HOURS,
    }
    for statement in (OBSERVATIONS, FORECASTS, SCORES, ACCURACY_DAYS):
        connection.execute(statement.encode(), given)
    return keys
