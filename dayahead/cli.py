"""The command `dayahead`. Each service adds its own commands through the entry-point group `dayahead.commands`."""

import sys
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import NoReturn

import structlog
import typer
from rich.console import Console
from rich.table import Table

from dayahead.console import standard_output
from dayahead.errors import DayaheadError
from dayahead.weather.command_group import weather

SERVICES = ("worker", "ingest", "trainer", "api", "webhooks", "mqtt", "mcp", "migrate")
"""Commands whose every line is JSON."""

OWN_PACKAGES = ("dayahead", "ingest", "stream", "trainer", "api", "consumers", "dashboards", "deploy")

app = typer.Typer(
    name="dayahead",
    help="A fresh, honest 24-hour forecast of every hourly energy series.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(weather, name="weather")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"dayahead {version('dayahead')}")
        raise typer.Exit


@app.callback()
def _root(
    _: bool = typer.Option(False, "--version", callback=_show_version, is_eager=True, help="Show the version and exit"),
) -> None:
    """A fresh, honest 24-hour forecast of every hourly energy series."""


@app.command()
def migrate() -> None:
    """Bring tables, roles and topics to the version of this code."""
    from dayahead.settings import MigrationSettings, load_settings  # noqa: PLC0415 - `dayahead --help` stays quick
    from dayahead.storage.migrate import migrate_database, migrate_topics  # noqa: PLC0415
    from dayahead.telemetry import configure_logging  # noqa: PLC0415

    settings = load_settings(MigrationSettings)
    configure_logging("migrate", settings.log_level)
    steps = migrate_database(settings.owner_database_url, roles=settings.roles())
    topics = migrate_topics(settings)
    structlog.get_logger().info("migrated", tables=steps or "up to date", topics=topics or "up to date")


@app.command()
def retention(
    repeat: bool = typer.Option(False, help="Run again every DAYAHEAD_RETENTION_EVERY_H until stopped"),
) -> None:
    """Remove rows that are older than DAYAHEAD_RETAIN_…_DAYS, and compress old chunks where the licence allows."""
    from dayahead.settings import load_settings  # noqa: PLC0415 - `dayahead --help` stays quick
    from dayahead.storage.retention import RetentionSettings, run_retention  # noqa: PLC0415
    from dayahead.telemetry import configure_logging  # noqa: PLC0415

    settings = load_settings(RetentionSettings)
    configure_logging("retention", settings.log_level)
    run_retention(settings, repeat=repeat, say=typer.echo)


@app.command()
def contracts(folder: Path = typer.Argument(help="Folder to write to; made if absent")) -> None:
    """Write the AsyncAPI document and the JSON Schemas of the topics."""
    from dayahead.asyncapi import write_contracts  # noqa: PLC0415

    for file in write_contracts(folder, version("dayahead")):
        typer.echo(file)


@app.command()
def settings(example: bool = typer.Option(False, help="Print the text of .env.example instead of a table")) -> None:
    """List every setting with its default and who reads it."""
    from dayahead.settings_document import all_settings, env_example, settings_classes  # noqa: PLC0415

    found = all_settings(settings_classes())
    if example:
        typer.echo(env_example(found), nl=False)
        return
    table = Table("variable", "default", "what it is", "read by")
    for setting in found:
        table.add_row(setting.variable, setting.default, setting.description, ", ".join(setting.services))
    standard_output().print(table)


def _service(arguments: list[str]) -> str | None:
    """The service that a command line starts; None where it is a command for people."""
    if not arguments or arguments[0] not in SERVICES or {"--help", "--once"} & set(arguments):
        return None
    return arguments[0]


def main() -> None:
    """Entry point: an error of ours is a sentence and exit code 2, never a traceback; of a service, a JSON line."""
    service = _service(sys.argv[1:])
    if service:
        from dayahead.telemetry import speak_json  # noqa: PLC0415 - `dayahead --help` stays quick

        speak_json(service)
    for entry in sorted(entry_points(group="dayahead.commands"), key=lambda entry: entry.name):
        entry.load()(app)
    try:
        app()
    except DayaheadError as error:
        _end(service, str(error))
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in OWN_PACKAGES:
            raise
        _end(
            service,
            f"this command needs {package}, which is not installed here. In containers, run it in the image of its "
            "service (docs/deployment.md); elsewhere, install all of them: pip install 'dayahead[service]'",
        )


def _end(service: str | None, sentence: str) -> NoReturn:
    """End with exit code 2: a service with a JSON line, a command for people with a sentence."""
    if service:
        structlog.get_logger().critical("service_ends", error=sentence)
    else:
        Console(stderr=True, soft_wrap=True).print("dayahead:", sentence, markup=False, highlight=False)
    sys.exit(2)
