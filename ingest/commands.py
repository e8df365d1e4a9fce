"""The commands `dayahead ingest`, `dayahead backfill`, `dayahead replay` and `dayahead sources`."""

from pathlib import Path
from typing import Annotated

import typer

from ingest.source_commands import sources
from ingest.weather_commands import HOUR_HELP  # the module adds its commands to the group `dayahead weather`

# Heavy imports are inside the commands, so that `dayahead --help` starts fast.
# ruff: noqa: PLC0415

SOURCE_HELP = "A source file (ingest/sources/*.yaml), or a folder of them; may be repeated"


def register(app: typer.Typer) -> None:
    """Add the commands of this service to the command line."""
    app.command()(ingest)
    app.command()(backfill)
    app.command()(replay)
    app.command()(totals)
    app.add_typer(sources, name="sources")


def ingest(
    source: Annotated[list[Path], typer.Option(help=SOURCE_HELP, exists=True)],
    weather: Annotated[
        list[Path] | None,
        typer.Option(help="A weather source file, or a folder of them; may be repeated", exists=True),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Poll each source once, then exit")] = False,
) -> None:
    """Poll sources and publish their new hours to Kafka until stopped."""
    from dayahead.errors import SourceError
    from dayahead.hours import format_utc, from_hour
    from dayahead.settings import load_settings
    from dayahead.telemetry import configure_logging
    from dayahead.tracing.starting import traced
    from dayahead.weather.source_file import load_weather_sources
    from ingest.running import Pollers, load_sources_from
    from ingest.settings import IngestSettings
    from ingest.weather_running import check_places

    settings = load_settings(IngestSettings)
    configure_logging("ingest", settings.log_level)
    sources = load_sources_from(source)
    weather_sources = load_weather_sources([*(weather or []), *filter(None, [settings.weather_source])])
    check_places(sources, weather_sources)
    with traced("ingest"):
        if not once:
            Pollers(sources, settings, weather=weather_sources).run()
            return
        results, weathered = Pollers(sources, settings, attempts=3, weather=weather_sources).once()
    for one, outcome in zip(weather_sources, weathered, strict=True):
        if isinstance(outcome, SourceError):
            typer.echo(f"{one.name}: no weather: {outcome}", err=True)
            continue
        newest = "no run yet" if outcome.newest is None else f"newest run {format_utc(from_hour(outcome.newest))}"
        typer.echo(f"{one.name}: {outcome.publications} publications of weather, {newest}")
    for polled, result in zip(sources, results, strict=True):
        newest = "no hour yet" if result.newest is None else f"newest hour {format_utc(from_hour(result.newest))}"
        incomplete = f"; {result.incomplete}" if result.incomplete else ""
        typer.echo(f"{polled.name}: {result.rows} rows, {result.rejections} dead letters, {newest}{incomplete}")
    if any(isinstance(outcome, SourceError) for outcome in weathered):
        raise typer.Exit(1)


def backfill(
    source: Annotated[Path, typer.Option(help="A source file", exists=True, dir_okay=False)],
    from_: Annotated[str, typer.Option("--from", help=f"First hour: {HOUR_HELP}")],
    to: Annotated[str, typer.Option(help=f"Hour after the last: {HOUR_HELP}")],
    data: Annotated[
        Path | None, typer.Option(help="Data file to read instead of the API", exists=True, dir_okay=False)
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue an interrupted backfill of the same range")
    ] = False,
) -> None:
    """Publish the history of a source; nothing is forecast from it."""
    from dayahead.reading.hour_text import hour_of
    from dayahead.reading.source_file import load_source
    from dayahead.settings import load_settings
    from dayahead.telemetry import configure_logging
    from ingest.backfill_command import run_backfill
    from ingest.settings import IngestSettings

    settings = load_settings(IngestSettings)
    configure_logging("backfill", settings.log_level)
    start, end = hour_of(from_, "--from"), hour_of(to, "--to")
    run_backfill(load_source(source), data, start, end, resume, settings)


def totals(
    repeat: Annotated[
        bool, typer.Option("--repeat", help="Repeat until stopped: where all sources are sent and none is polled")
    ] = False,
) -> None:
    """Sum the changed hours of the sources with totals; the poller does the same in rounds."""
    import threading

    from dayahead.settings import load_settings
    from dayahead.stopping import stop_on_signals
    from dayahead.telemetry import configure_logging
    from ingest.running import make_totals
    from ingest.settings import IngestSettings

    settings = load_settings(IngestSettings)
    configure_logging("totals", settings.log_level)
    maker = make_totals(settings)
    if repeat:
        stop = threading.Event()
        stop_on_signals(stop)
        maker.run(stop.wait, settings.totals_interval_s)
        return
    try:
        typer.echo(f"{maker.round()} hours of totals published")
    finally:
        maker.close()


def replay(
    data: Annotated[Path, typer.Option(help="Data file with the records", exists=True, dir_okay=False)],
    source: Annotated[Path, typer.Option(help="Source file that names its columns", exists=True, dir_okay=False)],
    from_: Annotated[str, typer.Option("--from", help=f"First hour that is not published at the start: {HOUR_HELP}")],
    fast_hours: Annotated[int, typer.Option(min=0, help="Hours that are published at the fast pace first")] = 0,
    fast_seconds_per_hour: Annotated[float, typer.Option(min=0, help="Seconds for each of those hours")] = 0.0,
    seconds_per_hour: Annotated[float, typer.Option(min=0, help="Seconds for each later hour")] = 5.0,
    wait_for_poll: Annotated[
        bool,
        typer.Option("--wait-for-poll", help="Publish an hour only after the one before it was fetched (lockstep)"),
    ] = False,
    state: Annotated[
        Path | None, typer.Option(help="File that stores the current hour, so that a restart continues there")
    ] = None,
    min_request_interval_s: Annotated[
        float, typer.Option(min=0, help="Answer 429 to requests closer than this, as the API does with 60")
    ] = 0.0,
    host: Annotated[str, typer.Option(help="Address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on")] = 8130,
) -> None:
    """Replace the API of a source by a replay: publish the hours of a data file at any speed."""
    from dayahead.reading.hour_text import hour_of
    from dayahead.reading.source_file import load_source
    from dayahead.settings import load_settings
    from dayahead.telemetry import configure_logging
    from ingest.replay.clock import Pace, ReplayClock
    from ingest.replay.records import load_records
    from ingest.replay.serving import serve
    from ingest.settings import IngestSettings

    configure_logging("replay", load_settings(IngestSettings).log_level)
    definition = load_source(source)
    records = load_records(definition, data)
    pace = Pace(seconds_per_hour, fast_hours, fast_seconds_per_hour, wait_for_poll)
    clock = ReplayClock(records.hours, hour_of(from_, "--from"), pace, state=state)
    serve(definition, records, clock, min_request_interval_s, host, port)
