"""Reads a user's file of weather: runs of a model or observations, without any server."""

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from dayahead.errors import NotEnoughHistoryError, SettingsError, SourceUnavailable
from dayahead.grouping import grouped
from dayahead.weather.kinds.weather_file import WeatherFile, fields_of
from dayahead.weather.served import Publications
from dayahead.weather.source import WeatherSource
from dayahead.weather.source_file import SUFFIXES, load_weather_source, weather_source_of
from dayahead.weather.values import Variable

RUNS, OBSERVATIONS = "runs", "observations"

TIME, VALUE, LOCATION, RUN, AVAILABLE = "valid_time", "temperature_c", "location", "run", "available_at"
"""Columns of a file that needs no description."""

KIND = "weather-file"


@dataclass(frozen=True)
class WeatherFileOption:
    """`--weather` and what says how to read it.

    Attributes:
        path: a data file, or the file of a weather source of kind weather-file.
        source: file of a weather source that names the columns of `path`; None where `path` says it.
        holds: runs or observations, where the options say it.
    """

    path: Path
    source: Path | None = None
    holds: str | None = None


@dataclass(frozen=True)
class WeatherOfFile:
    """The temperature in a file.

    Attributes:
        source: how it was read.
        holds: runs or observations.
        publications: of each location.
    """

    source: WeatherSource
    holds: str
    publications: Publications


def read_weather_file(option: WeatherFileOption) -> WeatherOfFile:
    """Read the temperature of a file.

    Raises:
        SettingsError: it is not known what its columns are, or the options contradict its description.
        SourceError: it cannot be read, or a record is not as described.
        NotEnoughHistoryError: it holds no temperature of any location.
    """
    is_described = option.path.suffix in SUFFIXES
    if is_described and option.source is not None:
        raise SettingsError(f"--weather {option.path} describes itself: leave --weather-source out")
    if is_described:
        source, path = load_weather_source(option.path), None
    elif option.source is not None:
        source, path = load_weather_source(option.source), option.path
    else:
        source, path = weather_source_of(_described(option.path, option.holds)), option.path
    if source.kind != KIND:
        raise SettingsError(
            f"weather source {source.name} is of kind {source.kind}, and --weather reads files: backfill it, and run "
            f"the command on TimescaleDB, or describe a file as kind {KIND}"
        )
    holds = fields_of(source).holds
    if option.holds not in {None, holds}:
        raise SettingsError(f"--weather-kind {option.holds}: weather source {source.name} says that it holds {holds}")
    published = [one for part in WeatherFile(source, path).read() for one in part]
    found = grouped((one.location, one) for one in published if one.variable is Variable.TEMPERATURE)
    if not found:
        raise NotEnoughHistoryError(
            f"{path or option.path} has no {Variable.TEMPERATURE} of {', '.join(source.locations)}: compare its "
            f"columns with weather source {source.name}"
        )
    return WeatherOfFile(source, holds, found)


def _described(path: Path, holds: str | None) -> dict[str, object]:
    """The fields of a weather source for a file with the usual columns."""
    columns = _columns(path)
    if missing := [name for name in (TIME, VALUE) if name not in columns]:
        raise SettingsError(
            f"{path} has no column {' and '.join(missing)}: name its columns in the file of a weather source of kind "
            f"{KIND} (docs/weather.md), and give that as --weather-source"
        )
    holds = holds or (RUNS if RUN in columns else OBSERVATIONS)
    if holds == RUNS and RUN not in columns:
        raise SettingsError(f"--weather-kind {RUNS}: {path} has no column {RUN} with the start of each run")
    fields: dict[str, object] = {
        "name": "weather-file",
        "kind": KIND,
        "title": path.name,
        "path": str(path.resolve()),
        "holds": holds,
        "time_column": TIME,
        "value_columns": {Variable.TEMPERATURE.value: VALUE},
        "locations": dict.fromkeys(_locations(path) if LOCATION in columns else [path.stem]),
    }
    if LOCATION in columns:
        fields["location_column"] = LOCATION
    if holds == RUNS:
        fields["start_column"] = RUN
    if AVAILABLE in columns:
        fields["available_column"] = AVAILABLE
    return fields


def _columns(path: Path) -> list[str]:
    """Names of the columns.

    Raises:
        SourceUnavailable: the file cannot be read.
    """
    try:
        if path.suffix == ".parquet":
            return list(pq.read_schema(path).names)
        with pa_csv.open_csv(path) as opened:
            return list(opened.schema.names)
    except (OSError, pa.ArrowInvalid) as error:
        raise SourceUnavailable(f"{path} cannot be read: {error}") from error


def _locations(path: Path) -> list[str]:
    """Names of the locations, sorted."""
    if path.suffix == ".parquet":
        column = pq.read_table(path, columns=[LOCATION])[LOCATION]
    else:
        options = pa_csv.ConvertOptions(include_columns=[LOCATION], column_types={LOCATION: pa.string()})
        column = pa_csv.read_csv(path, convert_options=options)[LOCATION]
    return sorted({str(name).strip() for name in column.unique().to_pylist() if name is not None})
