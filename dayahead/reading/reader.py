"""The interface of every kind of source: read the records of some hours."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

from dayahead.hours import Hour
from dayahead.reading.record_table import Record, RecordTable, Torn, tables_of
from dayahead.source import Source


@dataclass(frozen=True)
class Answer:
    """The records of some hours.

    Attributes:
        tables: in the order of the source; may include more hours than requested. Read once.
        torn: pieces that are no records. Complete when the tables have been read.
        cut_at: hour at which the source truncated its answer: all hours before it are complete, continue here.
        source: definition of the records where it differs from that of the source read: an earlier dataset of it.
        until: hours from this one on do not count, although there may be records of them.
    """

    tables: Iterable[RecordTable]
    torn: Sequence[Torn] = ()
    cut_at: Hour | None = None
    source: Source | None = None
    until: Hour | None = None

    @classmethod
    def of(cls, records: Iterable[Record], cut_at: Hour | None = None) -> Self:
        """An answer of records that are objects."""
        return cls(tuple(tables_of(records)), cut_at=cut_at)

    @property
    def records(self) -> Sequence[Record]:
        """The records one by one, for an answer that is small."""
        return [table.record(index) for table in self.tables for index in range(len(table))]


class Reader(Protocol):
    """Reads one source."""

    def read(self, start: Hour, end: Hour | None) -> Answer:
        """The records from `start` (inclusive) to `end` (exclusive; None: to the newest).

        Raises:
            SourceUnavailable: a retry may succeed.
            SourceRefused: a retry would not help.
        """
