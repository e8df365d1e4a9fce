"""The records that the replay publishes, by hour."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from dayahead.errors import ContractError, SettingsError
from dayahead.hours import Hour
from dayahead.reading.local_time import LocalTimes
from dayahead.reading.record_table import Record
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
    """Read a data file.

    Args:
        source: names its columns and the zone of its times.
        data: CSV or Parquet.

    Raises:
        SettingsError: the file cannot be read, is empty, or lacks a column of the source.
    """
    try:
        table = (
            pq.read_table(data)
            if data.suffix == ".parquet"
            else pyarrow.csv.read_csv(data, parse_options=pyarrow.csv.ParseOptions(delimiter=source.delimiter))
        )
    except (OSError, pa.ArrowInvalid) as error:
        raise SettingsError(f"{data} cannot be read: {error}") from error
    if missing := [name for name in source.data_columns if name not in table.column_names]:
        raise SettingsError(f"{data} has no column {', '.join(missing)}, which source {source.name} names")
    times = LocalTimes(source.time_zone)
    records = table.to_pylist()
    times.learn_direction(record[source.times[0]] for record in records)
    keys = [name for name in source.key_columns if name not in source.constant_labels]
    try:
        hours = [
            times.minute_of(record[source.times[0]], tuple(str(record[key]) for key in keys)) // 60
            for record in records
        ]
    except ContractError as error:
        raise SettingsError(f"{data} has a time that cannot be replayed: {error.reason}") from error
    if not records:
        raise SettingsError(f"{data} contains no records")
    order = sorted(range(len(records)), key=hours.__getitem__)
    return ReplayRecords(
        columns=table.column_names,
        records=[records[index] for index in order],
        record_hours=[hours[index] for index in order],
        hours=sorted(set(hours)),
    )
