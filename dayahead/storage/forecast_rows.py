"""Rows of table `forecast` as arrays: read back to be scored, or to be published again."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray

from dayahead.contracts import LEADS
from dayahead.hours import HOUR_S, Hour, from_hour

ARRAY_HEAD_BYTES = 20
EMPTY_ARRAY_BYTES = 12

# S608: the statements below are put together from constants of this file alone
FIELDS = """
    f.series_key, extract(epoch FROM f.origin)::bigint, (extract(epoch FROM f.issued_at) * 1000000)::bigint,
    f.release, f.rung, f.reasons, f.message_offset, array_send(f.p50), array_send(f.p10), array_send(f.p90)
"""

BY_ORIGIN = f"""
    SELECT {FIELDS}
    FROM unnest(%(keys)s::integer[], %(origins)s::timestamptz[]) AS wanted (series_key, origin)
    JOIN forecast f USING (series_key, origin)
    WHERE f.origin BETWEEN %(first)s AND %(last)s
"""  # noqa: S608

UNCONFIRMED = f"""
    SELECT {FIELDS} FROM forecast f
    WHERE f.message_offset >= %(published)s AND f.origin >= %(first)s AND f.series_key = ANY(%(keys)s)
    ORDER BY f.origin, f.series_key
"""  # noqa: S608

NEWEST = f"""
    SELECT {FIELDS} FROM unnest(%(keys)s::integer[]) AS wanted (series_key)
    CROSS JOIN LATERAL (
        SELECT * FROM forecast WHERE forecast.series_key = wanted.series_key ORDER BY origin DESC LIMIT 1
    ) AS f
"""  # noqa: S608


@dataclass(frozen=True)
class ForecastRows:
    """Forecasts side by side.

    Attributes:
        series_key: int64 [n].
        origin: int64 [n], hours.
        issued_us: int64 [n], microseconds since 1970.
        release: object [n], id of the release or None.
        rung: int8 [n].
        reasons: int32 [n], flags of `dayahead.contracts.Reason`.
        message_offset: int64 [n], of the message in `observations` that made each.
        p50: float32 [n, 24] by lead, in the unit of the series; NaN on rung 5. Likewise p10 and p90.
    """

    series_key: NDArray[np.int64]
    origin: NDArray[np.int64]
    issued_us: NDArray[np.int64]
    release: NDArray[np.object_]
    rung: NDArray[np.int8]
    reasons: NDArray[np.int32]
    message_offset: NDArray[np.int64]
    p50: NDArray[np.float32]
    p10: NDArray[np.float32]
    p90: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.series_key)

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> "ForecastRows":
        """Some of the rows."""
        return ForecastRows(**{name: column[rows] for name, column in vars(self).items()})

    @classmethod
    def joined(cls, parts: Sequence["ForecastRows"]) -> "ForecastRows":
        """The rows of several, one after the other."""
        if not parts:
            return _rows([])
        return cls(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in vars(parts[0])})


def read_forecasts(
    connection: psycopg.Connection, series_keys: NDArray[np.int64], origins: NDArray[np.int64]
) -> ForecastRows:
    """The forecasts of given series at given origins, as far as there are any, in no order.

    Args:
        connection: an open connection.
        series_keys: int64 [n].
        origins: int64 [n], hours.
    """
    if not len(series_keys):
        return _rows([])
    return _fetch(
        connection,
        BY_ORIGIN,
        {
            "keys": series_keys.tolist(),
            "origins": [from_hour(hour) for hour in origins.tolist()],
            # stated so that chunks are left out when the statement is planned
            "first": from_hour(int(origins.min())),
            "last": from_hour(int(origins.max())),
        },
    )


def read_unconfirmed(
    connection: psycopg.Connection, series_keys: NDArray[np.int64], published_offset: int, first_origin: Hour
) -> ForecastRows:
    """Forecasts that may not have reached Redis and Kafka, oldest origin first.

    Args:
        connection: an open connection.
        series_keys: int64 [n], the series of the partition.
        published_offset: those of messages before this one are confirmed.
        first_origin: no unconfirmed one has an older origin.
    """
    return _fetch(
        connection,
        UNCONFIRMED,
        {"published": published_offset, "first": from_hour(first_origin), "keys": series_keys.tolist()},
    )


def read_newest_forecasts(connection: psycopg.Connection, series_keys: NDArray[np.int64]) -> ForecastRows:
    """The forecast with the newest origin of each series that has one."""
    return _fetch(connection, NEWEST, {"keys": series_keys.tolist()})


def _fetch(connection: psycopg.Connection, statement: str, parameters: dict[str, Any]) -> ForecastRows:
    with connection.cursor(binary=True) as cursor:
        return _rows(cursor.execute(statement.encode(), parameters).fetchall())


def _rows(rows: Sequence[Sequence[Any]]) -> ForecastRows:
    columns = list(zip(*rows, strict=True)) if rows else [()] * 10
    release = np.empty(len(rows), object)
    release[:] = columns[3]
    return ForecastRows(
        series_key=np.array(columns[0], np.int64),
        origin=np.array(columns[1], np.int64) // HOUR_S,
        issued_us=np.array(columns[2], np.int64),
        release=release,
        rung=np.array(columns[4], np.int8),
        reasons=np.array(columns[5], np.int32),
        message_offset=np.array(columns[6], np.int64),
        p50=_reals(columns[7]),
        p10=_reals(columns[8]),
        p90=_reals(columns[9]),
    )


def _reals(arrays: Sequence[bytes]) -> NDArray[np.float32]:
    """real[] as PostgreSQL sends it: a head of 20 bytes, then a length and a value for each element."""
    values = np.full((len(arrays), LEADS), np.nan, np.float32)
    full = [index for index, array in enumerate(arrays) if len(array) > EMPTY_ARRAY_BYTES]
    if full:
        raw = np.frombuffer(b"".join(arrays[index][ARRAY_HEAD_BYTES:] for index in full), ">f4")
        values[full] = raw.reshape(len(full), LEADS, 2)[:, :, 1]
    return values
