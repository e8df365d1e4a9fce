"""Table `forecast`: rows as arrays, written in a checkpoint, read to score or to publish them again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg.rows import kwargs_row

from dayahead.contracts import Rung
from dayahead.grouping import groups, numbered
from dayahead.horizon import DAY_LEADS, leads_before
from dayahead.hours import HOUR_S, HOUR_US, Hour, from_hour
from dayahead.storage.binary_copy import (
    POSTGRES_EPOCH_US,
    big_integers,
    hours,
    integers,
    moments,
    real_arrays,
    same_text,
    small_integers,
)
from dayahead.storage.copied_table import KeyedTable, TableColumn

COLUMNS = (
    TableColumn("series_key", integers, "series_key"),
    TableColumn("origin", hours, "origin"),
    TableColumn("issued_at", moments, "issued_us"),
    TableColumn("release", same_text, "release"),
    TableColumn("rung", small_integers, "rung"),
    TableColumn("reasons", integers, "reasons"),
    TableColumn("floor_days", integers, "floor_days"),
    TableColumn("p50", real_arrays, "p50"),
    TableColumn("p10", real_arrays, "p10"),
    TableColumn("p90", real_arrays, "p90"),
    TableColumn("message_offset", big_integers, "message_offset"),
)
FORECAST = KeyedTable("forecast", ("series_key", "origin"), COLUMNS)

VALUE = np.dtype([("size", ">i4"), ("value", ">f4")])

# One row for all forecasts of a release, each column as one block of bytes in the same order: neither the driver nor
# Python handles the forecasts one by one.
BLOCKS = """
    SELECT f.release, cardinality(f.p50) AS leads,
           string_agg(int4send(f.series_key), ''::bytea) AS series_key,
           string_agg(timestamptz_send(f.origin), ''::bytea) AS origin,
           string_agg(timestamptz_send(f.issued_at), ''::bytea) AS issued_at,
           string_agg(int2send(f.rung), ''::bytea) AS rung,
           string_agg(int4send(f.reasons), ''::bytea) AS reasons,
           string_agg(int4send(f.floor_days), ''::bytea) AS floor_days,
           string_agg(int8send(f.message_offset), ''::bytea) AS message_offset,
           string_agg(array_send(f.p50), ''::bytea) AS p50,
           string_agg(array_send(f.p10), ''::bytea) AS p10,
           string_agg(array_send(f.p90), ''::bytea) AS p90
    FROM ({chosen}) AS f GROUP BY f.release, cardinality(f.p50)
"""

# The origin stands there as one moment, so that one chunk is read, by the series that are wanted.
AT_ORIGIN = BLOCKS.format(
    chosen="SELECT * FROM forecast WHERE origin = %(origin)s AND series_key = ANY(%(keys)s::integer[])"
)

# Of each forecast the 24 leads of one day of the horizon: a long horizon is not read whole to score a day.
DAY_AT_ORIGIN = BLOCKS.format(
    chosen="""
    SELECT series_key, origin, issued_at, release, rung, reasons, floor_days, message_offset,
           p50[%(first)s:%(last)s] AS p50, p10[%(first)s:%(last)s] AS p10, p90[%(first)s:%(last)s] AS p90
    FROM forecast
    WHERE origin = %(origin)s AND series_key = ANY(%(keys)s::integer[]) AND cardinality(p50) >= %(last)s
"""
)

UNCONFIRMED = BLOCKS.format(
    chosen="""
    SELECT * FROM forecast
    WHERE message_offset >= %(published)s AND origin >= %(first)s AND series_key = ANY(%(keys)s::integer[])
"""
)

NEWEST = BLOCKS.format(
    chosen="""
    SELECT found.* FROM unnest(%(keys)s::integer[]) AS wanted (series_key)
    CROSS JOIN LATERAL (
        SELECT * FROM forecast WHERE forecast.series_key = wanted.series_key ORDER BY origin DESC LIMIT 1
    ) AS found
"""
)

_WITH_SERIES = """
    series.series_id, forecast.origin, forecast.issued_at, forecast.release, forecast.rung, forecast.reasons,
    forecast.floor_days, forecast.p50, forecast.p10, forecast.p90, series.unit
