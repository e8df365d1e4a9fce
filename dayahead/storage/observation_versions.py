"""Reads which version of given hours is current: what an arriving value has to compete with."""

from dataclasses import dataclass

import numpy as np
import psycopg
from numpy.typing import NDArray

from dayahead.hours import from_hour

CURRENT = """
    SELECT wanted.place, o.value, (extract(epoch FROM o.available_at) * 1000000)::bigint,
           (extract(epoch FROM coalesce(o.confirmed_at, o.available_at)) * 1000000)::bigint
    FROM unnest(%(keys)s::integer[], %(hours)s::bigint[]) WITH ORDINALITY AS wanted (series_key, hour, place)
    JOIN observation o
        ON o.series_key = wanted.series_key AND o.valid_time = to_timestamp(wanted.hour * 3600)
    WHERE o.valid_time BETWEEN %(first)s AND %(last)s
"""


@dataclass(frozen=True)
class CurrentVersions:
    """Current versions of hours side by side.

    Attributes:
        value: float64 [n], in the unit of the series; NaN where the hour is not known.
        available_us: int64 [n], when the value was published first, microseconds since 1970; 0 where it is not known.
        confirmed_us: int64 [n], when it was published last, without another value in between; no earlier than that.
    """

    value: NDArray[np.float64]
    available_us: NDArray[np.int64]
    confirmed_us: NDArray[np.int64]

    @classmethod
    def unknown(cls, count: int) -> "CurrentVersions":
        """Hours of which nothing is known."""
        return cls(np.full(count, np.nan), np.zeros(count, np.int64), np.zeros(count, np.int64))


def read_current_versions(
    connection: psycopg.Connection, series_keys: NDArray[np.int64], hours: NDArray[np.int64]
) -> CurrentVersions:
    """The current versions of given hours of given series.

    Args:
        connection: an open connection.
        series_keys: int64 [n].
        hours: int64 [n].
    """
    found = CurrentVersions.unknown(len(hours))
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
        if rows:
            place, value, available, confirmed = zip(*rows, strict=True)
            places = np.array(place, np.int64) - 1
            found.value[places], found.available_us[places], found.confirmed_us[places] = value, available, confirmed
    return found
