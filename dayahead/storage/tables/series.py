"""Table `series`: every series, its source, area, unit and partition."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from sys import intern
from typing import NamedTuple

import psycopg
from psycopg.types.json import Jsonb

from dayahead.series import labels_of, partition_of
from dayahead.storage.tables.source import RegisteredSource

PAGE = """
    SELECT series_key, series_id, unit FROM series
    WHERE (%(area)s::text IS NULL OR area = %(area)s)
      AND (%(after)s::text IS NULL OR series_id COLLATE "C" > %(after)s)
    ORDER BY series_id COLLATE "C" LIMIT %(limit)s
"""

# The likeliest id first.
FIRST_OF = """
    SELECT series_key, series_id, unit FROM series WHERE series_id = ANY(%(ids)s)
    ORDER BY array_position(%(ids)s, series_id) LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class RegisteredSeries:
    """A series and its key in the database; compact, since a worker holds one of each."""

    series_key: int
    series_id: str
    source_key: int
    area: str
    unit: str
    partition: int


class NamedSeries(NamedTuple):
    """The fields of a series that a request needs."""

    series_key: int
    series_id: str
    unit: str


def register_series(
    connection: psycopg.Connection,
    series_ids: Iterable[str],
    registered: RegisteredSource,
    partitions: int,
    now: datetime,
) -> dict[str, RegisteredSeries]:
    """Register series that are new; the caller commits.

    Args:
        connection: an open transaction.
        series_ids: ids of one source, each with as many labels as the source declares.
        registered: the source.
        partitions: partitions of `observations`.
        now: `first_seen` of the new ones.

    Returns:
        All of the given series, new or known, by id.

    Raises:
        ContractError: an id does not fit the labels that the source declares.
    """
    source = registered.source
    ids = sorted(set(series_ids))
    with connection.cursor() as cursor:
        cursor.executemany(
            """
            INSERT INTO series (series_id, source_key, labels, area, unit, partition, first_seen)
            VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (series_id) DO NOTHING
            """,
            [
                [
                    series_id,
                    registered.source_key,
                    Jsonb(labels := dict(labels_of(series_id, source.label_names))),
                    labels[source.area_label],
                    source.unit,
                    partition_of(series_id, partitions),
                    now,
                ]
                for series_id in ids
            ],
        )
    return {series.series_id: series for series in load_series(connection, series_ids=ids)}


def load_series(
    connection: psycopg.Connection, series_ids: list[str] | None = None, partition: int | None = None
) -> list[RegisteredSeries]:
    """Read registered series in the order of their keys: all, those with given ids, or those of one partition."""
    rows = connection.execute(
        """
        SELECT series_key, series_id, source_key, area, unit, partition FROM series
        WHERE (%(ids)s::text[] IS NULL OR series_id = ANY(%(ids)s))
          AND (%(partition)s::integer IS NULL OR partition = %(partition)s)
        ORDER BY series_key
        """,
        {"ids": series_ids, "partition": partition},
    ).fetchall()
    return [
        RegisteredSeries(key, series_id, source_key, intern(area), intern(unit), home)
        for key, series_id, source_key, area, unit, home in rows
    ]


def first_known(connection: psycopg.Connection, series_ids: Sequence[str]) -> NamedSeries | None:
    """Return the first of some ids that is registered; None where none is."""
    row = connection.execute(FIRST_OF, {"ids": list(series_ids)}).fetchone()
    return None if row is None else NamedSeries(*row)


def series_page(connection: psycopg.Connection, area: str | None, after: str | None, limit: int) -> list[NamedSeries]:
    """Read series in the order of their ids.

    Args:
        connection: an open connection.
        area: only this area; None for all.
        after: only ids after this one; None for all.
        limit: series at most.
    """
    rows = connection.execute(PAGE, {"area": area, "after": after, "limit": limit}).fetchall()
    return [NamedSeries(*row) for row in rows]


def known_ids(connection: psycopg.Connection, series_ids: Collection[str]) -> set[str]:
    """Select the ids that are registered."""
    rows = connection.execute("SELECT series_id FROM series WHERE series_id = ANY(%s)", [list(series_ids)])
    return {series_id for (series_id,) in rows}


def ids_of_other_sources(connection: psycopg.Connection, series_ids: Collection[str], source_key: int) -> set[str]:
    """Select the ids that belong to another source."""
    rows = connection.execute(
        "SELECT series_id FROM series WHERE series_id = ANY(%s) AND source_key <> %s", [list(series_ids), source_key]
    )
    return {series_id for (series_id,) in rows}


def ids_of_source(connection: psycopg.Connection, series_ids: Collection[str], source_key: int) -> set[str]:
    """Select the ids that belong to a source."""
    rows = connection.execute(
        "SELECT series_id FROM series WHERE series_id = ANY(%s) AND source_key = %s", [list(series_ids), source_key]
    )
    return {series_id for (series_id,) in rows}


def first_ids(connection: psycopg.Connection, limit: int) -> list[str]:
    """Read the ids of some series, in their order."""
    rows = connection.execute("SELECT series_id FROM series ORDER BY series_id LIMIT %s", [limit])
    return [series_id for (series_id,) in rows]


def random_ids(connection: psycopg.Connection, count: int) -> list[str]:
    """Read the ids of some random series."""
    rows = connection.execute("SELECT series_id FROM series ORDER BY random() LIMIT %s", [count])
    return [series_id for (series_id,) in rows]


def areas(connection: psycopg.Connection, limit: int | None = None) -> list[str]:
    """Read the areas that have series, in their order; None for no limit."""
    return [area for (area,) in connection.execute("SELECT DISTINCT area FROM series ORDER BY area LIMIT %s", [limit])]


def area_has_series(connection: psycopg.Connection, area: str) -> bool:
    """Check whether an area has series."""
    return connection.execute("SELECT FROM series WHERE area = %s LIMIT 1", [area]).fetchone() is not None


def source_keys_by_id(connection: psycopg.Connection) -> dict[str, int]:
    """Read the source of each series."""
    return dict(connection.execute("SELECT series_id, source_key FROM series").fetchall())


def source_keys_by_key(connection: psycopg.Connection, series_keys: Collection[int]) -> dict[int, int]:
    """Read the source of some series."""
    rows = connection.execute(
        "SELECT series_key, source_key FROM series WHERE series_key = ANY(%s)", [list(series_keys)]
    )
    return dict(rows.fetchall())


def ids_by_key(connection: psycopg.Connection, series_keys: Collection[int]) -> dict[int, str]:
    """Read the ids of some series."""
    rows = connection.execute(
        "SELECT series_key, series_id FROM series WHERE series_key = ANY(%s)", [list(series_keys)]
    )
    return dict(rows.fetchall())


def count_new_by_source(connection: psycopg.Connection, since: datetime) -> dict[int, int]:
    """Count the series of each source that were first seen after a moment; a source without any is left out."""
    rows = connection.execute(
        "SELECT source_key, count(*) FROM series WHERE first_seen > %s GROUP BY source_key", [since]
    )
    return dict(rows.fetchall())
