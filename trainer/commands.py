"""The commands `dayahead trainer`, `dayahead train`, `dayahead tune`, `dayahead backtest` and `dayahead models …`."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dayahead.weather.command_group import weather as weather_group

if TYPE_CHECKING:
    from trainer.weather_file import WeatherFileOption

# Heavy imports are inside the commands, so that `dayahead --help` starts fast.
# ruff: noqa: PLC0415

HOUR_HELP = "2023-01-18T00 or 2023-01-18, UTC"

Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", help="A training setting for this run, e.g. --set gate.margin=0.01; may be repeated"),
]
SettingsFile = Annotated[
    Path | None,
    typer.Option(
        "--settings",
        help="Training settings (YAML) instead of the shipped trainer/settings/default.yaml",
        exists=True,
        dir_okay=False,
    ),
]
WeatherSourceFile = Annotated[
    Path | None,
    typer.Option(
        help="File of a weather source of kind weather-file that names the columns of --weather; by default they are "
        "valid_time, temperature_c, and where there are several location, run, available_at",
        exists=True,
        dir_okay=False,
    ),
]
WeatherKindOption = Annotated[
    str | None,
    typer.Option(
        "--weather-kind",
        help="What --weather holds, runs or observations; by default what its source says, or runs where it has a "
        "column run",
    ),
]
Promote = Annotated[bool, typer.Option(help="Promote the release if it passes the gate; --no-promote only saves it")]


def register(app: typer.Typer) -> None:
    """Add the commands of this service to the command line."""
    app.command()(trainer)
    app.command()(train)
    app.command()(tune)
    app.command()(backtest)
    models = typer.Typer(no_args_is_help=True, help="Releases of the model: list, show, promote, roll back.")
    models.command("list")(list_models)
    models.command("show")(show_model)
    models.command("promote")(promote_model)
    models.command("rollback")(roll_back_model)
    app.add_typer(models, name="models")
    weather_group.command("choose")(choose_places)


def trainer(
    set_: Overrides = None,
) -> None:
    """Train on schedule and on request until stopped."""
    from dayahead.settings import load_settings
    from dayahead.telemetry import configure_logging
    from dayahead.tracing.starting import traced
    from trainer.running import run_trainer
    from trainer.settings import TrainerSettings, load_training_settings

    settings = load_settings(TrainerSettings)
    configure_logging("trainer", settings.log_level)
    with traced("trainer"):
        run_trainer(settings, load_training_settings(settings.training_settings, set_ or ()))


def train(
    set_: Overrides = None,
    settings_file: SettingsFile = None,
    promote: Promote = True,
    as_of: Annotated[str | None, typer.Option(help="Train only on data published by then: 2023-01-20T00:00Z")] = None,
    reason: Annotated[str, typer.Option(help="Reason, stored with the release")] = "requested on the command line",
) -> None:
    """Train once, now: fit, judge on held-out hours, save, and promote if it passes the gate."""
    from dayahead.settings import load_settings
    from dayahead.telemetry import configure_logging
    from dayahead.tracing.starting import traced
    from trainer.running import run_training
    from trainer.settings import TrainerSettings, load_training_settings

    settings = load_settings(TrainerSettings)
    configure_logging("train", "warning")
    training = load_training_settings(settings_file or settings.training_settings, set_ or ())
    with traced("trainer"):
        run_training(settings, training, promote, _moment(as_of), reason)


def tune(
    trials: Annotated[int, typer.Option(min=1, help="Trials of the whole study, over all processes")] = 20,
    study: Annotated[
        str | None, typer.Option(help="Join this study; by default the one of the last day of the data")
    ] = None,
    set_: Overrides = None,
    settings_file: SettingsFile = None,
    promote: Promote = True,
    reason: Annotated[str, typer.Option(help="Reason, stored with the release")] = "tuned on the command line",
) -> None:
    """Search the fit settings, then train with the best; several processes may share the study."""
    from dayahead.settings import load_settings
    from dayahead.telemetry import configure_logging
    from dayahead.tracing.starting import traced
    from trainer.running import run_tuning
    from trainer.settings import TrainerSettings, load_training_settings

    settings = load_settings(TrainerSettings)
    configure_logging("tune", "warning")
    training = load_training_settings(settings_file or settings.training_settings, set_ or ())
    with traced("trainer"):
        run_tuning(settings, training, trials, study, promote, reason)


def backtest(
    from_: Annotated[
        str, typer.Option("--from", help=f"First forecast hour; earlier hours are the training data: {HOUR_HELP}")
    ],
    to: Annotated[
        str | None, typer.Option(help="Hour after the last forecast one; by default the end of the data")
    ] = None,
    every: Annotated[str, typer.Option(help="Interval between forecasts: 24h, 7h, 1h")] = "24h",
    refit: Annotated[
        str | None, typer.Option(help="Refit after this span of forecasts: 28d, 168h; by default one fit")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Data file; by default TimescaleDB", exists=True, dir_okay=False)
    ] = None,
    source: Annotated[
        Path | None, typer.Option(help="Source file that names the columns of --data", exists=True, dir_okay=False)
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for forecasts.parquet and report.html; an interrupted run continues from it", file_okay=False
        ),
    ] = None,
    weather: Annotated[
        Path | None,
        typer.Option(
            help="File of weather for --data: CSV or Parquet, or the file of a weather source of kind weather-file; by "
            "default what TimescaleDB has",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    weather_source: WeatherSourceFile = None,
    weather_kind: WeatherKindOption = None,
    perfect: Annotated[
        bool,
        typer.Option(
            "--perfect",
            help="Use observed weather as if it had been forecast without any error; by default it is served with "
            "simulated errors",
        ),
    ] = False,
    ablation: Annotated[
        bool, typer.Option(help="Where there is weather: also forecast without it, and with perfect weather")
    ] = True,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Processes on this machine that forecast; by default one per processor, or the Dask "
            "scheduler of DAYAHEAD_DASK_SCHEDULER",
        ),
    ] = None,
    set_: Overrides = None,
    settings_file: SettingsFile = None,
) -> None:
    """Measure the accuracy on past hours: fit before --from, then forecast to --to with only the data known then.

    With --data: on a file, without any server; otherwise on the data in TimescaleDB. With weather it says what that
    is, and what it is worth.
    """
    from dayahead.errors import SettingsError
    from dayahead.hours import wall_clock
    from dayahead.reading.hour_text import hour_of
    from dayahead.reading.source_file import load_source
    from dayahead.settings import load_settings
    from dayahead.telemetry import configure_logging
    from trainer.backtest.command import BacktestCommand, DataOption, WeatherOption
    from trainer.backtest.plan import Plan
    from trainer.settings import TrainerSettings, load_training_settings

    configure_logging("backtest", "warning")
    if (data is None) != (source is None):
        raise SettingsError("--data and --source go together: the source file names the columns of the data")
    settings = load_settings(TrainerSettings)
    training = load_training_settings(settings_file or settings.training_settings, set_ or ())
    plan = Plan(
        first=hour_of(from_, "--from"),
        end=None if to is None else hour_of(to, "--to"),
        every_h=_span_h(every, "--every"),
        refit_h=None if refit is None else _span_h(refit, "--refit"),
    )
    option = DataOption(data, load_source(source)) if data and source else None
    if weather and option is None:
        raise SettingsError("--weather goes with --data: on TimescaleDB the weather is what was ingested")
    file = _weather_file(weather, weather_source, weather_kind)
    chosen = WeatherOption(file, is_perfect=perfect, ablation=ablation)
    BacktestCommand(settings, training, wall_clock).run(option, plan, workers, out, chosen)


def choose_places(
    data: Annotated[str, typer.Option(help="Data file, or the name of a source in TimescaleDB")],
    weather: Annotated[str, typer.Option(help="File of weather, or the name of a weather source in TimescaleDB")],
    source: Annotated[
        Path | None, typer.Option(help="Source file that names the columns of --data", exists=True, dir_okay=False)
    ] = None,
    weather_source: WeatherSourceFile = None,
    weather_kind: WeatherKindOption = None,
    by: Annotated[
        str | None,
        typer.Option(help="What has a place of its own: series or area; by default each of up to 50 series"),
    ] = None,
    most: Annotated[int, typer.Option(min=1, max=20, help="Locations of a mean at most")] = 5,
    until: Annotated[
        str | None, typer.Option(help=f"Use the hours before this one, to leave a test period out: {HOUR_HELP}")
    ] = None,
    set_: Overrides = None,
    settings_file: SettingsFile = None,
) -> None:
    """Propose the location of each series or area, or a mean of several, by how its temperature explains the load."""
    from dayahead.errors import SettingsError
    from dayahead.hours import wall_clock
    from dayahead.reading.hour_text import hour_of
    from dayahead.settings import load_settings
    from dayahead.telemetry import configure_logging
    from trainer.settings import TrainerSettings, load_training_settings
    from trainer.weather_choose import Chosen, choose_command
    from trainer.weather_places import By

    configure_logging("weather", "warning")
    if by is not None and by not in set(By):
        raise SettingsError(f"--by {by}: write series or area")
    settings = load_settings(TrainerSettings)
    choose_command(
        Chosen(
            data=data,
            source=source,
            weather=weather,
            weather_source=weather_source,
            weather_kind=weather_kind,
            by=None if by is None else By(by),
            most=most,
            until=None if until is None else hour_of(until, "--until"),
        ),
        settings.database_url,
        load_training_settings(settings_file or settings.training_settings, set_ or ()),
        wall_clock(),
    )


def list_models(limit: Annotated[int, typer.Option(min=1, help="Releases to show, newest first")] = 20) -> None:
    """Show the releases, which one is the champion, and their accuracy."""
    from trainer.models_command import list_releases_table

    list_releases_table(limit)


def show_model(
    release: Annotated[str | None, typer.Argument(help="Id of the release; by default the champion")] = None,
) -> None:
    """Show one release: training data, settings, accuracy, and why it was promoted or not."""
    from trainer.models_command import show_release

    show_release(release)


def promote_model(
    release: Annotated[str, typer.Argument(help="Id of the release (dayahead models list)")],
    reason: Annotated[str, typer.Option(help="Reason, stored with the release")] = "promoted on the command line",
) -> None:
    """Make a release the champion without the gate."""
    from trainer.models_command import promote_release

    promote_release(release, reason)


def roll_back_model(
    reason: Annotated[str, typer.Option(help="Reason, stored with the release")] = "rolled back on the command line",
) -> None:
    """Return to the previous champion; workers load it within seconds."""
    from trainer.models_command import roll_back_release

    roll_back_release(reason)


def _moment(text: str | None) -> datetime | None:
    from dayahead.errors import SettingsError
    from dayahead.hours import parse_utc

    if text is None:
        return None
    try:
        return parse_utc(text)
    except ValueError as error:
        raise SettingsError(f"--as-of: {error}") from error


def _weather_file(path: Path | None, source: Path | None, kind: str | None) -> "WeatherFileOption | None":
    """The options on a file of weather."""
    from dayahead.errors import SettingsError
    from trainer.weather_file import OBSERVATIONS, RUNS, WeatherFileOption

    if path is None:
        if source or kind:
            raise SettingsError("--weather-source and --weather-kind describe --weather: give that too")
        return None
    if kind not in {None, RUNS, OBSERVATIONS}:
        raise SettingsError(f"--weather-kind {kind}: write {RUNS} or {OBSERVATIONS}")
    return WeatherFileOption(path, source, kind)


def _span_h(text: str, option: str) -> int:
    """Parse 24h or 28d as hours."""
    from dayahead.errors import SettingsError

    number, unit = text[:-1], text[-1:]
    if unit not in {"h", "d"} or not number.isdecimal() or int(number) < 1:
        raise SettingsError(f"{option} {text!r}: write hours like 24h or days like 28d")
    return int(number) * (24 if unit == "d" else 1)
