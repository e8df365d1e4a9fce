"""`dayahead worker`, `dayahead audit` and `dayahead dead-letters`."""

from pathlib import Path
from typing import Annotated

import typer

dead_letters = typer.Typer(help="Rows and messages that were set aside, and their way back.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the worker's commands."""
    app.command()(worker)
    app.command()(audit)
    app.add_typer(dead_letters, name="dead-letters")


def worker() -> None:
    """Take observations in, keep every series forecast and scored."""
    from dayahead.hours import wall_clock  # noqa: PLC0415 - `dayahead --help` stays quick
    from dayahead.settings import load_settings  # noqa: PLC0415
    from dayahead.telemetry import configure_logging  # noqa: PLC0415
    from stream.assembly import run_worker  # noqa: PLC0415
    from stream.settings import WorkerSettings  # noqa: PLC0415

    settings = load_settings(WorkerSettings)
    configure_logging("worker", settings.log_level)
    run_worker(settings, wall_clock)


def audit(
    series: Annotated[list[str] | None, typer.Argument(help="Series to audit, e.g. DK1/111; without any: all.")] = None,
) -> None:
    """Recompute newest forecasts from TimescaleDB, and compare them byte for byte; exit code 1 where one differs."""
    from dayahead.settings import load_settings  # noqa: PLC0415
    from stream.assembly import build_auditor  # noqa: PLC0415
    from stream.auditor import Outcome  # noqa: PLC0415
    from stream.settings import WorkerSettings  # noqa: PLC0415

    auditor = build_auditor(load_settings(WorkerSettings))
    findings = auditor.audit(series) if series else auditor.audit_all()
    for finding in findings:
        if finding.told:
            typer.echo(f"{finding.outcome.value} {finding.series_id}: {finding.told}")
    counts = {outcome: sum(finding.outcome is outcome for finding in findings) for outcome in Outcome}
    typer.echo(", ".join(f"{outcome.value} {count}" for outcome, count in counts.items()))
    if counts[Outcome.MISMATCH]:
        raise typer.Exit(1)


@dead_letters.command("list")
def list_dead_letters(
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many of the newest are looked at.")] = 50,
    code: Annotated[str, typer.Option(help="Only those with this code, e.g. null_value.")] = "",
) -> None:
    """Show the newest dead letters; one that was written twice is shown once."""
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    from dayahead.settings import ServiceSettings, load_settings  # noqa: PLC0415
    from stream.dead_letter_box import DeadLetterBox  # noqa: PLC0415

    settings = load_settings(ServiceSettings)
    letters = DeadLetterBox(settings.kafka_bootstrap, settings.topic_prefix).newest(limit)
    table = Table("offset", "time", "stage", "code", "reason", "value")
    for letter in letters:
        if not code or letter.headers.get("code") == code:
            about = [letter.headers.get(name, "") for name in ("time", "stage", "code", "reason")]
            table.add_row(str(letter.offset), *about, letter.value[:120].decode(errors="replace"))
    Console().print(table if table.row_count else "No dead letters.", markup=False)


@dead_letters.command()
def replay(
    offset: Annotated[int, typer.Option(min=0, help="Offset of the dead letter, as `list` shows it.")],
    mended: Annotated[
        Path | None,
        typer.Option("--with", exists=True, dir_okay=False, help="File with the mended message; else it goes as it is"),
    ] = None,
) -> None:
    """Put a dead letter back into `observations`, mended or as it is, after a check of its contract."""
    from dayahead.settings import ServiceSettings, load_settings  # noqa: PLC0415
    from stream.dead_letter_box import DeadLetterBox  # noqa: PLC0415

    settings = load_settings(ServiceSettings)
    box = DeadLetterBox(settings.kafka_bootstrap, settings.topic_prefix)
    letter = box.at(offset)
    rows = box.put_back(mended.read_bytes() if mended else letter.value)
    typer.echo(f"dead letter {offset}: {rows} row{'s' if rows != 1 else ''} put back into observations")
