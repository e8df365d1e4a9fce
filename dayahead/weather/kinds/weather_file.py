"""Reads weather from data files: runs of a model, or observed hours."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from dayahead.hours import Hour, to_hour, to_microseconds
from dayahead.reading.files.file_errors import with_source_errors
from dayahead.reading.files.found_files import FileVersion, check_ending, find_files, version_of
from dayahead.reading.source_kind import Surroundings
from dayahead.weather.publication import Variables, publications_of
from dayahead.weather.source import WeatherSource
from dayahead.weather.weather_file_fields import WeatherFileFields
from dayahead.weather.weather_file_table import values_of_files
from dayahead.weather.weather_kind import WeatherSourceKind, fields_in

YEAR_H = 366 * 24


class WeatherFileKind(WeatherSourceKind):
    """One data file, or several with the same columns."""

    name = "weather-file"
    fields = WeatherFileFields

    def reader(self, source: WeatherSource, surroundings: Surroundings) -> "WeatherFile":
        """See `WeatherSourceKind.reader`."""
        return WeatherFile(source)

    def faults(self, source: WeatherSource) -> list[str]:
        """See `WeatherSourceKind.faults`."""
        fields = fields_of(source)
        faults = []
        if missing := [one.value for one in source.variables if one not in fields.value_columns]:
            faults.append(f"value_columns: no column for {', '.join(missing)}, which variables names")
        if fields.location_column is None and len(source.locations) > 1:
            faults.append("location_column: a source with several locations needs the column with their names")
        return faults


def fields_of(source: WeatherSource) -> WeatherFileFields:
    """The fields of a source of this kind.

    Raises:
        SettingsError: a field is missing or invalid.
    """
    fields = fields_in(WeatherFileKind(), source.model_extra or {})
    assert isinstance(fields, WeatherFileFields)
    return fields


class WeatherFile:
    """Files, each read again when it changes, so that its writer can append to it or replace it.

    Attributes:
        chunk_h: hours of starts that one call of `archive` should span.
    """

    chunk_h = YEAR_H

    def __init__(self, source: WeatherSource, path: Path | None = None) -> None:
        """Store the arguments; nothing is opened.

        Args:
            source: kind weather-file.
            path: a file, folder or pattern; by default that of the source.

        Raises:
            SettingsError: no file with this ending can be read.
        """
        self._source, self._fields = source, fields_of(source)
        self._path = path or self._fields.path
        check_ending(self._path)
        self._versions: list[FileVersion] | None = None
        self._publications: list[Variables] = []
        self._returned: set[tuple[object, ...]] = set()

    def news(self, newest: Hour | None, now: datetime) -> Sequence[Variables]:
        """See `WeatherReader.news`.

        The newest `history_h` hours of what is available by now, as far as this reader has not returned it: a run that
        is corrected is news. A value that becomes available later is returned then.
        """
        there = [one for one in self.read() if one[0].available_us <= to_microseconds(now)]
        last = min(max((one[0].end for one in there), default=0), to_hour(now))
        fresh = [one for one in there if one[0].end > last - self._source.history_h]
        fresh = [one for one in fresh if _identity(one) not in self._returned]
        self._returned.update(map(_identity, fresh))
        return fresh

    def archive(self, first: Hour, end: Hour) -> Sequence[Variables]:
        """See `WeatherReader.archive`."""
        return [one for one in self.read() if first <= one[0].start < end]

    def read(self) -> Sequence[Variables]:
        """All publications in the files, oldest first; parsed again only where a file has changed.

        Raises:
            SourceUnavailable: there is no file (yet), or it is damaged or still being written.
            SourceRefused: a record is not as the source describes it; the message names it.
        """
        with with_source_errors(self._path):
            paths = find_files(self._path)
            versions = [version_of(path) for path in paths]
        if versions != self._versions:
            self._publications = publications_of(values_of_files(paths, self._source, self._fields))
            self._versions = versions
        return self._publications


def _identity(publication: Variables) -> tuple[object, ...]:
    return tuple(
        (one.location, one.variable, one.start, one.available_us, one.first, one.values.tobytes())
        for one in publication
    )
