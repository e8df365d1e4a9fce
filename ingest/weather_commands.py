"""Commands of `dayahead weather` for weather sources: register, list, show, remove, check, backfill."""

from pathlib import Path
from typing import Annotated

import typer

from dayahead.weather.command_group import weather

# Heavy imports are inside the commands, so that `dayahead --help` starts fast.
# ruff: noqa: PLC0415

HOUR_HELP = "2023-01-24T22 or 2023-01-24, UTC"
NAME_HELP = "Name of the weather source, as `dayahead weather list` shows it"


@weather.command("register")
def register(
    files: Annotated[list[Path], typer.Argument(help="Weather source files (*.yaml), or folders of them", exists=True)],
) -> None:
    """Register weather sources, or update registered ones; the poller does the same for those that it polls."""
    from dayahead.settings import ServiceSettings, load_settings
    from dayahead.storage.database import connect
    from dayahead.storage.tables.weather_source import register_weather_source
    from dayahead.weather.source_file import load_weather_sources

    given = load_weather_sources(files)
    with connect(load_settings(ServiceSettings).database_url) as connection:
        for source in given:
            register_weather_source(connection, source)
    for source in given:
        typer.echo(f"{source.name}: registered; locations {', '.join(source.locations)}")


@weather.command("remove")
def remove(name: Annotated[str, typer.Argument(help=NAME_HELP)]) -> None:
    """Take a weather source off the list; what it published stays."""
    from dayahead.errors import SettingsError
    from dayahead.settings import ServiceSettings, load_settings
    from dayahead.storage.database import connect
    from dayahead.storage.tables.weather_source import load_weather_sources, remove_weather_source

    with connect(load_settings(ServiceSettings).database_url) as connection:
        removed = remove_weather_source(connection, name)
        known = ", ".join(load_weather_sources(connection)) or "none"
    if not removed:
        raise SettingsError(f"no weather source {name} is registered; there are: {known}")
    typer.echo(f"{name}: removed; what it published stays")
    typer.echo("A poller that still has it in --weather registers it again when it starts: start it without.")


@weather.command("list")
def list_sources() -> None:
    """Show the registered weather sources, with the newest run of each and what is wrong with its polls."""
    from dayahead.hours import wall_clock
    from dayahead.settings import ServiceSettings, load_settings
    from dayahead.storage.database import connect
    from dayahead.storage.tables.weather_poll import WeatherPoll, read_weather_polls
    from dayahead.storage.tables.weather_source import load_weather_sources
    from ingest.weather_shown import state_of

    with connect(load_settings(ServiceSettings).database_url) as connection:
        found, polls = load_weather_sources(connection), read_weather_polls(connection)
    for name, one in found.items():
        state = state_of(one, polls.get(name, WeatherPoll()), wall_clock())
        typer.echo(f"{name}\t{one.source.kind}\t{', '.join(one.source.locations)}\t{state}")
    if not found:
        typer.echo("No weather source is registered: `dayahead weather register FILE`, or start the poller with it.")


@weather.command("show")
def show(name: Annotated[str, typer.Argument(help=NAME_HELP)]) -> None:
    """Show a weather source: its definition, state, and the stored hours of each location."""
    from dayahead.errors import SettingsError
    from dayahead.hours import wall_clock
    from dayahead.settings import ServiceSettings, load_settings
    from dayahead.storage.database import connect
    from dayahead.storage.tables.weather_poll import read_weather_poll
    from dayahead.storage.tables.weather_run import stored_weather
    from dayahead.storage.tables.weather_source import load_weather_sources
    from ingest.weather_shown import definition_of, state_of, stored_of

    with connect(load_settings(ServiceSettings).database_url) as connection:
        found = load_weather_sources(connection)
        if name not in found:
            raise SettingsError(f"no weather source {name} is registered; there are: {', '.join(found) or 'none'}")
        poll, stored = read_weather_poll(connection, name), stored_weather(connection, name)
    for line in [*definition_of(found[name].source), state_of(found[name], poll, wall_clock()), *stored_of(stored)]:
        typer.echo(line)


@weather.command("check")
def check(
    file: Annotated[Path, typer.Argument(help="A weather source file (.yaml)", exists=True, dir_okay=False)],
) -> None:
    """Read the newest run of a weather source once and show it; nothing is published and no server is needed."""
    import time
    from contextlib import ExitStack

    from dayahead.hours import wall_clock
    from dayahead.reading.http.budget import Budgets
    from dayahead.settings import load_settings
    from dayahead.weather.source_file import load_weather_source
    from ingest.settings import IngestSettings
    from ingest.weather_running import make_weather_reader
    from ingest.weather_shown import definition_of, publications_shown

    source = load_weather_source(file)
    with ExitStack() as resources:
        reader = make_weather_reader(source, load_settings(IngestSettings), time.sleep, resources, Budgets())
        news = reader.news(None, wall_clock())
    for line in [*definition_of(source), *publications_shown(news)]:
        typer.echo(line)
    if not news:
        raise typer.Exit(1)


@weather.command("backfill")
def backfill(
    file: Annotated[Path, typer.Argument(help="A weather source file (.yaml)", exists=True, dir_okay=False)],
    from_: Annotated[str, typer.Option("--from", help=f"First hour: {HOUR_HELP}")],
    to: Annotated[str, typer.Option(help=f"Hour after the last: {HOUR_HELP}")],
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue an interrupted backfill of the same range")
    ] = False,
) -> None:
    """Write archived runs to TimescaleDB for trainings; those that forecasts still need are published too."""
    from dayahead.reading.hour_text import hour_of
    from dayahead.settings import load_settings
    from dayahead.telemetry import configure_logging
    from dayahead.weather.source_file import load_weather_source
    from ingest.settings import IngestSettings
    from ingest.weather_backfill import run_weather_backfill

    settings = load_settings(IngestSettings)
    configure_logging("weather-backfill", settings.log_level)
    source = load_weather_source(file)
    start, end = hour_of(from_, "--from"), hour_of(to, "--to")
    typer.echo(run_weather_backfill(source, start, end, resume, settings))
