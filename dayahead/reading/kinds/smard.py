"""Reads SMARD, the market data of the German regulator (Bundesnetzagentur), from the files that its own page reads.

They are described at https://smard.api.bund.dev: `index_{resolution}.json` lists the moments at which the files of a
series start, and each file holds the values from there on, about a week, as pairs of a moment and a value. Moments are
milliseconds since 1970, so a change of the clocks shows only as a week of 167 or 169 hours. A value that is not
published yet is null; the newest file is rewritten as values come.
"""

from collections.abc import Sequence
from itertools import zip_longest
from math import inf
from typing import TypeGuard

from pydantic import Field

from dayahead.hours import HOUR_S, Hour
from dayahead.reading.http.fetcher import Fetcher
from dayahead.reading.http.fields import HttpFields
from dayahead.reading.http.rate import Rate
from dayahead.reading.http.reply import Reply
from dayahead.reading.reader import Answer
from dayahead.reading.record_table import Record
from dayahead.reading.source_kind import SourceKind, Surroundings
from dayahead.source import Source

HOUR_MS = HOUR_S * 1000
RATE = Rate(60, 60)
"""The publisher states none; a poll of one region sends two requests."""

Pair = tuple[int, object]


class SmardFields(HttpFields):
    """Fields of a source file for this kind."""

    smard_filter: int = Field(ge=1, description="Number of the series at SMARD: 410 is the grid load, 411 its forecast")
    regions: list[str] = Field(
        min_length=1, description="Countries and control areas: DE, 50Hertz, Amprion, TenneT, TransnetBW"
    )
    resolution: str = Field(
        default="quarterhour", pattern="^(hour|quarterhour)$", description="Of the files: hour or quarterhour"
    )


class Smard(SourceKind):
    """The files of SMARD."""

    name = "smard"
    fields = SmardFields

    def reader(self, source: Source, surroundings: Surroundings) -> "SmardReader":
        """See `SourceKind.reader`."""
        fields = SmardFields.of(source)
        what = f"series {fields.smard_filter}"
        advice = f"Check smard_filter, regions and resolution of source {source.name}."
        return SmardReader(fields, Fetcher.of(source, fields, surroundings, what=what, rates=[RATE], advice=advice))


class SmardReader:
    """One series of some regions. Its records have the columns timestamp, region and value."""

    def __init__(self, fields: SmardFields, fetcher: Fetcher) -> None:
        """Store the arguments; the first read sends the first request.

        Args:
            fields: of the source.
            fetcher: sends its requests.
        """
        self._fields, self._fetcher = fields, fetcher

    def read(self, start: Hour, end: Hour | None) -> Answer:
        """See `Reader.read`; returns these hours alone, and nothing for what is not published yet."""
        return Answer.of([record for region in self._fields.regions for record in self._region(region, start, end)])

    def _region(self, region: str, start: Hour, end: Hour | None) -> Sequence[Record]:
        number, resolution = self._fields.smard_filter, self._fields.resolution
        folder = f"chart_data/{number}/{region}"
        low, high = start * HOUR_MS, inf if end is None else end * HOUR_MS
        starts = file_starts(self._fetcher.get(f"{folder}/index_{resolution}.json"))
        records: list[Record] = []
        for first in files_of_hours(starts, start, end):
            pairs = values_of_file(self._fetcher.get(f"{folder}/{number}_{region}_{resolution}_{first}.json"))
            if first == starts[-1]:
                pairs = without_unpublished(pairs)
            records += [
                {"timestamp": moment, "region": region, "value": value}
                for moment, value in pairs
                if low <= moment < high
            ]
        return records


def file_starts(index: Reply) -> Sequence[int]:
    """The first moments of the files of a series, ascending, in milliseconds since 1970.

    Raises:
        SourceUnavailable: it is no index.
    """
    listed = _list_in(index, "timestamps")
    starts = [start for start in listed if _is_moment(start)]
    if len(starts) < len(listed):
        raise index.bad_answer("`timestamps` that are no milliseconds")
    return sorted(starts)


def files_of_hours(starts: Sequence[int], start: Hour, end: Hour | None) -> Sequence[int]:
    """The starts of the files that hold some hours.

    Args:
        starts: of all files, ascending; the last one has no end yet.
        start: the first hour.
        end: the hour after the last one; None: all that there are.
    """
    low, high = start * HOUR_MS, None if end is None else end * HOUR_MS
    return [
        first
        for first, last in zip_longest(starts, starts[1:])
        if (last is None or last > low) and (high is None or first < high)
    ]


def values_of_file(reply: Reply) -> Sequence[Pair]:
    """The moments and values of a file, in its order; a value that is not known is None.

    Raises:
        SourceUnavailable: it is no such file.
    """
    pairs: list[Pair] = []
    for pair in _list_in(reply, "series"):
        match pair:
            case [moment, value] if _is_moment(moment):
                pairs.append((moment, value))
            case _:
                raise reply.bad_answer(f"a `series` with {pair!r:.100}, no pair of milliseconds and a value")
    return pairs


def without_unpublished(pairs: Sequence[Pair]) -> Sequence[Pair]:
    """Drop the nulls after the newest value: these hours are not published yet. A null between values stays."""
    known = [number for number, (_, value) in enumerate(pairs, 1) if value is not None]
    return pairs[: max(known, default=0)]


def _is_moment(written: object) -> TypeGuard[int]:
    return isinstance(written, int) and not isinstance(written, bool)


def _list_in(reply: Reply, name: str) -> list[object]:
    document = reply.json()
    member = document.get(name) if isinstance(document, dict) else None
    if not isinstance(member, list):
        raise reply.bad_answer(f"no list `{name}`")
    return member
