"""Reads source files, and finds the kind of a source."""

import pkgutil
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from inspect import isabstract
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml
from pydantic import ValidationError

from dayahead.errors import SettingsError
from dayahead.reading import kinds
from dayahead.reading.source_kind import FOLDER, SourceKind, kind_faults
from dayahead.reading.succession import fields_of_predecessor, until_of
from dayahead.reading.time_pattern import check_complete
from dayahead.reading.time_text import TimeTexts
from dayahead.source import Source

ENTRY_POINTS = "dayahead.source_kinds"


@cache
def source_kinds() -> Mapping[str, SourceKind]:
    """Every kind of source by its name: the modules of `dayahead/reading/kinds/`, and those of other packages.

    They are looked up once per process.

    Raises:
        SettingsError: two modules define a kind of the same name, or a field that every source has.
    """
    found: dict[str, SourceKind] = {}
    for module in _modules():
        for kind in vars(module).values():
            if isinstance(kind, type) and issubclass(kind, SourceKind) and kind.__module__ == module.__name__:
                if isabstract(kind):
                    continue
                if kind.name in found:
                    raise SettingsError(f"source kind {kind.name} is defined twice: rename that of {module.__name__}")
                if taken := kind.fields.model_fields.keys() & Source.model_fields.keys():
                    raise SettingsError(f"source kind {kind.name} redefines {', '.join(sorted(taken))}: rename them")
                found[kind.name] = kind()
    return found


def _modules() -> Iterator[ModuleType]:
    for module in pkgutil.iter_modules(kinds.__path__):
        yield import_module(f"{kinds.__name__}.{module.name}")
    for entry in entry_points(group=ENTRY_POINTS):
        yield entry.load()


def kind_of(source: Source) -> SourceKind:
    """The kind of a source.

    Raises:
        SettingsError: no module defines it.
    """
    return _known(source_kinds(), source.kind)


def _known(known: Mapping[str, SourceKind], name: object) -> SourceKind:
    if not isinstance(name, str) or name not in known:
        raise SettingsError(f"kind {name!r} is unknown; there are: {', '.join(sorted(known))}")
    return known[name]


def source_of(fields: Mapping[str, Any], folder: Path | None = None) -> Source:
    """A source of the fields of its file.

    Args:
        fields: as in the file. A field of another kind is kept but not used.
        folder: where the file is; paths in it are relative to that.

    Raises:
        SettingsError: a field is missing, invalid or unknown; the message names each.
    """
    known = source_kinds()
    kind = _known(known, fields.get("kind"))
    given = {**kind.defaults, **fields}
    faults: list[str] = []
    own: dict[str, Any] = {}
    try:
        parsed = kind.fields.model_validate(given, context={FOLDER: folder})
        own = parsed.model_dump(mode="json", exclude_unset=True)
    except ValidationError as error:
        faults += kind_faults(kind.name, error)
    if "totals_of" in given:
        faults.append("totals_of: Dayahead sets it; put totals: true into the source whose values are to be summed")
    anywhere = Source.model_fields.keys() | {name for one in known.values() for name in one.fields.model_fields}
    faults += [f"{name}: Extra inputs are not permitted" for name in given if name not in anywhere]
    try:
        source = Source.model_validate({**given, **own})
        TimeTexts(source)
        check_complete(source.time_format)
    except ValidationError as error:
        faults += [f"{'.'.join(map(str, one['loc'])) or 'file'}: {one['msg']}" for one in error.errors()]
    except ValueError as error:  # of the time format
        faults.append(str(error))
    if faults:
        raise SettingsError("; ".join(faults))
    return source if source.predecessor is None else _with_predecessor(source, folder)


def _with_predecessor(source: Source, folder: Path | None) -> Source:
    """Check the predecessor of a source, and make its paths absolute."""
    until_of(source)
    earlier = predecessor_of(source, folder)
    own = {name: value for name, value in (earlier.model_extra or {}).items() if name in (source.predecessor or {})}
    return source.model_copy(update={"predecessor": {**(source.predecessor or {}), **own}})


def predecessor_of(source: Source, folder: Path | None = None) -> Source:
    """The earlier dataset of a source that has one.

    Args:
        source: the later one.
        folder: where its file is, if the paths are still relative to it.

    Raises:
        SettingsError: a field is invalid; the message names each.
    """
    try:
        return source_of(fields_of_predecessor(source), folder)
    except SettingsError as error:
        raise SettingsError(f"predecessor: {error}") from error


def load_source(path: Path) -> Source:
    """Read a source file.

    Raises:
        SettingsError: the file is missing, not YAML, or invalid; the message names each field.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"source file {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"source file {path} is not UTF-8 ({error.reason} at byte {error.start})") from error
    try:
        fields = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SettingsError(f"source file {path} is not YAML: {error}") from error
    if not isinstance(fields, dict):
        raise SettingsError(f"source file {path} must hold `name: value` lines, see ingest/sources/ for examples")
    try:
        return source_of(fields, path.parent)
    except SettingsError as error:
        raise SettingsError(f"source file {path}: {error}") from error
