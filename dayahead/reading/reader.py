"""What every kind of source can do: give the records of some hours."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from dayahead.hours import Hour
from dayahead.reading.records import Record


@dataclass(frozen=True)
class Answer:
    """The records of some hours.

    Attributes:
        records: in the order of the source; a reader may give more hours than it was asked for.
        cut_at: where the source cut its answer short: every hour before it is whole, read on from here.
    """

    records: Sequence[Record]
    cut_at: Hour | None = None


class Reader(Protocol):
    """Reads one source."""

    def read(self, start: Hour, end: Hour | None) -> Answer:
        """The records from `start` (inclusive) to `end` (exclusive; None: all there are).

        Raises:
            SourceUnavailable: the source may answer later.
            SourceRefused: it will not, however often it is asked.
        """
