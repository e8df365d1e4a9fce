"""Table `weather_run`: publications of weather, each once, with when it was available and when it was recorded."""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from hashlib import sha256
from typing import Any
from uuid import UUID

import numpy as np
import psycopg
from numpy.typing import NDArray

from dayahead.hours import Hour, from_hour, from_microseconds, to_hour, to_microseconds
from dayahead.weather.values import Variable, WeatherKind, WeatherValues

COLUMNS = (
    "run.source, run.location, run.variable, run.kind, run.start, run.available_at, run.first_hour,"
    " array_send(run.values), run.recorded_at"
)
"""What `run_of` makes a publication of, of `weather_run AS run`."""

WRITE = """
    INSERT INTO weather_run
        (run_id, source, location, variable, kind, start, available_at, first_hour, ends_at, values, recorded_at)
    VALUES (%(run_id)s, %(source)s, %(location)s, %(variable)s, %(kind)s, %(start)s, %(available_at)s, %(first_hour)s,
            %(ends_at)s, %(values)s::real[], %(recorded_at)s)
    ON CONFLICT (run_id) DO NOTHING
"""

OF_LOCATIONS = f"""
    SELECT {COLUMNS} FROM weather_run AS run
    WHERE run.source = %(source)s AND run.location = ANY(%(locations)s) AND run.variable = %(variable)s
      AND run.ends_at > %(first)s AND run.first_hour < %(end)s
      AND (%(available_by)s::timestamptz IS NULL OR run.available_at <= %(available_by)s)
      AND (%(recorded_by)s::timestamptz IS NULL OR run.recorded_at <= %(recorded_by)s)
    ORDER BY run.location, run.start, run.available_at, run.first_hour, run.run_id
"""  # noqa: S608 - the names are the code's own

NEWEST = f"""
    SELECT DISTINCT ON (run.location) {COLUMNS} FROM weather_run AS run
    WHERE run.source = %(source)s AND run.location = ANY(%(locations)s) AND run.variable = %(variable)s
      AND run.kind = 'run' AND (%(available_by)s::timestamptz IS NULL OR run.available_at <= %(available_by)s)
    ORDER BY run.location, run.start DESC, run.available_at DESC, run.run_id
"""  # noqa: S608 - the names are the code's own

# A publication that a partition still knows stays, whatever its age: `weather_arrival` goes first.
DELETE_OLD = """
    DELETE FROM weather_run WHERE run_id IN (
        SELECT run.run_id FROM weather_run AS run
        JOIN (
            SELECT source, location, least(max(start), %(now)s) AS newest FROM weather_run GROUP BY source, location
        ) AS place USING (source, location)
        WHERE run.ends_at < place.newest - %(kept)s
          AND NOT EXISTS (SELECT FROM weather_arrival WHERE weather_arrival.run_id = run.run_id)
        LIMIT %(limit)s
    )
"""

_ARRAY_HEAD = 20
"""Bytes of PostgreSQL's binary form of an array of one dimension before its elements."""

_ELEMENT = np.dtype([("size", ">i4"), ("value", ">f4")])


@dataclass(frozen=True)
class WeatherRun:
    """A publication of one location and variable, as a weather source made it.

    Attributes:
        source: name of the weather source.
        values: the publication.
        recorded_at: when the tables learnt it; None where it is not recorded yet.
    """

    source: str
    values: WeatherValues
    recorded_at: datetime | None = None

    @cached_property
    def run_id(self) -> UUID:
        """Hash of everything that the publication says."""
        one = self.values
        named = "\0".join((self.source, one.location, one.variable, one.kind)).encode()
        numbers = struct.pack("<qqqq", len(named), one.start, one.available_us, one.first)
        return UUID(bytes=sha256(numbers + named + one.values.astype("<f4").tobytes()).digest()[:16])


def write_runs(cursor: psycopg.Cursor, runs: Iterable[WeatherRun], now: datetime) -> None:
    """Write publications; those that are there already stay as they are.

    Args:
        cursor: of an open transaction.
        runs: to write.
        now: when they are recorded.
    """
    # in one order everywhere: two partitions that write the same publications must not wait for each other
    ordered = sorted({run.run_id: run for run in runs}.items())
    if ordered:
        cursor.executemany(WRITE, [_row(run_id, run, now) for run_id, run in ordered])


