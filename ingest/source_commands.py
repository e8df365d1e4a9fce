"""`dayahead sources`: inspect a file, check a source, list and register sources."""

from pathlib import Path
from typing import Annotated

import typer

# Heavy imports are inside the commands, so that `dayahead --help` starts fast.
# ruff: noqa: PLC0415

sources = typer.Typer(
    help="Sources: inspect a data file, check a source file, register, list, remove.", no_args_is_help=True
)


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


@sources.command("inspect")
def inspect(
    file: Annotated[str, typer.Argument(help="Data file, folder or pattern; or a URL (http:, https:)")],
    write: Annotated[Path | None, typer.Option(help="Source file (.yaml) to write, if nothing is left to ask")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the source")] = None,
    delimiter: Annotated[str | None, typer.Option(help="What separates the columns; \\t is a tab")] = None,
    decimal: Annotated[str | None, typer.Option(help="Decimal mark: . or ,")] = None,
    thousands: Annotated[str | None, typer.Option(help="Mark between thousands")] = None,
    sheet: Annotated[str | None, typer.Option(help="Sheet of an Excel workbook")] = None,
    time_columns: Annotated[
        str | None, typer.Option(help="Column of the time, or the two that make it: Date,Time")
    ] = None,
    time_format: Annotated[str | None, typer.Option(help="Format of the time, as in a source file")] = None,
    time_label: Annotated[str | None, typer.Option(help="What the time names: start or end of the period")] = None,
    time_zone: Annotated[str | None, typer.Option(help="Zone of times without an offset: Europe/Copenhagen")] = None,
    keys: Annotated[
        str | None, typer.Option(help="Columns that identify a series: site,meter; none: no column")
    ] = None,
    value: Annotated[str | None, typer.Option(help="Column of the value, several, or all")] = None,
    unit: Annotated[str | None, typer.Option(help="Unit of the values: kWh")] = None,
    quantity: Annotated[str | None, typer.Option(help="What a value is: energy, power or register")] = None,
    off_hour: Annotated[
        str | None, typer.Option(help="Hours that start within an hour of UTC: split or reject")
    ] = None,
) -> None:
    """Look at a data file and propose its source file; ask what the file does not say."""
    import sys
    import tempfile
    import time

    from dayahead.hours import wall_clock
    from ingest.inspection.asking import ask_on_terminal
    from ingest.inspection.inspecting import Inspection
    from ingest.inspection.located import Located, LocatedFile
    from ingest.inspection.located_url import LocatedUrl
    from ingest.inspection.proposal import Answers

    answers = Answers(
        name=name,
        delimiter="\t" if delimiter == "\\t" else delimiter,
        decimal=decimal,
        thousands=thousands,
        sheet=sheet,
        time_columns=time_columns,
        time_format=time_format,
        time_label=time_label,
        time_zone=time_zone,
        keys=keys,
        value=value,
        unit=unit,
        quantity=quantity,
        off_hour=off_hour,
    )
    ask = ask_on_terminal if sys.stdin.isatty() else None
    with tempfile.TemporaryDirectory() as folder:
        is_url = file.startswith(("http://", "https://"))
        located: Located = LocatedUrl(file, Path(folder), wall_clock, time.sleep) if is_url else LocatedFile(Path(file))
        code = Inspection(located, answers, ask=ask, say=typer.echo).run(write, wall_clock())
    if code:
        raise typer.Exit(code)


@sources.command("check")
def check(
    file: Annotated[Path, typer.Argument(help="A source file (.yaml)", exists=True, dir_okay=False)],
    data: Annotated[Path | None, typer.Option(help="Data file to read instead of the source", exists=True)] = None,
) -> None:
    """Read the newest hours of a source once and show what came of them; nothing is published."""
    import time
    from contextlib import ExitStack

    from dayahead.hours import wall_clock
    from dayahead.reading.http.budget import Budgets
    from dayahead.reading.kinds.file import FileSource
    from dayahead.reading.reader import Reader
    from dayahead.reading.source_file import load_source
    from dayahead.settings import load_settings
    from ingest.inspection.checking import check_source
    from ingest.running import make_reader
    from ingest.settings import IngestSettings

    source = load_source(file)
    with ExitStack() as resources:
        reader: Reader
        if data is not None:
            reader = FileSource(source, data)
        else:
            reader = make_reader(source, load_settings(IngestSettings), time.sleep, resources, Budgets())
        code = check_source(source, reader, wall_clock(), typer.echo, is_live=data is None)
    if code:
        raise typer.Exit(code)
