"""Records as columns: what every kind of source returns, from a file, an API or a replay."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dayahead.reading.arrow import as_numpy

Record = Mapping[str, object]
"""One record of a source: column name -> value."""

Column: TypeAlias = "pa.Array[Any] | list[object]"
"""A column of one type, or of Python objects where the records have several; a missing value is null or None."""

RECORDS_PER_TABLE = 200_000


@dataclass(frozen=True)
class Torn:
    """A piece of an answer that is no record, such as a line with too few columns.

    Attributes:
        record: what is left of it, for its dead letter.
        reason: why it is no record, with its place.
    """

    record: Record
    reason: str


@dataclass(frozen=True, eq=False)
class RecordTable:
    """Some records of a source, in its order.

    Attributes:
        data: one array a column; text where the format has no types (CSV), typed where it has (Parquet).
        name: what is read, for messages: the name of a file; empty for an answer of an API.
        first_line: line of the first record in its file, from 1; 0: it has no lines.
        lines: the line of each record, where they do not follow each other; else None.
        objects: the records where they are objects (JSON), which may lack a column; else None.
    """

    data: pa.Table | None = None
    name: str = ""
    first_line: int = 0
    lines: Sequence[int] | None = None
    objects: Sequence[Record] | None = None
    _columns: dict[str, Column] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        if self.objects is not None:
            return len(self.objects)
        return 0 if self.data is None else self.data.num_rows

    @cached_property
    def columns(self) -> list[str]:
        """Names of the columns: of objects, all that any of them has."""
        if self.objects is not None:
            return list(dict.fromkeys(str(name) for record in self.objects for name in record))
        return [] if self.data is None else list(self.data.column_names)

    def column(self, name: str) -> "Column | None":
        """A column; None if no record has it."""
        if name not in self._columns:
            if name not in self.columns:
                return None
            self._columns[name] = self._read(name)
        return self._columns[name]

    def _read(self, name: str) -> Column:
        if self.objects is not None:
            return column_of([record.get(name) for record in self.objects])
        assert self.data is not None
        array = self.data.column(name).combine_chunks()
        return array if _is_simple(array.type) else array.to_pylist()

    def values(self, name: str) -> Sequence[object]:
        """[n] the values of a column as Python has them; None where it has none."""
        column = self.column(name)
        if column is None:
            return [None] * len(self)
        return plain_values(column)

    def take(self, places: "NDArray[np.int64]") -> "RecordTable":
        """Some of the records, each with its line.

        Args:
            places: of the records, ascending.
        """
        lines = self.lines
        if lines is not None:
            lines = [lines[place] for place in places]
        elif self.first_line:
            lines = (places + self.first_line).tolist()
        data = None if self.data is None else self.data.take(places)
        objects = None if self.objects is None else [self.objects[place] for place in places]
        return replace(self, data=data, objects=objects, lines=lines, _columns={})

    def record(self, index: int) -> Record:
        """One record as it was read."""
        if self.objects is not None:
            return self.objects[index]
        assert self.data is not None
        return {name: _plain(self.data.column(name)[index]) for name in self.columns}

    def value(self, index: int, column: str) -> object:
        """One value as it was read."""
        if self.objects is not None:
            return self.objects[index].get(column)
        assert self.data is not None
        return _plain(self.data.column(column)[index])

    def lacks(self, index: int, column: str) -> bool:
        """Whether one record has no such column at all, not even a null."""
        return column not in (self.columns if self.objects is None else self.objects[index])

    def lacking(self, column: str) -> NDArray[np.bool_]:
        """[n] whether each record has no such column at all."""
        if self.objects is not None:
            return np.array([column not in record for record in self.objects], np.bool_)
        return np.full(len(self), column not in self.columns)

    def without(self, column: str) -> NDArray[np.int64]:
        """Places of the records whose column is null or does not exist."""
        values = self.column(column)
        if values is None:
            return np.arange(len(self))
        if isinstance(values, list):
            return np.flatnonzero([value is None for value in values])
        return np.flatnonzero(as_numpy(values.is_null()))

    def placed(self, reason: str, index: int) -> str:
        """A reason with the place of its record, where it has one."""
        place = self.place(index)
        return f"{place}: {reason}" if place else reason

    def place(self, index: int) -> str:
        """Where a record is, for messages: `LOAD.CSV, line 33`; empty for an answer of an API."""
        line = self.lines[index] if self.lines is not None else self.first_line + index if self.first_line else 0
        return ", ".join([*([self.name] if self.name else []), *([f"line {line}"] if line else [])])


def column_of(values: list[object]) -> Column:
    """An array of values that all are texts, or all numbers; else the values themselves."""
    kinds = {type(value) for value in values}
    kinds.discard(type(None))
    if kinds <= {str}:
        return pa.array(values, pa.string())
    if kinds <= {int, float}:
        try:
            return pa.array(values, pa.int64() if kinds == {int} else pa.float64(), from_pandas=False)
        except (pa.ArrowInvalid, OverflowError):  # an integer that no float holds exactly
            pass
    return values


def tables_of(records: Iterable[Record], name: str = "") -> Iterator[RecordTable]:
    """Records as tables.

    Args:
        records: in the order of the source.
        name: what is read, for messages.
    """
    given = iter(records)
    while part := list(islice(given, RECORDS_PER_TABLE)):
        yield RecordTable(objects=part, name=name)


def plain_values(column: Column) -> Sequence[object]:
    """The values of a column as Python has them."""
    if isinstance(column, list):
        return column
    return [_plain(value) for value in column] if pa.types.is_temporal(column.type) else column.to_pylist()


def _is_simple(kind: "pa.DataType") -> bool:
    """Whether values of a type are computed with as columns; all others are Python objects."""
    is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_dictionary(kind)
    is_span = pa.types.is_duration(kind) or pa.types.is_interval(kind)
    return (
        is_text or pa.types.is_decimal(kind) or pa.types.is_null(kind) or (pa.types.is_primitive(kind) and not is_span)
    )


def _plain(value: "pa.Scalar[Any]") -> object:
    """A value as Python has it; a text where Python cannot hold it, such as nanoseconds or the year 10000."""
    try:
        if pa.types.is_timestamp(value.type) and value.type.unit == "ns":
            value = value.cast(pa.timestamp("us", value.type.tz))
        return value.as_py()
    except (ValueError, OverflowError):
        return value.cast(pa.string()).as_py()
