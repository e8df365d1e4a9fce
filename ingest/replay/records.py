"""The records that the replay publishes, by hour."""

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dayahead.errors import SettingsError, SourceError
from dayahead.hours import Hour
from dayahead.reading.files.open_tables import open_tables
from dayahead.reading.record_hours import NO_HOUR, record_hours
from dayahead.reading.record_table import Record, RecordTable, Torn
from dayahead.reading.value_columns import ValueColumns
from dayahead.record_format import ALL_COLUMNS
from dayahead.source import Source


@dataclass(frozen=True)
class ReplayRecords:
    """All records of a data file.

    Attributes:
        columns: names, in the order of the file.
        records: ascending by hour; within an hour in the order of the file.
        record_hours: the hour of each record.
        hours: each hour once, ascending.
    """

    columns: Sequence[str]
    records: Sequence[Record]
    record_hours: Sequence[Hour]
    hours: Sequence[Hour]

    def between(self, start: Hour | None, end: Hour) -> Sequence[Record]:
        """The records from `start` (inclusive; None: the first) to `end` (exclusive)."""
        first = 0 if start is None else bisect_left(self.record_hours, start)
        return self.records[first : bisect_left(self.record_hours, end)]


def load_records(source: Source, data: Path) -> ReplayRecords:
    """Read a data file as a poll or a backfill would.

    Numbers that are text become numbers, as an API sends them; everything else, also what a poll will reject, is
    published as it is. A record without a time is published with the one before it.

    Args:
        source: names its columns and how they are written.
        data: any data file.

    Raises:
        SettingsError: the file cannot be read, is empty, or lacks a column of the source.
    """
    # an API answers with all columns of a dataset, not only with those that a source names
    whole = source.model_copy(update={"value_columns": ALL_COLUMNS})
    torn: list[Torn] = []
    try:
        tables = list(open_tables(data, whole, torn))
    except SourceError as error:
        raise SettingsError(str(error)) from error
    hours = record_hours(tables, source)
    known = hours != NO_HOUR
    if not known.any():
        raise SettingsError(f"{data} contains no records with a time: check time_column and time_format of the source")
    newest_known = np.maximum.accumulate(np.where(known, np.arange(len(hours)), 0))
    hours = np.where(known, hours, hours[np.where(known[newest_known], newest_known, np.argmax(known))])
    records = [record for table in tables for record in _as_of_an_api(table, source)]
    order = np.argsort(hours, kind="stable").tolist()
    return ReplayRecords(
        columns=tables[0].columns,
        records=[records[index] for index in order],
        record_hours=hours[order].tolist(),
        hours=np.unique(hours).tolist(),
    )


def _as_of_an_api(table: RecordTable, source: Source) -> Iterator[Record]:
    """The records of a table, with numbers that are no text."""
    numbers = {}
    values = ValueColumns(source.model_copy(update={"scale": 1.0}))
    for name in source.values_in(table.columns):
        column = table.column(name)
        if column is not None:
            read = values.read(column)
            numbers[name] = np.where(read.ok, read.values, np.nan).tolist()
    for index in range(len(table)):
        record = dict(table.record(index))
        for name, parsed in numbers.items():
            if isinstance(record[name], str) and not math.isnan(parsed[index]):
                record[name] = parsed[index]
        yield record
