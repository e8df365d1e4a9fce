"""Reads the files of weather sources, and finds the kind of one."""

import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from inspect import isabstract
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from dayahead.errors import SettingsError
from dayahead.weather import kinds
from dayahead.weather.source import WeatherSource
from dayahead.weather.weather_kind import WeatherSourceKind, fields_in

SUFFIXES = (".yaml", ".yml")


@cache
def weather_kinds() -> Mapping[str, WeatherSourceKind]:
    """Every kind of weather source by its name: the modules of `dayahead/weather/kinds/`."""
    found: dict[str, WeatherSourceKind] = {}
    for one in pkgutil.iter_modules(kinds.__path__):
        module = import_module(f"{kinds.__name__}.{one.name}")
        for kind in vars(module).values():
            if isinstance(kind, type) and issubclass(kind, WeatherSourceKind) and not isabstract(kind):
                found[kind.name] = kind()
    return found


def weather_kind_of(source: WeatherSource) -> WeatherSourceKind:
    """The kind of a weather source.

    Raises:
        SettingsError: no module defines it.
    """
    return _known(source.kind)


def _known(name: object) -> WeatherSourceKind:
    known = weather_kinds()
    if not isinstance(name, str) or name not in known:
        raise SettingsError(f"kind {name!r} is unknown; there are: {', '.join(sorted(known))}")
    return known[name]


def weather_source_of(given: Mapping[str, Any], folder: Path | None = None) -> WeatherSource:
    """A weather source of the fields of its file.

    Args:
        given: as in the file.
        folder: where the file is; paths in it are relative to that.

    Raises:
        SettingsError: a field is missing, invalid or unknown; the message names each.
    """
    kind = _known(given.get("kind"))
    faults = [
        f"{name}: no such field; there are: {', '.join(sorted(_fields(kind)))}"
        for name in given
        if name not in _fields(kind)
    ]
    own: dict[str, Any] = {}
    try:
        own = fields_in(kind, given, folder).model_dump(mode="json", exclude_unset=True)
    except SettingsError as error:
        faults.append(str(error))
    source: WeatherSource | None = None
    try:
        source = WeatherSource.model_validate({**given, **own})
    except ValidationError as error:
        faults += [f"{'.'.join(map(str, one['loc'])) or 'file'}: {one['msg']}" for one in error.errors()]
    if source is not None and not faults:
        if kind.needs_coordinates and (bare := [name for name, place in source.locations.items() if place is None]):
            faults.append(f"locations {', '.join(bare)}: kind {kind.name} needs latitude and longitude of each")
        faults += kind.faults(source)
    if source is None or faults:
        raise SettingsError("; ".join(faults))
    return source


def _fields(kind: WeatherSourceKind) -> set[str]:
    return {*WeatherSource.model_fields, *kind.fields.model_fields}


def load_weather_source(path: Path) -> WeatherSource:
    """Read the file of a weather source.

    Raises:
        SettingsError: the file is missing, not YAML, or invalid; the message names each field.
    """
    try:
        given = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"weather source {path} cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError(f"weather source {path} is not YAML in UTF-8: {error}") from error
    if not isinstance(given, dict):
        raise SettingsError(f"weather source {path} must hold `name: value` lines, see ingest/weather-sources/")
    try:
        return weather_source_of(given, path.parent)
    except SettingsError as error:
        raise SettingsError(f"weather source {path}: {error}") from error


def load_weather_sources(paths: list[Path]) -> list[WeatherSource]:
    """Read the weather sources of files and folders.

    Raises:
        SettingsError: a file is invalid, a folder has no file, or a name is used twice.
    """
    sources: list[WeatherSource] = []
    for path in paths:
        files = sorted(file for file in path.iterdir() if file.suffix in SUFFIXES) if path.is_dir() else [path]
        if not files:
            raise SettingsError(f"folder {path} holds no weather source (*.yaml)")
        sources += [load_weather_source(file) for file in files]
    names = [source.name for source in sources]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise SettingsError(f"weather source {', '.join(repeated)} is given more than once: give each name once")
    return sources
