"""`dayahead worker`, `dayahead audit` and `dayahead dead-letters`."""

from typing import Annotated

import typer

from stream.dead_letters.commands import dead_letters


def register(app: typer.Typer) -> None:
    """Add the worker's commands."""
    app.command()(worker)
    app.command()(audit)
    app.add_typer(dead_letters, name="dead-letters")


def worker() -> None:
    """Process observations: forecast every series, and score its forecasts."""
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
    """Recompute newest forecasts from TimescaleDB, and compare them byte for byte; exit code 1 if one differs."""
    from dayahead.settings import load_settings  # noqa: PLC0415
    from stream.assembly import build_auditor  # noqa: PLC0415
    from stream.audit.auditor import Outcome  # noqa: PLC0415
    from stream.settings import WorkerSettings  # noqa: PLC0415

    auditor = build_auditor(load_settings(WorkerSettings))
    findings = auditor.audit(series) if series else auditor.audit_all()
    for finding in findings:
        if finding.message:
            typer.echo(f"{finding.outcome.value} {finding.series_id}: {finding.message}")
    counts = {outcome: sum(finding.outcome is outcome for finding in findings) for outcome in Outcome}
    typer.echo(", ".join(f"{outcome.value} {count}" for outcome, count in counts.items()))
    if counts[Outcome.MISMATCH]:
        raise typer.Exit(1)
