"""Table `weather_source`: the weather sources as last registered."""

from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.types.json import Jsonb

from dayahead.weather.source import WeatherSource


@dataclass(frozen=True)
class RegisteredWeatherSource:
    """A weather source.

    Attributes:
        source: as last registered.
        removed_at: when `dayahead weather remove` was called; None while the source is wanted.
    """

    source: WeatherSource
    removed_at: datetime | None = None


def register_weather_source(connection: psycopg.Connection, source: WeatherSource) -> None:
    """Register a weather source, or replace its definition; a removed one is wanted again. The caller commits."""
    connection.execute(
        """
        INSERT INTO weather_source (name, definition) VALUES (%s, %s)
        ON CONFLICT (name) DO UPDATE SET definition = excluded.definition, updated_at = now(), removed_at = NULL
        """,
        [source.name, Jsonb(source.model_dump(mode="json", exclude_defaults=True))],
    )


def remove_weather_source(connection: psycopg.Connection, name: str) -> bool:
    """Mark a weather source as no longer wanted; what it published stays. The caller commits.

    Returns:
        Whether one of that name is registered.
    """
    changed = connection.execute(
        "UPDATE weather_source SET removed_at = coalesce(removed_at, now()), updated_at = now() WHERE name = %s", [name]
    )
    return changed.rowcount == 1


def is_known(connection: psycopg.Connection, name: str) -> bool:
    """Whether a weather source of a name was ever registered, or has published anything."""
    row = connection.execute(
        """
        SELECT EXISTS (SELECT FROM weather_source WHERE name = %(name)s)
            OR EXISTS (SELECT FROM weather_run WHERE source = %(name)s)
        """,
        {"name": name},
    ).fetchone()
    return row is not None and bool(row[0])


def load_weather_sources(connection: psycopg.Connection) -> dict[str, RegisteredWeatherSource]:
    """Read every registered weather source by its name, also those that were removed."""
    rows = connection.execute("SELECT definition, removed_at FROM weather_source ORDER BY name").fetchall()
    found = [RegisteredWeatherSource(WeatherSource.model_validate(given), removed) for given, removed in rows]
    return {one.source.name: one for one in found}
