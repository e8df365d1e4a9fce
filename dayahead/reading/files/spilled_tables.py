"""Keeps the tables of a large file on disk, divided by day, so that a page of it costs what its own records do.

The file has no name: it is gone when it is closed, or when the process is killed. It lies where temporary files do
(`TMPDIR`) and takes about as much room as the file that was parsed.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from tempfile import TemporaryFile
from typing import Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dayahead.errors import DayaheadError
from dayahead.reading.files.near_hours import UNKNOWN, DayRange, days_in
from dayahead.reading.record_table import RecordTable
from dayahead.source import Source

BUCKET_DAYS = 32
LINE = "\0line"
"""Column that holds the line of each record, where they do not follow each other; no file can name it so."""


class CannotSpillError(DayaheadError):
    """Records are objects, or their days are not recognized."""


@dataclass(frozen=True)
class _Piece:
    """Some records on disk.

    Attributes:
        place: of the first byte.
        days: that they may have; None: any.
        without_data: the table without its records.
    """

    place: int
    days: DayRange | None
    without_data: RecordTable


class SpilledTables:
    """The tables of one version of a file."""

    def __init__(self, source: Source) -> None:
        """Create the file.

        Args:
            source: names the columns.

        Raises:
            OSError: there is no room for temporary files.
        """
        self._source = source
        self._file = TemporaryFile(prefix="dayahead-")  # noqa: SIM115 - closed by `close`
        self._pieces: list[_Piece] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the disk."""
        self._file.close()

    def add(self, table: RecordTable) -> None:
        """Write a table.

        Raises:
            CannotSpillError: it cannot be divided by day.
            OSError: the disk is full.
        """
        days = days_in(table, self._source)
        if table.data is None or days is None:
            raise CannotSpillError
        buckets = np.where(days == UNKNOWN, UNKNOWN, days // BUCKET_DAYS)
        distinct, first = np.unique(buckets, return_index=True)
        for bucket in distinct[np.argsort(first)].tolist():  # in the order of the file
            part = table if len(distinct) == 1 else table.take(np.flatnonzero(buckets == bucket))
            self._write(part, None if bucket == UNKNOWN else _days_of_bucket(bucket))

    def _write(self, part: RecordTable, days: DayRange | None) -> None:
        data = part.data
        assert data is not None
        if part.lines is not None:
            data = data.append_column(LINE, pa.array(np.array(part.lines, np.int64)))
        place = self._file.seek(0, 2)
        with pa.ipc.new_stream(self._file, data.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as stream:
            stream.write_table(data)
        self._pieces.append(_Piece(place, days, replace(part, data=None, lines=None, _columns={})))

    def tables(self, wanted: DayRange) -> Iterator[RecordTable]:
        """The tables that may have records of some days, in the order of the file.

        Args:
            wanted: the days.

        Raises:
            OSError: the disk fails.
        """
        for piece in self._pieces:
            if piece.days is None or piece.days.overlaps(wanted):
                self._file.seek(piece.place)
                with pa.ipc.open_stream(self._file) as stream:
                    data = stream.read_all()
                lines: list[int] | None = None
                if LINE in data.column_names:
                    lines = _integers(data.column(LINE).to_numpy())
                    data = data.drop_columns([LINE])
                yield replace(piece.without_data, data=data, lines=lines, _columns={})


def _days_of_bucket(bucket: int) -> DayRange:
    return DayRange(bucket * BUCKET_DAYS, (bucket + 1) * BUCKET_DAYS - 1)


def _integers(lines: NDArray[np.int64]) -> list[int]:
    return [int(line) for line in lines]
