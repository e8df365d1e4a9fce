"""`dayahead worker` and `dayahead dead-letters`."""

import typer


def register(app: typer.Typer) -> None:
    """Add the worker's commands."""
    app.command()(worker)


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
