"""Sources and their series in TimescaleDB."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from sys import intern

import psycopg
from psycopg.types.json import Jsonb

from dayahead.series import labels_of, partition_of
from dayahead.source import Source


@dataclass(frozen=True)
class RegisteredSource:
    """A source and its key inside the database."""

    source_key: int
    source: Source


@dataclass(frozen=True, slots=True)
class RegisteredSeries:
    """A series and its key inside the database; as small as can be, since a worker holds one of each."""

    series_key: int
    series_id: str
    source_key: int
    area: str
    unit: str
    partition: int


def register_source(connection: psycopg.Connection, source: Source) -> RegisteredSource:
    """Make a source known, or renew its definition; the caller commits."""
    definition = Jsonb(source.model_dump(mode="json", exclude_defaults=True))
    row = connection.execute(
        """
        INSERT INTO source (name, definition) VALUES (%s, %s)
        ON CONFLICT (name) DO UPDATE SET definition = excluded.definition, updated_at = now()
        RETURNING source_key
        """,
        [source.name, definition],
    ).fetchone()
    assert row is not None
    return RegisteredSource(row[0], source)


def load_sources(connection: psycopg.Connection) -> dict[str, RegisteredSource]:
    """Every registered source by its name."""
    rows = connection.execute("SELECT source_key, name, definition FROM source").fetchall()
    return {name: RegisteredSource(key, Source.model_validate(definition)) for key, name, definition in rows}


def sources_version(connection: psycopg.Connection) -> tuple[int, datetime | None]:
    """Changes whenever a source is registered, also one that is known."""
    row = connection.execute("SELECT count(*), max(updated_at) FROM source").fetchone()
    assert row is not None
    return row[0], row[1]


def register_series(
    connection: psycopg.Connection,
    series_ids: Iterable[str],
    registered: RegisteredSource,
    partitions: int,
    now: datetime,
) -> dict[str, RegisteredSeries]:
    """Give keys to series that were not seen before; the caller commits.

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
    """Registered series in the order of their keys: all, those with given ids, or those of one partition."""
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


@dataclass(frozen=True)
class SourceSeries:
    """How many series a registered source has.

    Attributes:
        name: of the source.
        kind: how it is read.
        series: all of its series.
        new_series: those that were seen first within the last day.
        newest: newest observed hour, None where it has none.
    """

    name: str
    kind: str
    series: int
    new_series: int
    newest: datetime | None


def series_by_source(connection: psycopg.Connection, now: datetime) -> list[SourceSeries]:
    """Every registered source with the number of its series, by name."""
    rows = connection.execute(
        """
        SELECT name, definition->>'kind', count(series_key),
               count(series_key) FILTER (WHERE first_seen > %(now)s - INTERVAL '1 day'),
               (SELECT max(valid_time) FROM observation JOIN series AS own USING (series_key)
                WHERE own.source_key = source.source_key)
        FROM source LEFT JOIN series USING (source_key)
        GROUP BY source_key ORDER BY name
        """,
        {"now": now},
    )
    return [SourceSeries(*row) for row in rows]
