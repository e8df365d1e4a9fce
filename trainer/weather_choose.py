"""`dayahead weather choose`: proposes which locations the series of a source follow."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psycopg
from pydantic import SecretStr
from rich.table import Table

from dayahead.console import standard_output
from dayahead.errors import NotEnoughHistoryError, SettingsError
from dayahead.hours import Hour, from_hour
from dayahead.models.history import History
from dayahead.reading.source_file import load_source
from dayahead.storage.database import connect
from dayahead.storage.tables.weather_source import load_weather_sources
from dayahead.weather.served import Publications
from trainer.backtest.data_file import read_data_file
from trainer.settings import TrainingSettings
from trainer.training_set import read_training_set
from trainer.training_weather import Span, read_publications
from trainer.weather_file import WeatherFileOption, read_weather_file
from trainer.weather_places import By, Proposals, propose, spoken


@dataclass(frozen=True)
class Chosen:
    """The options of the command.

    Attributes:
        data: path of a data file, or name of a source in TimescaleDB.
        source: file of the source of a data file.
        weather: path of a file of weather, or name of a weather source in TimescaleDB.
        weather_source: file that names the columns of a file of weather.
        weather_kind: what a file of weather holds, runs or observations.
        by: what has a place of its own; None: by the number of series.
        most: locations of a mean at most.
        until: use the hours before this one; None: all.
    """

    data: str
    source: Path | None
    weather: str
    weather_source: Path | None
    weather_kind: str | None
    by: By | None
    most: int
    until: Hour | None


def choose_command(chosen: Chosen, database_url: SecretStr, training: TrainingSettings, now: datetime) -> None:
    """Read, choose and print.

    Args:
        chosen: the options.
        database_url: TimescaleDB; connected to only where a name is given instead of a file.
        training: which values count as observed, and how far back.
        now: the present moment.

    Raises:
        SettingsError: a name is neither a file nor registered.
        SourceError: a file cannot be read.
        StorageError: TimescaleDB does not answer.
        NotEnoughHistoryError: load and weather have no two weeks in common.
    """
    history = _history(chosen, database_url, training, now)
    if chosen.until is not None:
        history = history.until(chosen.until)
    publications, name = _weather(chosen, database_url, history)
    proposals = propose(history, publications, chosen.by, chosen.most)
    if not any(one.locations for one in proposals.each):
        raise NotEnoughHistoryError(
            f"load from {from_hour(history.start):%Y-%m-%dT%H} to {from_hour(history.end - 1):%Y-%m-%dT%H} and the "
            "weather have fewer than two weeks of hours in common: give weather of the same time"
        )
    _print(proposals, name)


def _history(chosen: Chosen, database_url: SecretStr, training: TrainingSettings, now: datetime) -> History:
    path = Path(chosen.data)
    if path.is_file():
        if chosen.source is None:
            raise SettingsError(f"--data {path}: --source gives the source file that names its columns")
        return read_data_file(path, load_source(chosen.source), training.quarantine, now).data.history
    if chosen.source is not None:
        raise SettingsError(f"--data {path}: there is no such file")
    with connect(database_url) as connection:
        return read_training_set(connection, training, only=chosen.data).history


def _weather(chosen: Chosen, database_url: SecretStr, history: History) -> tuple[Publications, str]:
    """The publications, and the name of their weather source."""
    path = Path(chosen.weather)
    if path.is_file():
        file = read_weather_file(WeatherFileOption(path, chosen.weather_source, chosen.weather_kind))
        return file.publications, file.source.name
    if chosen.weather_source is not None:
        raise SettingsError(f"--weather {path}: there is no such file")
    with connect(database_url) as connection:
        return _published(connection, chosen.weather, history), chosen.weather


def _published(connection: psycopg.Connection, name: str, history: History) -> Publications:
    known = load_weather_sources(connection)
    if name not in known:
        raise SettingsError(
            f"--weather {name}: no file, and no weather source of that name is registered; there are: "
            f"{', '.join(sorted(known)) or 'none'}"
        )
    span = Span(history.start, history.end, history.leads)
    found = read_publications(connection, name, list(known[name].source.locations), span)
    if not found:
        raise NotEnoughHistoryError(
            f"weather source {name} has no weather of the time of the load: dayahead weather backfill reads archived "
            "runs"
        )
    return found


def _print(proposals: Proposals, name: str) -> None:
    console = standard_output()
    table = Table(str(proposals.by), "location or mean", "R2", "best one alone", "hours", title="Proposed places")
    for one in proposals.each:
        known = bool(one.locations)
        table.add_row(
            spoken(one.name),
            ", ".join(one.locations) if one.helps else "none helps" if known else "too few hours",
            f"{one.r2:.2f}" if known else "-",
            f"{one.best_r2:.2f}" if known else "-",
            f"{one.hours:,}",
        )
    console.print(table)
    console.print(
        "R2: share of the differences of the load to the day and week before that the temperature explains, on weeks "
        "that the regression has not seen.",
        soft_wrap=True,
        highlight=False,
    )
    idle = [spoken(one.name) for one in proposals.each if one.locations and not one.helps]
    if idle:
        console.print(
            f"No location helps {', '.join(idle)}: forecast from load alone.", markup=False, highlight=False,
            soft_wrap=True,
        )  # fmt: skip
    text = proposals.yaml(name)
    if not text:
        console.print("No weather is proposed: leave the field weather out.", highlight=False, soft_wrap=True)
        return
    console.print("For the source file of the load:", highlight=False)
    console.print(text, markup=False, highlight=False, soft_wrap=True)