def read_runs(
    connection: psycopg.Connection,
    source: str,
    locations: Sequence[str],
    first: Hour,
    end: Hour,
    *,
    variable: Variable = Variable.TEMPERATURE,
    available_by: datetime | None = None,
    recorded_by: datetime | None = None,
) -> list[WeatherRun]:
    """Read all publications of locations that have hours in a range, by location, start and availability.

    Args:
        connection: an open connection.
        source: name of the weather source.
        locations: whose weather is read.
        first: first hour of the range.
        end: hour after its last.
        variable: which values.
        available_by: only what its source had published by this moment; None for all.
        recorded_by: only what the tables knew by this moment; None for all.
    """
    given = {
        "source": source,
        "locations": list(locations),
        "variable": variable.value,
        "first": from_hour(first),
        "end": from_hour(end),
        "available_by": available_by,
        "recorded_by": recorded_by,
    }
    return [run_of(row) for row in connection.execute(OF_LOCATIONS.encode(), given)]


@dataclass(frozen=True)
class StoredWeather:
    """What is stored of one location, variable and kind.

    Attributes:
        location: name of the location in its weather source.
        variable: what the values are.
        kind: `run` or `observed`.
        publications: how many.
        first: start of the first hour.
        end: end of the last hour.
        newest_start: start of the newest run.
    """

    location: str
    variable: str
    kind: str
    publications: int
    first: datetime
    end: datetime
    newest_start: datetime


def stored_weather(connection: psycopg.Connection, source: str) -> list[StoredWeather]:
    """Read what is stored of a weather source, by location, variable and kind."""
    rows = connection.execute(
        """
        SELECT location, variable, kind, count(*), min(first_hour), max(ends_at), max(start)
        FROM weather_run WHERE source = %s GROUP BY location, variable, kind ORDER BY location, variable, kind
        """,
        [source],
    )
    return [StoredWeather(*row) for row in rows]


def newest_runs(
    connection: psycopg.Connection,
    source: str,
    locations: Sequence[str],
    *,
    variable: Variable = Variable.TEMPERATURE,
    available_by: datetime | None = None,
) -> list[WeatherRun]:
    """Read the newest run of each location by its start; of a location without any run none.

    Args:
        connection: an open connection.
        source: name of the weather source.
        locations: whose runs are read.
        variable: which values.
        available_by: only what its source had published by this moment; None for all.
    """
    given = {
        "source": source,
        "locations": list(locations),
        "variable": variable.value,
        "available_by": available_by,
    }
    return [run_of(row) for row in connection.execute(NEWEST.encode(), given)]


def delete_old_runs(connection: psycopg.Connection, kept: timedelta, now: datetime, limit: int) -> int:
    """Delete publications that end longer ago than `kept` before the newest of their location; return their number.

    Args:
        connection: of the owner.
        kept: age that is kept.
        now: the present moment: a run of the future makes no other run old.
        limit: the most that are deleted.
    """
    return connection.execute(DELETE_OLD, {"kept": kept, "now": now, "limit": limit}).rowcount


def run_of(row: Sequence[Any]) -> WeatherRun:
    """Make a publication of the columns `COLUMNS`."""
    source, location, variable, kind, start, available_at, first_hour, values, recorded_at = row
    published = WeatherValues(
        location=location,
        variable=Variable(variable),
        kind=WeatherKind(kind),
        start=to_hour(start),
        available_us=to_microseconds(available_at),
        first=to_hour(first_hour),
        values=_reals(values),
    )
    return WeatherRun(source, published, recorded_at)


def _reals(sent: bytes) -> NDArray[np.float32]:
    """The elements of an array of type real as `array_send` gives it, none of them NULL: float32 [n]."""
    return np.frombuffer(sent, _ELEMENT, offset=_ARRAY_HEAD)["value"].astype(np.float32)


def _row(run_id: UUID, run: WeatherRun, now: datetime) -> dict[str, object]:
    one = run.values
    return {
        "run_id": run_id,
        "source": run.source,
        "location": one.location,
        "variable": one.variable.value,
        "kind": one.kind.value,
        "start": from_hour(one.start),
        "available_at": from_microseconds(one.available_us),
        "first_hour": from_hour(one.first),
        "ends_at": from_hour(one.end),
        "values": one.values.tolist(),
        "recorded_at": now,
    }
