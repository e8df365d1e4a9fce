"""Table `source`: the sources as last registered."""

from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

import psycopg
from psycopg.types.json import Jsonb

from dayahead.errors import SettingsError
from dayahead.source import Source


@dataclass(frozen=True)
class RegisteredSource:
    """A source and its key in the database.

    Attributes:
        removed_at: when `dayahead sources remove` was called; None while the source is wanted.
    """

    source_key: int
    source: Source
    removed_at: datetime | None = None


def register_source(connection: psycopg.Connection, source: Source) -> RegisteredSource:
    """Register a source, or replace its definition; one that was removed is wanted again. The caller commits.

    Raises:
        SettingsError: a source of observed values would become a reference, or the other way round.
    """
    definition = Jsonb(source.model_dump(mode="json", exclude_defaults=True))
    row = connection.execute(
        """
        INSERT INTO source (name, definition) VALUES (%s, %s)
        ON CONFLICT (name) DO UPDATE SET definition = excluded.definition, updated_at = now(), removed_at = NULL
        WHERE (source.definition ? 'forecast_of') = (excluded.definition ? 'forecast_of')
           OR NOT EXISTS (SELECT FROM series WHERE series.source_key = source.source_key)
              AND NOT EXISTS (SELECT FROM reference_series WHERE reference_series.source_key = source.source_key)
        RETURNING source_key
        """,
        [source.name, definition],
    ).fetchone()
    if row is None:
        kinds = ("a source of observed values", "a reference forecast")
        is_reference = source.forecast_of is not None
        raise SettingsError(
            f"source {source.name} is registered as {kinds[not is_reference]} and has series: it cannot become "
            f"{kinds[is_reference]} ({'with' if is_reference else 'without'} forecast_of); give this one another name"
        )
    return RegisteredSource(row[0], source)


def remove_source(connection: psycopg.Connection, name: str) -> int | None:
    """Mark a source as no longer wanted; its series and their data stay. The caller commits.

    Returns:
        Number of its series, observed or of a reference; None where no source of that name is registered.
    """
    row = connection.execute(
        "UPDATE source SET removed_at = coalesce(removed_at, now()), updated_at = now() WHERE name = %s"
        " RETURNING (SELECT count(*) FROM series WHERE series.source_key = source.source_key)"
        " + (SELECT count(*) FROM reference_series AS known WHERE known.source_key = source.source_key)",
        [name],
    ).fetchone()
    return row[0] if row else None


def load_sources(connection: psycopg.Connection) -> dict[str, RegisteredSource]:
    """Read every registered source of observations by its name.

    Also those that were removed: there may be series of them. References (`forecast_of`) are left out, since nothing is
    observed, sent or forecast for them; see `load_references`.
    """
    return _load(
        connection, "SELECT source_key, definition, removed_at FROM source WHERE NOT definition ? 'forecast_of'"
    )


def load_references(connection: psycopg.Connection) -> dict[str, RegisteredSource]:
    """Read every registered source of reference forecasts (`forecast_of`) by its name, also those that were removed."""
    return _load(connection, "SELECT source_key, definition, removed_at FROM source WHERE definition ? 'forecast_of'")


def _load(connection: psycopg.Connection, statement: LiteralString) -> dict[str, RegisteredSource]:
    found = [
        RegisteredSource(key, Source.model_validate(given), removed)
        for key, given, removed in connection.execute(statement).fetchall()
    ]
    return {one.source.name: one for one in found}


def sources_version(connection: psycopg.Connection) -> tuple[int, datetime | None]:
    """Read a version that changes whenever a source is registered, replaced or removed."""
    row = connection.execute("SELECT count(*), max(updated_at) FROM source").fetchone()
    assert row is not None
    return row[0], row[1]


def registered_at(connection: psycopg.Connection, source_key: int) -> datetime | None:
    """Read when a source was registered, replaced or removed last; None where there is none."""
    row = connection.execute("SELECT updated_at FROM source WHERE source_key = %s", [source_key]).fetchone()
    return row[0] if row else None


@dataclass(frozen=True)
class SourceSeries:
    """Number of series of a registered source.

    Attributes:
        name: of the source.
        kind: how it is read.
        series: all of its series.
        new_series: those that were seen first within the last day.
        newest: newest observed hour, None where it has none.
        removed_at: when it was removed; None while it is wanted.
    """

    name: str
    kind: str
    series: int
    new_series: int
    newest: datetime | None
    removed_at: datetime | None


def series_by_source(connection: psycopg.Connection, now: datetime) -> list[SourceSeries]:
    """Read every registered source of observations with the number of its series, by name."""
    rows = connection.execute(
        """
        SELECT name, definition->>'kind', count(series_key),
               count(series_key) FILTER (WHERE first_seen > %(now)s - INTERVAL '1 day'),
               (SELECT max(valid_time) FROM observation JOIN series AS own USING (series_key)
                WHERE own.source_key = source.source_key),
               removed_at
        FROM source LEFT JOIN series USING (source_key) WHERE NOT definition ? 'forecast_of'
        GROUP BY source_key ORDER BY name
        """,
        {"now": now},
    )
    return [SourceSeries(*row) for row in rows]


def check_readable(connection: psycopg.Connection) -> None:
    """Read the table; a psycopg.Error means that the server, the tables or the rights are missing."""
    connection.execute("SELECT 1 FROM source LIMIT 1")
