"""`dayahead backup` and `dayahead restore`."""

from pathlib import Path
from typing import Annotated

import typer

# Heavy imports are inside the commands, so that `dayahead --help` starts fast.
# ruff: noqa: PLC0415


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(backup)
    app.command()(restore)


def backup(folder: Annotated[Path, typer.Argument(help="Folder to create; must not exist yet")]) -> None:
    """Back up TimescaleDB with pg_dump, and record the topics' offsets; the services may keep running."""
    from dayahead.hours import wall_clock
    from dayahead.settings import MigrationSettings, load_settings
    from deploy.backup.backup import make_backup

    make_backup(load_settings(MigrationSettings), folder, wall_clock, typer.echo)


def restore(
    folder: Annotated[Path, typer.Argument(help="Folder of a backup", exists=True, file_okay=False)],
    replace: Annotated[bool, typer.Option("--replace", help="Drop the existing database first")] = False,
) -> None:
    """Restore a backup with pg_restore; the services must be stopped. Workers continue in Kafka at its end."""
    from dayahead.settings import MigrationSettings, load_settings
    from deploy.backup.restore import Restore

    Restore(load_settings(MigrationSettings), folder, typer.echo).run(replace=replace)
