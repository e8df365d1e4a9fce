"""The interface of a kind of weather source: its additional fields in the file, and its reader.

A kind is one module in `dayahead/weather/kinds/`. Nothing else knows the kinds (docs/weather.md).
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar, Protocol

from pydantic import ValidationError

from dayahead.errors import SettingsError
from dayahead.hours import Hour
from dayahead.reading.source_kind import KindFields, Surroundings, kind_faults
from dayahead.weather.publication import Variables
from dayahead.weather.source import WeatherSource


class WeatherReader(Protocol):
    """Reads one weather source, without retries.

    Attributes:
        chunk_h: hours that one call of `archive` should span.
    """

    chunk_h: int

    def news(self, newest: Hour | None, now: datetime) -> Sequence[Variables]:
        """What became known since the last read, oldest first; empty while a run that is due is not there yet.

        Args:
            newest: start of the newest run that was published, or of the newest observed hour; None: nothing was, and
                the hours that windows need are read as well.
            now: the present moment; what is read now is available from it on, unless its publisher says when.

        Raises:
            SourceUnavailable: a retry may succeed.
            SourceRefused: a retry would not help.
        """

    def archive(self, first: Hour, end: Hour) -> Sequence[Variables]:
        """The archived runs that start from `first` to before `end`, or the hours between, oldest first.

        A run that the archive does not have is left out. What it has is dated as its publisher says, or by `delay_h`.

        Raises:
            SourceUnavailable, SourceRefused: see `news`.
        """


class WeatherSourceKind(ABC):
    """A way to read a weather source; stateless, one instance for all sources of the kind.

    Attributes:
        name: the value of `kind` in the file.
        fields: fields that the kind adds to the file.
        needs_coordinates: whether each location needs its latitude and longitude.
    """

    name: ClassVar[str]
    fields: ClassVar[type[KindFields]] = KindFields
    needs_coordinates: ClassVar[bool] = False

    @abstractmethod
    def reader(self, source: WeatherSource, surroundings: Surroundings) -> WeatherReader:
        """Make the reader of a source, without reading.

        Raises:
            SettingsError: this source cannot be read, e.g. since its key is not set.
        """

    def faults(self, source: WeatherSource) -> list[str]:
        """What is wrong with a source, beyond single fields, as parts of a message."""
        return []


def fields_in(kind: WeatherSourceKind, given: Mapping[str, object], folder: object = None) -> KindFields:
    """The fields of a kind.

    Args:
        kind: of the source.
        given: what the file, or the stored definition, has.
        folder: where the file is; paths in it are relative to that.

    Raises:
        SettingsError: a field is missing or invalid; the message names each.
    """
    try:
        return kind.fields.model_validate(given, context={"folder": folder})
    except ValidationError as error:
        raise SettingsError("; ".join(kind_faults(kind.name, error))) from error
