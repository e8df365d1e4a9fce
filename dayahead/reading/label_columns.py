"""Reads the label columns of a table: which series each record is of."""

import math
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dayahead.errors import ContractError, DeadLetterCode
from dayahead.reading.arrow import as_numpy
from dayahead.reading.arrow import compute as pc
from dayahead.reading.record_table import Column, RecordTable, plain_values
from dayahead.rules import RowRules
from dayahead.series import series_id_of
from dayahead.source import Source

MOST_COUNTED = 4_000_000
"""Combinations of labels up to which they are counted and not sorted."""


class Codes:
    """The values of a column, each as the number of a distinct one.

    Attributes:
        numbers: [n] number of each value.
        values: the distinct values.
    """

    def __init__(self, column: Column) -> None:
        if isinstance(column, list):
            places: dict[object, int] = {}
            self.values: list[object] = []
            numbers = []
            for value in column:
                # 1, 1.0 and True are the same key but not the same label
                key = (type(value), value) if isinstance(value, str | int | float | bytes | None) else (id(value),)
                if key not in places:
                    places[key] = len(self.values)
                    self.values.append(value)
                numbers.append(places[key])
            self.numbers: NDArray[np.int64] = np.array(numbers, np.int64)
        else:
            encoded = pc.dictionary_encode(column, null_encoding="encode")
            self.values = list(plain_values(encoded.dictionary))
            self.numbers = as_numpy(encoded.indices).astype(np.int64)


class SeriesOfRecords:
    """Finds the series of records, each distinct combination of labels once."""

    def __init__(self, source: Source, rules: RowRules) -> None:
        """Start with no series.

        Args:
            source: names the label columns.
            rules: which series the source may have.
        """
        self._source, self._rules = source, rules
        self._known: dict[tuple[tuple[type, object], ...], tuple[str, ...] | ContractError] = {}

    def combinations(
        self, table: RecordTable, suffixes: Sequence[str | None]
    ) -> tuple[NDArray[np.int64], list[tuple[str, ...] | ContractError]]:
        """The combination of labels of each record.

        Args:
            table: n records, which has all label columns.
            suffixes: last label of the series of each value column; None: it adds none.

        Returns:
            [n] number of the combination, and the combinations: the series of each value column, or why there is none.
        """
        numbers, count = np.zeros(len(table), np.int64), 1
        columns: list[tuple[str, Codes]] = []
        for name in self._source.label_columns:
            codes = Codes(_labels_in(table, name))
            columns.append((name, codes))
            numbers, first = _renumbered(numbers * len(codes.values) + codes.numbers, count * len(codes.values))
            count = len(first)
        if not columns:
            first = np.zeros(min(len(table), 1), np.int64)
        found = []
        for place in first.tolist():
            labels = {name: codes.values[codes.numbers[place]] for name, codes in columns}
            key = tuple((type(value), value) for value in labels.values())
            try:
                known = self._known.get((*key, (tuple, tuple(suffixes))))
            except TypeError:  # a list or an object names no series
                known = self._series(labels, suffixes)
            else:
                if known is None:
                    known = self._known[*key, (tuple, tuple(suffixes))] = self._series(labels, suffixes)
            found.append(known)
        return numbers, found

    def _series(self, labels: dict[str, object], suffixes: Sequence[str | None]) -> tuple[str, ...] | ContractError:
        constants = self._source.constant_labels
        try:
            names = [
                constants[name] if name in constants else _label(name, labels[name])
                for name in self._source.key_columns
            ]
            series = tuple(series_id_of([*names, *([] if suffix is None else [suffix])]) for suffix in suffixes)
            for series_id in series:
                self._rules.check_series(series_id)
        except ContractError as error:
            return error
        return series


def _labels_in(table: RecordTable, name: str) -> Column:
    column = table.column(name)
    if column is None:
        return [None] * len(table)
    if table.objects is not None and not isinstance(column, list) and pa.types.is_floating(column.type):
        return [record.get(name) for record in table.objects]  # 12 is 12 also next to 12.5
    return column


def _renumbered(numbers: NDArray[np.int64], count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Number values by rank, and find where each occurs first.

    Args:
        numbers: [n] from 0.
        count: they are below it.
    """
    if count > MOST_COUNTED:
        _, first, ranks = np.unique(numbers, return_index=True, return_inverse=True)
        return ranks.astype(np.int64), first
    place = np.full(count, -1)
    place[numbers[::-1]] = np.arange(len(numbers))[::-1]
    present = np.flatnonzero(place >= 0)
    rank = np.zeros(count, np.int64)
    rank[present] = np.arange(len(present))
    return rank[numbers], place[present]


def _label(column: str, value: object) -> str:
    if value is None:
        raise ContractError(DeadLetterCode.MISSING_FIELD, f"column {column!r} is null but identifies the row")
    is_nan = isinstance(value, float) and math.isnan(value)  # an empty cell of a table
    if is_nan or isinstance(value, bool | bytes | list | dict):
        raise ContractError(DeadLetterCode.BAD_SERIES_ID, f"column {column!r} is {value!r}, which names no series")
    return str(value).strip() if isinstance(value, str) else str(value)
