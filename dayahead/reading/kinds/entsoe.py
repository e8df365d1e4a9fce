"""Reads total load from the ENTSO-E Transparency Platform: what was measured, or what was forecast a day ahead.

What its pages on the API and its users say (https://transparencyplatform.zendesk.com, "RESTful API"):

- One request is for one area. Times are UTC, to the minute; `periodStart` is inclusive, `periodEnd` exclusive. An
  answer holds whole periods and may begin before the first minute that was asked for.
- 400 requests a minute, counted by address and by token; more are refused for ten minutes (429).
- A request may span a year; since September 2026 it is refused beyond a month, and in the winter of 2025 answers ended
  after 1,000 points without a word. Requests of ten days (960 quarter hours) were safe all along.
- No data, and a request that is refused, are acknowledgements with a reason; no data comes with status 200 or 400.
- For days in September 2026, while the platform moved, each request was answered with 404: that is an outage.

entsoe-py and entsoe-apy read the same documents. They are not used here: the first asks for years and halves, loses the
hour between two years, rounds times to hours, reads no error but by words in its text, and logs the token; both bring
pandas or hundreds of generated classes for one element that matters.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, ClassVar, Literal

from pydantic import Field, HttpUrl

from dayahead.errors import MalformedAnswer, SourceRefused, SourceUnavailable
from dayahead.hours import Clock, Hour, from_hour, to_hour
from dayahead.reading.http.fetcher import Fetcher
from dayahead.reading.http.fields import KeyedHttpFields
from dayahead.reading.http.key import KeyName, key_of
from dayahead.reading.http.rate import Rate
from dayahead.reading.market_document import (
    Point,
    in_finest_resolution,
    one_resolution_an_hour,
    read_document,
)
from dayahead.reading.reader import Answer
from dayahead.reading.record_table import Record
from dayahead.reading.source_kind import SourceKind, Surroundings
from dayahead.source import Source

TOTAL_LOAD = "A65"
PROCESSES = {"actual": "A16", "day-ahead": "A01"}
LONGEST_H = 240
AHEAD_H = {"actual": 1, "day-ahead": 72}
"""Hours after the present one that may have data."""

RATE = Rate(400, 60)
BAN_S = 600.0
READ_AS_DOCUMENT = (HTTPStatus.OK, HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND)

EicCode = Annotated[str, Field(pattern=r"^[0-9]{2}[A-Z][0-9A-Z-]{12}[0-9A-Z]$")]


class EntsoeFields(KeyedHttpFields):
    """Fields of a source file for this kind."""

    url: HttpUrl = Field(
        default=HttpUrl("https://web-api.tp.entsoe.eu"), description="Address of the API, without /api"
    )
    key: KeyName = Field(default="entsoe", description="Name of the security token")
    load: Literal["actual", "day-ahead"] = Field(
        default="actual", description="Total load as measured (A65, A16), or as forecast a day ahead (A65, A01)"
    )
    areas: dict[str, EicCode] = Field(
        min_length=1, description="Label -> EIC code of each area that is read: bidding zone, control area or country"
    )


class EntsoeKind(SourceKind):
    """The API of the Transparency Platform."""

    name = "entsoe"
    fields = EntsoeFields
    defaults: ClassVar[Mapping[str, object]] = {
        "time_column": "time",
        "key_columns": ["area"],
        "value_column": "value",
        "unit": "MW",
        "quantity": "power",
    }

    def reader(self, source: Source, surroundings: Surroundings) -> "Entsoe":
        """See `SourceKind.reader`."""
        fields = EntsoeFields.of(source)
        fetcher = Fetcher.of(
            source,
            fields,
            surroundings,
            what=f"{fields.load} load",
            rates=[RATE],
            key=key_of(source.name, fields.key, surroundings.keys, "query", "securityToken"),
            ban_s=BAN_S,
        )
        return Entsoe(fields, fetcher, surroundings.clock)


@dataclass
class _Read:
    """A read that has not succeeded yet: what has been read of it is not asked for again."""

    start: Hour
    end: Hour
    records: dict[str, list[Record]] = field(default_factory=dict)


class Entsoe:
    """Total load of some areas, without retries (see `PatientReader`)."""

    def __init__(self, fields: EntsoeFields, fetcher: Fetcher, clock: Clock) -> None:
        """Store the arguments; no request is sent yet.

        Args:
            fields: of the source.
            fetcher: sends its requests.
            clock: the present moment.
        """
        self._fields, self._fetcher, self._clock = fields, fetcher, clock
        self._begun: _Read | None = None

    def read(self, start: Hour, end: Hour | None) -> Answer:
        """See `Reader.read`."""
        if end is None:
            end = max(start, to_hour(self._clock())) + AHEAD_H[self._fields.load]
        last = min(end, start + LONGEST_H)
        read = self._begun
        if read is None or (read.start, read.end) != (start, last):
            read = self._begun = _Read(start, last)
        for label, code in self._fields.areas.items():
            if label not in read.records:
                read.records[label] = self._records(label, code, read)
        self._begun = None
        records = [record for of_area in read.records.values() for record in of_area]
        return Answer.of(records, cut_at=last if last < end else None)

    def _records(self, label: str, code: str, read: _Read) -> list[Record]:
        reply = self._fetcher.get(
            "api",
            {
                "documentType": TOTAL_LOAD,
                "processType": PROCESSES[self._fields.load],
                "outBiddingZone_Domain": code,
                "periodStart": _minute(from_hour(read.start)),
                "periodEnd": _minute(from_hour(read.end)),
            },
            accepted=READ_AS_DOCUMENT,
        )
        if reply.status == HTTPStatus.NOT_FOUND:
            raise SourceUnavailable(f"{reply.name} answered 404: {reply.words}", cause="server_error")
        try:
            document = read_document(reply.body)
        except MalformedAnswer as error:
            raise reply.bad_answer(f"for {label} {error}") from error
        if document.refusal is not None:
            raise SourceRefused(
                f"{reply.name} refused the request for {label} ({code}): {reply.hidden(document.refusal)}. Check the "
                "code of the area in the source file"
            )
        if stray := {point.area for point in document.points} - {code}:
            raise reply.bad_answer(f"for {label} ({code}) the load of {', '.join(sorted(stray))}")
        points = in_finest_resolution(one_resolution_an_hour(document.points))
        return [_record(label, point) for point in points]


def _record(label: str, point: Point) -> Record:
    return {
        "area": label,
        "code": point.area,
        "time": point.start.strftime("%Y-%m-%dT%H:%MZ"),
        "resolution": f"PT{point.minutes}M",
        "curve": point.curve,
        "value": point.value,
    }


def _minute(moment: datetime) -> str:
    return moment.strftime("%Y%m%d%H%M")
