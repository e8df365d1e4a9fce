"""`dayahead sources`: list the registered sources, and register one whose rows are sent to the API."""

from pathlib import Path
from typing import Annotated

import typer

# Heavy imports are inside the commands, so that `dayahead --help` starts fast.
# ruff: noqa: PLC0415

sources = typer.Typer(help="Registered sources: list, register.", no_args_is_help=True)


@sources.command("register")
def register_sources(
    files: Annotated[list[Path], typer.Argument(help="Source files (*.yaml), or folders of them", exists=True)],
) -> None:
    """Register sources, or update registered ones; the poller does the same for those that it polls."""
    from dayahead.settings import ServiceSettings, load_settings
    from dayahead.storage.database import connect
    from dayahead.storage.tables.source import register_source
    from ingest.running import load_sources_from

    given = load_sources_from(files)
    with connect(load_settings(ServiceSettings).database_url) as connection:
        for source in given:
            register_source(connection, source)
    for source in given:
        labels = "/".join(source.label_names)
        typer.echo(f"{source.name}: registered; a series_id is {labels}, values are in {source.unit}")


@sources.command("remove")
def remove(
    name: Annotated[str, typer.Argument(help="Name of the source, as `dayahead sources list` shows it")],
) -> None:
    """Take a source out of the page, the alerts and trainings; the data of its series stays."""
    from dayahead.errors import SettingsError
    from dayahead.settings import ServiceSettings, load_settings
    from dayahead.storage.database import connect
    from dayahead.storage.tables.source import load_references, load_sources, remove_source

    with connect(load_settings(ServiceSettings).database_url) as connection:
        series = remove_source(connection, name)
        known = ", ".join(sorted([*load_sources(connection), *load_references(connection)])) or "none"
    if series is None:
        raise SettingsError(f"no source {name} is registered; there are: {known}")
    typer.echo(f"{name}: removed; the data of its {series} series stays")
    typer.echo("A poller that still has it in --source registers it again when it starts: start it without.")


@sources.command("list")
def list_sources() -> None:
    """Show the registered sources with their series, and how many of them came in the last day."""
    from dayahead.hours import format_utc, wall_clock
    from dayahead.settings import ServiceSettings, load_settings
    from dayahead.storage.database import connect
    from dayahead.storage.tables.reference_series import series_by_reference
    from dayahead.storage.tables.source import series_by_source

    with connect(load_settings(ServiceSettings).database_url) as connection:
        found = series_by_source(connection, wall_clock())
        references = series_by_reference(connection)
    for one in found:
        newest = "never published an hour" if one.newest is None else f"newest hour {format_utc(one.newest)}"
        if one.removed_at is not None:
            newest += f", removed at {format_utc(one.removed_at)}"
        typer.echo(f"{one.name}\t{one.kind}\t{one.series} series, {one.new_series} of them new within 24 h\t{newest}")
    for reference in references:
        last = "no hour yet" if reference.newest is None else f"last hour {format_utc(reference.newest)}"
        if reference.removed_at is not None:
            last += f", removed at {format_utc(reference.removed_at)}"
        typer.echo(
            f"{reference.name}\t{reference.kind}\tforecast of {reference.forecast_of}: {reference.series} series, "
            f"{reference.matched} of them observed there\t{last}"
        )
    if not found and not references:
        typer.echo("No source is registered: `dayahead sources register FILE`, or start the poller.")