"""

# What a later issue of the same origin replaced counts only where a past moment is asked for.
ONE = f"""
    SELECT {_WITH_SERIES} FROM (
        (SELECT {FORECAST.names} FROM forecast
         WHERE series_key = %(key)s
           AND (%(as_of)s::timestamptz IS NULL OR issued_at <= %(as_of)s)
           AND (%(origin)s::timestamptz IS NULL OR origin = %(origin)s)
         ORDER BY origin DESC LIMIT 1)
        UNION ALL
        (SELECT {FORECAST.names} FROM forecast_superseded
         WHERE series_key = %(key)s AND issued_at <= %(as_of)s::timestamptz
           AND (%(origin)s::timestamptz IS NULL OR origin = %(origin)s)
         ORDER BY origin DESC, issued_at DESC LIMIT 1)
    ) AS forecast JOIN series USING (series_key)
    ORDER BY origin DESC, issued_at DESC LIMIT 1
"""  # noqa: S608 - fixed text

NEAREST = """
    (SELECT origin FROM forecast WHERE series_key = %(key)s AND origin < %(origin)s ORDER BY origin DESC LIMIT 1)
    UNION ALL
    (SELECT origin FROM forecast WHERE series_key = %(key)s AND origin > %(origin)s ORDER BY origin LIMIT 1)
"""

LAST_BY = "SELECT max(origin) FROM forecast WHERE series_key = %s AND origin <= %s"

NEWEST_STORED = f"""
    SELECT {_WITH_SERIES} FROM series
    CROSS JOIN LATERAL (
        SELECT * FROM forecast WHERE forecast.series_key = series.series_key ORDER BY origin DESC LIMIT 1
    ) AS forecast
    WHERE series.series_id = ANY(%(ids)s)
"""  # noqa: S608

# Of the origins within a range, any.
RANDOM_ORIGIN = """
    SELECT extract(epoch FROM origin)::bigint / 3600 FROM forecast
    WHERE series_key = %s AND release = %s AND origin >= to_timestamp(%s) AND origin < to_timestamp(%s)
    ORDER BY random() LIMIT 1
