"""The hour of each record, for what selects records by their hour before they are converted."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from dayahead.errors import ContractError
from dayahead.reading.label_columns import SeriesOfRecords
from dayahead.reading.record_table import RecordTable
from dayahead.reading.time_columns import TimeColumns
from dayahead.reading.wall_times import WallTimes
from dayahead.record_format import HOUR_MINUTES
from dayahead.rules import RowRules
from dayahead.source import Source

NO_HOUR = np.iinfo(np.int64).min


def record_hours(tables: Iterable[RecordTable], source: Source) -> NDArray[np.int64]:
    """The hours in which the periods of records lie.

    Args:
        tables: of one answer, in its order.
        source: their definition.

    Returns:
        [n] hours since 1970; NO_HOUR for a record whose time or series cannot be read.
    """
    times, zone = TimeColumns(source), WallTimes(source)
    series_of = SeriesOfRecords(source, RowRules(source))
    numbers: dict[object, int] = {}
    pieces = []
    for table in tables:
        combination, series = series_of.combinations(table, list(source.values_in(table.columns).values()))
        known = np.array([not isinstance(one, ContractError) for one in series], np.bool_)
        number = np.array([numbers.setdefault(one, len(numbers)) for one in series], np.int32)
        read = times.read(table)
        placed = zone.place(read, lambda _: "")
        ok = read.ok & known[combination]
        ok[list(placed.faults)] = False
        pieces.append((placed.minute, ok, placed.open & ok, placed.wall, read.mark, number[combination]))
    if not pieces:
        return np.zeros(0, np.int64)
    minute, ok, is_open, wall, mark, series_number = (np.concatenate(column) for column in zip(*pieces, strict=True))
    if is_open.any():
        minute[is_open] = zone.settle(series_number[is_open], wall[is_open], mark[is_open])
    hours: NDArray[np.int64] = (minute - (source.time_label == "end")) // HOUR_MINUTES
    return np.where(ok, hours, NO_HOUR)
