"""Reads which version of given hours is current: what an arriving value has to compete with."""

import numpy as np
import psycopg
from numpy.typing import NDArray

from dayahead.hours import from_hour

CURRENT = """
    SELECT wanted.place, o.value, (extract(epoch FROM o.available_at) * 1000000)::bigint
    FROM unnest(%(keys)s::integer[], %(hours)s::bigint[]) WITH ORDINALITY AS wanted (series_key, hour, place)
    JOIN observation o
        ON o.series_key = wanted.series_key AND o.valid_time = to_timestamp(wanted.hour * 3600)
    WHERE o.valid_time BETWEEN %(first)s AND %(last)s
"""


def read_current_versions(
    connection: psycopg.Connection, series_keys: NDArray[np.int64], hours: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The current versions of given hours of given series.

    Args:
        connection: an open connection.
        series_keys: int64 [n].
        hours: int64 [n].

    Returns:
        float64 [n], values, NaN where nothing is known; int64 [n], when they were published, microseconds since 1970.
    """
    values, available = np.full(len(hours), np.nan), np.zeros(len(hours), np.int64)
    if len(hours):
        parameters = {
            "keys": series_keys.tolist(),
            "hours": hours.tolist(),
            # stated so that chunks are left out when the statement is planned
            "first": from_hour(int(hours.min())),
            "last": from_hour(int(hours.max())),
        }
        with connection.cursor(binary=True) as cursor:
            rows = cursor.execute(CURRENT, parameters).fetchall()
        for place, value, moment in rows:
            values[place - 1], available[place - 1] = value, moment
    return values, available