"""


@dataclass(frozen=True)
class ForecastRows:
    """Forecasts as columns.

    Attributes:
        series_key: int64 [n].
        origin: int64 [n], hours.
        issued_us: int64 [n], microseconds since 1970.
        release: object [n], id of the release or None.
        rung: int8 [n], of day 1 of the horizon.
        reasons: int32 [n], flags of `dayahead.contracts.Reason`.
        floor_days: int32 [n], bit d - 1 is set where a model forecast day 1 and the profile forecast day d.
        message_offset: int64 [n], of the message in `observations` that caused each.
        leads: int16 [n], hours that each forecast holds, 0 on rung 5.
        p50: float32 [n, most leads] by lead, in the unit of the series; NaN beyond the leads; p10 and p90 the same.
    """

    series_key: NDArray[np.int64]
    origin: NDArray[np.int64]
    issued_us: NDArray[np.int64]
    release: NDArray[np.object_]
    rung: NDArray[np.int8]
    reasons: NDArray[np.int32]
    floor_days: NDArray[np.int32]
    message_offset: NDArray[np.int64]
    leads: NDArray[np.int16]
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
            return _NONE
        widest = max(part.p50.shape[1] for part in parts)
        columns = [{name: _widened(column, widest) for name, column in vars(part).items()} for part in parts]
        return cls(**{name: np.concatenate([part[name] for part in columns]) for name in columns[0]})

    def of_day(self, day: int) -> "ForecastRows":
        """The 24 leads of a day of the horizon, of the rows that hold all of them.

        Rung and release become those of the day: 3 and none where the profile forecast it.
        """
        rows = self.take(self.leads >= leads_before(day + 1))
        columns = slice(leads_before(day), leads_before(day + 1))
        return replace(rows, p50=rows.p50[:, columns], p10=rows.p10[:, columns], p90=rows.p90[:, columns])._as_forecast(
            day
        )

    def _as_forecast(self, day: int) -> "ForecastRows":
        """The rows of a day with the rung and the release that forecast it."""
        by_profile = (self.floor_days >> (day - 1) & 1).astype(np.bool_)
        release = self.release.copy()
        release[by_profile] = None
        return replace(
            self,
            rung=np.where(by_profile, np.int8(Rung.PROFILE), self.rung),
            release=release,
            leads=np.full(len(self), DAY_LEADS, np.int16),
        )

    def of_leads(self, leads: int) -> "ForecastRows":
        """The rows that hold so many leads, without columns beyond them."""
        rows = self.take(self.leads == leads)
        return replace(rows, p50=rows.p50[:, :leads], p10=rows.p10[:, :leads], p90=rows.p90[:, :leads])


def _widened(column: NDArray[Any], leads: int) -> NDArray[Any]:
    """Add columns of NaN to an array by lead."""
    if column.ndim == 1 or column.shape[1] == leads:
        return column
    return np.pad(column, ((0, 0), (0, leads - column.shape[1])), constant_values=np.nan)


def _no_rows() -> ForecastRows:
    none, no_values = np.empty(0, np.int64), np.empty((0, 0), np.float32)
    return ForecastRows(
        series_key=none,
        origin=none,
        issued_us=none,
        release=np.empty(0, object),
        rung=np.empty(0, np.int8),
        reasons=np.empty(0, np.int32),
        floor_days=np.empty(0, np.int32),
        message_offset=none,
        leads=np.empty(0, np.int16),
        p50=no_values,
        p10=no_values,
        p90=no_values,
    )


_NONE = _no_rows()


def write_new_forecasts(cursor: psycopg.Cursor, rows: ForecastRows) -> None:
    """Write forecasts that the table cannot have yet.

    Args:
        cursor: of an open transaction.
        rows: each series and origin once.
    """
    FORECAST.copy_new(cursor, _parts(rows))


def copy_forecasts(cursor: psycopg.Cursor, rows: ForecastRows) -> bool:
    """Copy forecasts that may be there into `incoming_forecast`.

    Args:
        cursor: of an open transaction.
        rows: each series and origin once.

    Returns:
        Whether there are any: `replace_forecasts` inserts or replaces them.
    """
    return FORECAST.copy_incoming(cursor, _parts(rows)) > 0


def replace_forecasts(cursor: psycopg.Cursor) -> None:
    """Insert or replace the forecasts from `incoming_forecast`."""
    FORECAST.upsert_incoming(cursor)


def _parts(rows: ForecastRows) -> list[ForecastRows]:
    """Split the rows by release and number of leads: text and arrays of a block are alike."""
    _, release = numbered(rows.release.tolist())
    return [
        rows.take(here).of_leads(leads)
        for _, here in groups(release)
        for leads, _ in groups(rows.leads[here].astype(np.int64))
    ]


def read_forecasts(
    connection: psycopg.Connection, series_keys: NDArray[np.int64], origins: NDArray[np.int64]
) -> ForecastRows:
    """Read the forecasts of given series at given origins, as far as they exist, in no order.

    Args:
        connection: an open connection.
        series_keys: int64 [n].
        origins: int64 [n], hours.
    """
    parts = []
    # The hours of a batch mature the forecasts of few origins, mostly of one.
    for origin, rows in groups(origins):
        keys = series_keys[rows].tolist()
        parts.append(_fetch(connection, AT_ORIGIN, {"origin": from_hour(origin), "keys": keys}))
    return ForecastRows.joined(parts)


def read_day_forecasts(
    connection: psycopg.Connection, day: int, series_keys: NDArray[np.int64], origins: NDArray[np.int64]
) -> ForecastRows:
    """Read one day of the forecasts of given series at given origins, as far as they hold it, in no order.

    Args:
        connection: an open connection.
        day: of the horizon.
        series_keys: int64 [n].
        origins: int64 [n], hours.

    Returns:
        The 24 leads of the day, with its rung and release; see `ForecastRows.of_day`.
    """
    span = {"first": leads_before(day) + 1, "last": leads_before(day + 1)}
    parts = []
    for origin, rows in groups(origins):
        keys = series_keys[rows].tolist()
        parts.append(_fetch(connection, DAY_AT_ORIGIN, {"origin": from_hour(origin), "keys": keys, **span}))
    return ForecastRows.joined(parts)._as_forecast(day)


def read_unconfirmed(
    connection: psycopg.Connection, series_keys: NDArray[np.int64], published_offset: int, first_origin: Hour
) -> ForecastRows:
    """Read forecasts that may not have reached Redis and Kafka, oldest origin first.

    Args:
        connection: an open connection.
        series_keys: int64 [n], the series of the partition.
        published_offset: those of messages before this one are confirmed.
        first_origin: no unconfirmed one has an older origin.
    """
    rows = _fetch(
        connection,
        UNCONFIRMED,
        {"published": published_offset, "first": from_hour(first_origin), "keys": series_keys.tolist()},
    )
    return rows.take(np.lexsort([rows.series_key, rows.origin]))


def read_newest_forecasts(connection: psycopg.Connection, series_keys: NDArray[np.int64]) -> ForecastRows:
    """Read the forecast with the newest origin of each series that has one, in no order."""
    return _fetch(connection, NEWEST, {"keys": series_keys.tolist()})


def _fetch(connection: psycopg.Connection, statement: str, parameters: dict[str, Any]) -> ForecastRows:
    with connection.cursor(binary=True, row_factory=kwargs_row(_rows)) as cursor:
        # not prepared: a statement that knows its origin reads one chunk
        return ForecastRows.joined(cursor.execute(statement.encode(), parameters, prepare=False).fetchall())


def _rows(
    *,
    release: str | None,
    leads: int,
    series_key: bytes,
    origin: bytes,
    issued_at: bytes,
    rung: bytes,
    reasons: bytes,
    floor_days: bytes,
    message_offset: bytes,
    p50: bytes,
    p10: bytes,
    p90: bytes,
) -> ForecastRows:
    """The forecasts of a block; `leads` is 0 where they are on rung 5 and their arrays are empty."""
    keys = np.frombuffer(series_key, ">i4").astype(np.int64)
    return ForecastRows(
        series_key=keys,
        origin=(np.frombuffer(origin, ">i8").astype(np.int64) + POSTGRES_EPOCH_US) // HOUR_US,
        issued_us=np.frombuffer(issued_at, ">i8").astype(np.int64) + POSTGRES_EPOCH_US,
        release=np.full(len(keys), release, object),
        rung=np.frombuffer(rung, ">i2").astype(np.int8),
        reasons=np.frombuffer(reasons, ">i4").astype(np.int32),
        floor_days=np.frombuffer(floor_days, ">i4").astype(np.int32),
        message_offset=np.frombuffer(message_offset, ">i8").astype(np.int64),
        leads=np.full(len(keys), leads, np.int16),
        p50=_reals(p50, len(keys), leads),
        p10=_reals(p10, len(keys), leads),
        p90=_reals(p90, len(keys), leads),
    )


def _reals(arrays: bytes, count: int, leads: int) -> NDArray[np.float32]:
    if not leads:
        return np.empty((count, 0), np.float32)
    # real[] as PostgreSQL sends it: a head, then a length and a value for each element
    full = np.dtype([("head", "V20"), ("values", VALUE, (leads,))])
    values: NDArray[np.float32] = np.frombuffer(arrays, full)["values"]["value"].astype(np.float32)
    return values


@dataclass(frozen=True)
class StoredForecast:
    """A row of table `forecast` with the text that belongs to its series.

    Attributes:
        origin: start of the last observed hour that the forecast uses.
        issued_at: when it was computed, to the microsecond.
        release: model release, None where no model made it.
        rung: 0 to 5, of day 1 of the horizon.
        reasons: flags of `Reason`.
        floor_days: bit d - 1 is set where a model forecast day 1 and the profile forecast day d.
        p50: float32 [leads] by lead, in `unit`; empty on rung 5, and so are p10 and p90.
    """

    series_id: str
    origin: datetime
    issued_at: datetime
    release: str | None
    rung: int
    reasons: int
    floor_days: int
    p50: NDArray[np.float32]
    p10: NDArray[np.float32]
    p90: NDArray[np.float32]
    unit: str


def message_offset(
    connection: psycopg.Connection, series_key: int, origin: datetime, issued_at: datetime
) -> int | None:
    """Read the offset of the message that caused a forecast, also of one that was replaced; None where it is gone."""
    row = connection.execute(
        """
        SELECT message_offset FROM forecast
        WHERE series_key = %(key)s AND origin = %(origin)s AND issued_at = %(issued)s
        UNION ALL
        SELECT message_offset FROM forecast_superseded
        WHERE series_key = %(key)s AND origin = %(origin)s AND issued_at = %(issued)s
        LIMIT 1
        """,
        {"key": series_key, "origin": origin, "issued": issued_at},
    ).fetchone()
    return None if row is None else row[0]


def stored_forecast(
    connection: psycopg.Connection, series_key: int, as_of: datetime | None = None, origin: datetime | None = None
) -> StoredForecast | None:
    """Read the newest forecast of a series; None where there is none.

    Args:
        connection: an open connection.
        series_key: the series.
        as_of: only forecasts that were issued by this moment.
        origin: only the one of this origin.
    """
    found = _fetch_stored(connection, ONE, {"key": series_key, "as_of": as_of, "origin": origin})
    return found[0] if found else None


def newest_stored_forecasts(connection: psycopg.Connection, series_ids: Sequence[str]) -> list[StoredForecast]:
    """Read the newest forecast of each of some series that has one, in no order."""
    return _fetch_stored(connection, NEWEST_STORED, {"ids": list(series_ids)})


def _fetch_stored(
    connection: psycopg.Connection, statement: str, parameters: Mapping[str, object]
) -> list[StoredForecast]:
    with connection.cursor(binary=True, row_factory=kwargs_row(_stored)) as cursor:
        return cursor.execute(statement.encode(), parameters).fetchall()


def _stored(*, p50: list[float], p10: list[float], p90: list[float], **facts: Any) -> StoredForecast:
    return StoredForecast(
        p50=np.asarray(p50, np.float32), p10=np.asarray(p10, np.float32), p90=np.asarray(p90, np.float32), **facts
    )


def nearest_origins(connection: psycopg.Connection, series_key: int, origin: datetime) -> list[datetime]:
    """Read the last origin before a moment that has a forecast, and the first after it, as far as they exist."""
    return [near for (near,) in connection.execute(NEAREST, {"key": series_key, "origin": origin}).fetchall()]


def last_origin(connection: psycopg.Connection, series_key: int, by: datetime) -> datetime | None:
    """Read the last origin up to a moment that has a forecast; None where there is none."""
    row = connection.execute(LAST_BY, [series_key, by]).fetchone()
    return None if row is None else row[0]


def oldest_forecast(connection: psycopg.Connection, series_key: int) -> tuple[datetime, datetime] | None:
    """Origin and `issued_at` of the oldest forecast kept of a series; None where there is none."""
    query = "SELECT origin, issued_at FROM forecast WHERE series_key = %s ORDER BY origin LIMIT 1"
    return connection.execute(query, [series_key]).fetchone()


def has_forecast(connection: psycopg.Connection, series_key: int, origin: datetime) -> bool:
    """Whether a forecast of a series was made at an origin."""
    query = "SELECT FROM forecast WHERE series_key = %s AND origin = %s"
    return connection.execute(query, [series_key, origin]).fetchone() is not None


def random_origin(
    connection: psycopg.Connection, series_key: int, release: str | None, start: Hour, end: Hour
) -> Hour | None:
    """Read a random origin of a forecast that a release made; None where there is none.

    Args:
        connection: an open connection.
        series_key: the series.
        release: the release.
        start: first origin.
        end: hour after the last origin.
    """
    row = connection.execute(RANDOM_ORIGIN, [series_key, release, start * HOUR_S, end * HOUR_S]).fetchone()
    return None if row is None else row[0]
