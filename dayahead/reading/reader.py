"""The interface of every kind of source: read the records of some hours."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from dayahead.hours import Hour
from dayahead.reading.records import Record


@dataclass(frozen=True)
class Answer:
    """The records of some hours.

    Attributes:
        records: in the order of the source; may include more hours than requested.
        cut_at: hour at which the source truncated its answer: all hours before it are complete, continue here.
    """

    records: Sequence[Record]
    cut_at: Hour | None = None


class Reader(Protocol):
    """Reads one source."""

    def read(self, start: Hour, end: Hour | None) -> Answer:
        """The records from `start` (inclusive) to `end` (exclusive; None: to the newest).

        Raises:
            SourceUnavailable: a retry may succeed.
            SourceRefused: a retry would not help.
        """
