"""Makes weather of the records of data files."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dayahead.errors import SourceRefused
from dayahead.grouping import runs
from dayahead.hours import HOUR_S, HOUR_US, Hour
from dayahead.reading.files.open_tables import open_tables
from dayahead.reading.label_columns import Codes
from dayahead.reading.record_table import RecordTable, Torn
from dayahead.reading.time_columns import TimeColumns
from dayahead.reading.value_columns import ValueColumns
from dayahead.source import Source
from dayahead.weather.hour_means import hour_means
from dayahead.weather.message import LIMITS
from dayahead.weather.source import WeatherSource
from dayahead.weather.units import converter, units_of
from dayahead.weather.values import Variable, WeatherKind, WeatherValues
from dayahead.weather.weather_file_fields import WeatherFileFields

DAY_H = 24
SECOND_US = 1_000_000


class _Columns(Source):
    """The columns of a file of weather, for the readers of data files."""

    needed: list[str]

    @property
    def data_columns(self) -> list[str]:
        """Every column that is read."""
        return self.needed


@dataclass(frozen=True)
class _Records:
    """Records of files.

    Attributes:
        location: [n] number of the location.
        time_s: [n] of the value, seconds since 1970.
        start_us: [n] of the run, microseconds since 1970; 0 for observations.
        available_us: [n]; -1 where the file does not say it.
        values: by variable, [n] in its unit; NaN where there is none.
    """

    location: NDArray[np.int64]
    time_s: NDArray[np.int64]
    start_us: NDArray[np.int64]
    available_us: NDArray[np.int64]
    values: dict[Variable, NDArray[np.float64]]

    def take(self, places: NDArray[np.int64]) -> "_Records":
        return _Records(
            self.location[places],
            self.time_s[places],
            self.start_us[places],
            self.available_us[places],
            {name: values[places] for name, values in self.values.items()},
        )


def values_of_files(paths: Sequence[Path], source: WeatherSource, fields: WeatherFileFields) -> list[WeatherValues]:
    """All values of files.

    Args:
        paths: of the files.
        source: kind weather-file.
        fields: its fields.

    Raises:
        SourceUnavailable: a file is missing or damaged.
        SourceRefused: a record is not as the source describes it; the message names it.
    """
    reader = _TableReader(source, fields)
    parts = [part for path in paths for part in reader.records(path)]
    if not parts:
        return []
    all_of = _Records(
        location=np.concatenate([part.location for part in parts]),
        time_s=np.concatenate([part.time_s for part in parts]),
        start_us=np.concatenate([part.start_us for part in parts]),
        available_us=np.concatenate([part.available_us for part in parts]),
        values={one: np.concatenate([part.values[one] for part in parts]) for one in source.variables},
    )
    return list(_values(all_of, source, fields))


class _TableReader:
    """Reads the columns of tables."""

    def __init__(self, source: WeatherSource, fields: WeatherFileFields) -> None:
        self._weather, self._fields = source, fields
        times = [fields.time_column, fields.start_column, fields.available_column]
        self._form = _Columns.model_validate(
            {
                "name": source.name,
                "kind": source.kind,
                "title": source.title,
                "unit": "-",
                "key_columns": ["location"],
                "value_column": "value",
                "time_column": fields.time_column,
                "time_format": fields.time_format,
                "delimiter": fields.delimiter,
                "decimal": fields.decimal,
                "null_marks": fields.null_marks,
                "needed": list(
                    dict.fromkeys(
                        name
                        for name in [*times, fields.location_column, *map(fields.value_columns.get, source.variables)]
                        if name is not None
                    )
                ),
            }
        )
        self._times = {name: TimeColumns(self._form.model_copy(update={"time_column": name})) for name in times if name}
        self._numbers = ValueColumns(self._form)
        self._locations = {name: number for number, name in enumerate(source.locations)}

    def records(self, path: Path) -> Iterator[_Records]:
        """Read one file."""
        torn: list[Torn] = []
        for table in open_tables(path, self._form, torn):
            if torn:
                raise SourceRefused(f"{path.name} is not as weather source {self._weather.name} says: {torn[0].reason}")
            if len(table):
                yield self._of_table(table)
        if torn:
            raise SourceRefused(f"{path.name} is not as weather source {self._weather.name} says: {torn[0].reason}")

    def _of_table(self, table: RecordTable) -> _Records:
        fields, size = self._fields, len(table)
        start_us, available_us = np.zeros(size, np.int64), np.full(size, -1, np.int64)
        if fields.start_column:
            start_us = self._moments(table, fields.start_column)
            if (bad := np.flatnonzero(start_us % HOUR_US)).size:
                raise self._refused(table, int(bad[0]), fields.start_column, "is not the start of an hour")
        if fields.available_column:
            available_us = self._moments(table, fields.available_column)
        times_us = self._moments(table, fields.time_column)
        if (bad := np.flatnonzero(times_us % SECOND_US)).size:
            raise self._refused(table, int(bad[0]), fields.time_column, "has parts of a second")
        values = {one: self._values(table, one, fields.value_columns[one]) for one in self._weather.variables}
        return _Records(self._locations_of(table), times_us // SECOND_US, start_us, available_us, values)

    def _moments(self, table: RecordTable, column: str) -> NDArray[np.int64]:
        times = self._times[column].read(table)
        if (bad := np.flatnonzero(~times.ok)).size:
            raise self._refused(table, int(bad[0]), column, f"is no time in the format {self._form.time_format}")
        return times.wall_us

    def _locations_of(self, table: RecordTable) -> NDArray[np.int64]:
        column = self._fields.location_column
        if column is None:
            return np.zeros(len(table), np.int64)
        cells = table.column(column)
        assert cells is not None  # the header was checked
        codes = Codes(cells)
        # other places than those of the source are left out
        places = [self._locations.get(str(value).strip(), -1) for value in codes.values]
        return np.array(places, np.int64)[codes.numbers]

    def _values(self, table: RecordTable, variable: Variable, column: str) -> NDArray[np.float64]:
        cells = table.column(column)
        assert cells is not None
        numbers = self._numbers.read(cells)
        if (bad := np.flatnonzero(~numbers.ok & ~numbers.absent)).size:
            raise self._refused(table, int(bad[0]), column, "is no number: null_marks names texts for missing values")
        unit = self._fields.units.get(variable, units_of(variable)[0])
        convert = converter(variable, unit)
        assert convert is not None  # the fields were checked
        values = convert(np.where(numbers.ok, numbers.values, np.nan))
        low, high = LIMITS[variable]
        if (bad := np.flatnonzero((values < low) | (values > high))).size:
            found = f"makes {values[bad[0]]:g} of {variable}, beyond {low:g} to {high:g}: check units"
            raise self._refused(table, int(bad[0]), column, found)
        return values

    def _refused(self, table: RecordTable, index: int, column: str, reason: str) -> SourceRefused:
        value = table.value(index, column)
        return SourceRefused(
            f"weather source {self._weather.name}: " + table.placed(f"column {column!r} is {value!r}, {reason}", index)
        )


def _values(records: _Records, source: WeatherSource, fields: WeatherFileFields) -> Iterator[WeatherValues]:
    """Group records by publication; of equal times of one the last record counts."""
    names = list(source.locations)
    records = records.take(np.flatnonzero(records.location >= 0))
    stamp = fields.time_label
    version = records.available_us if fields.holds == "runs" else np.zeros_like(records.available_us)
    order = np.lexsort((np.arange(len(version)), records.time_s, version, records.start_us, records.location))
    records = records.take(order)
    keys = [records.location, records.start_us, version[order]]
    changes = np.cumsum(np.concatenate([[0], (np.diff(np.stack(keys), axis=1) != 0).any(axis=0)]).astype(np.int64))
    for begin, end in runs(changes):
        part = records.take(np.arange(begin, end))
        last = np.append(part.time_s[1:] != part.time_s[:-1], True)
        part = part.take(np.flatnonzero(last))
        for variable in source.variables:
            known = np.flatnonzero(np.isfinite(part.values[variable]))
            if known.size:
                where = f"weather source {source.name}, location {names[int(part.location[0])]}"
                try:
                    first, means = hour_means(part.time_s[known], part.values[variable][known], stamp)
                except ValueError as error:
                    raise SourceRefused(f"{where}: {error}") from error
                if not means.size:
                    continue
                if fields.holds == "runs":
                    yield from _run(part, names, variable, first, means, source, where)
                else:
                    yield from _days(part, names, variable, first, means, source)


def _run(
    part: _Records,
    names: Sequence[str],
    variable: Variable,
    first: Hour,
    means: NDArray[np.float32],
    source: WeatherSource,
    where: str,
) -> Iterator[WeatherValues]:
    start_us, available_us = int(part.start_us[0]), int(part.available_us[0])
    start = start_us // HOUR_US
    if available_us < 0:
        available_us = start_us + round(source.delay_h * HOUR_US)
    if available_us < start_us:
        raise SourceRefused(f"{where}: a run is available before it starts: check available_column and start_column")
    if first < start:  # a mean that ends at the start of the run belongs to the hour before
        means, first = means[start - first :], start
    if means.size:
        yield WeatherValues(names[int(part.location[0])], variable, WeatherKind.RUN, start, available_us, first, means)


def _days(
    part: _Records,
    names: Sequence[str],
    variable: Variable,
    first: Hour,
    means: NDArray[np.float32],
    source: WeatherSource,
) -> Iterator[WeatherValues]:
    """Observed hours, a publication for each day of UTC: available when the last of its hours is."""
    location = names[int(part.location[0])]
    hours = part.time_s // HOUR_S
    for day in range(first - first % DAY_H, first + len(means), DAY_H):
        low, high = max(day, first), min(day + DAY_H, first + len(means))
        values = means[low - first : high - first]
        known = np.flatnonzero(np.isfinite(values))
        if known.size:
            low, values = low + int(known[0]), values[known[0] : known[-1] + 1]
            end = low + len(values)
            said = part.available_us[np.searchsorted(hours, low) : np.searchsorted(hours, end, "right")]
            due_us = end * HOUR_US + round(source.delay_h * HOUR_US) if said.max() < 0 else int(said.max())
            yield WeatherValues(location, variable, WeatherKind.OBSERVED, low, due_us, low, values)
