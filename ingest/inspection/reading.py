"""Reads a source as it will be read, and sums up what came of it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from dayahead.hours import Hour
from dayahead.reading.converter import convert_answer
from dayahead.reading.reader import Answer
from dayahead.reading.records import Conversion, Rejection
from dayahead.source import Source


@dataclass(frozen=True)
class Gap:
    """Missing hours of a series.

    Attributes:
        series_id: the series.
        first, last: the missing hours, both inclusive.
    """

    series_id: str
    first: Hour
    last: Hour


@dataclass(frozen=True)
class ReadResult:
    """What reading a source gave.

    Attributes:
        conversion: hours and rejections.
        first, last: of all hours; None if there is none.
        longest: hours of the series with the most of them.
        missing: hours between the first and the last one of a series that are missing, of all series.
        gap: the longest gap of any series.
        rejected: number of rejected records by code, the most frequent first, each with its first one.
    """

    conversion: Conversion
    first: Hour | None
    last: Hour | None
    longest: int
    missing: int
    gap: Gap | None
    rejected: Sequence[tuple[str, int, Rejection]]

    @property
    def names(self) -> Sequence[str]:
        """The series with hours."""
        hours = self.conversion.hours
        return [hours.names[place] for place in np.unique(hours.series).tolist()]


def read_result(answer: Answer, source: Source, now: datetime) -> ReadResult:
    """Convert an answer of a source and sum it up.

    Args:
        answer: of its reader.
        source: its definition.
        now: the present moment.
    """
    conversion = convert_answer(answer, source, now)
    hours = conversion.hours
    counts = Counter(str(rejection.code) for rejection in conversion.rejections)
    examples: dict[str, Rejection] = {}
    for rejection in conversion.rejections:
        examples.setdefault(str(rejection.code), rejection)
    rejected = [(code, count, examples[code]) for code, count in counts.most_common()]
    if not len(hours):
        return ReadResult(conversion, None, None, 0, 0, None, rejected)
    order = np.lexsort((hours.hour, hours.series))
    series, hour = hours.series[order], hours.hour[order]
    steps = np.where(series[1:] == series[:-1], hour[1:] - hour[:-1], 1)
    gap = None
    if len(steps) and steps.max() > 1:
        place = int(np.argmax(steps))
        gap = Gap(hours.names[series[place]], int(hour[place]) + 1, int(hour[place + 1]) - 1)
    longest = int(np.bincount(series).max())
    missing = int(np.sum(steps - 1))
    return ReadResult(conversion, int(hour.min()), int(hour.max()), longest, missing, gap, rejected)
