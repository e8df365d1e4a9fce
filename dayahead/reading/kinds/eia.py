"""Reads hourly demand of the balancing authorities of the United States from the API of the EIA (form EIA-930).

Its rules (https://www.eia.gov/opendata/documentation.php, route electricity/rto/region-data):

- `period` is the end of the hour, in UTC with `frequency=hourly`; `start` and `end` are both inclusive.
- An answer has 5,000 rows at most; `total` is the number of all rows. Pages by `offset` may repeat or miss rows while
  rows are added, so the next page starts at the last hour of the one before.
- Numbers are texts since January 2024. A null is an hour that is not reported (yet).
- Type D is demand as reported, replaced by an estimate of the EIA where it is missing or implausible: the API does not
  say which. Type DF is the forecast of the authority, made the day before, but often posted only on the day itself.
- The key may be sent as a header, which keeps it out of URLs. Too many requests are answered with 429.

A client library would add nothing: the answer is one JSON object.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlencode

from pydantic import Field, HttpUrl

from dayahead.errors import SourceRefused
from dayahead.hours import Hour, from_hour, to_hour
from dayahead.reading.http.fetcher import Fetcher
from dayahead.reading.http.fields import KeyedHttpFields
from dayahead.reading.http.key import KeyName, key_of
from dayahead.reading.http.rate import Rate
from dayahead.reading.http.reply import Reply
from dayahead.reading.reader import Answer
from dayahead.reading.record_table import Record
from dayahead.reading.source_kind import SourceKind, Surroundings
from dayahead.source import Source

ROUTE = "v2/electricity/rto/region-data/data/"
PERIOD_FORMAT = "%Y-%m-%dT%H"
PAGE_ROWS = 5000
RATES = (Rate(5, 1), Rate(1000, 3600))
"""The EIA states no number; 1,000 an hour is the default of api.data.gov, the gateway of many US agencies."""

Respondent = Annotated[str, Field(pattern=r"^[A-Z0-9]{2,10}$")]


class EiaFields(KeyedHttpFields):
    """Fields of a source file for this kind."""

    url: HttpUrl = Field(default=HttpUrl("https://api.eia.gov"), description="Address of the API, without /v2")
    key: KeyName = Field(default="eia", description="Name of the API key")
    data_type: Literal["D", "DF"] = Field(default="D", description="D: demand; DF: day-ahead forecast of demand")
    respondents: list[Respondent] = Field(
        min_length=1, description="Codes of balancing authorities or regions, e.g. CISO or US48"
    )


class EiaKind(SourceKind):
    """The API of the EIA."""

    name = "eia"
    fields = EiaFields
    defaults: ClassVar[Mapping[str, object]] = {
        "time_column": "period",
        "time_format": PERIOD_FORMAT,
        "time_label": "end",
        "key_columns": ["respondent"],
        "value_column": "value",
        "unit": "MWh",
        "quantity": "energy",
        "period_minutes": 60,
    }

    def reader(self, source: Source, surroundings: Surroundings) -> "Eia":
        """See `SourceKind.reader`."""
        fields = EiaFields.of(source)
        fetcher = Fetcher.of(
            source,
            fields,
            surroundings,
            what=f"region-data {fields.data_type}",
            rates=RATES,
            key=key_of(source.name, fields.key, surroundings.keys, "header", "X-Api-Key"),
            advice=f"Check respondents of source {source.name}.",
        )
        return Eia(fields, fetcher, surroundings.max_records)


class Eia:
    """One type of some balancing authorities, without retries (see `PatientReader`)."""

    def __init__(self, fields: EiaFields, fetcher: Fetcher, max_records: int = 0) -> None:
        """Store the arguments; no request is sent yet.

        Args:
            fields: of the source.
            fetcher: sends its requests.
            max_records: of one response; 0: as many as the API allows.
        """
        self._fields, self._fetcher = fields, fetcher
        self._rows = min(max_records or PAGE_ROWS, PAGE_ROWS)

    def read(self, start: Hour, end: Hour | None) -> Answer:
        """See `Reader.read`."""
        return self._answer(self._fetcher.get(f"{ROUTE}?{urlencode(self._parameters(start, end))}"))

    def _parameters(self, start: Hour, end: Hour | None) -> list[tuple[str, str]]:
        parameters = [
            ("frequency", "hourly"),
            ("data[0]", "value"),
            ("facets[type][]", self._fields.data_type),
            *(("facets[respondent][]", code) for code in self._fields.respondents),
            ("start", _period(start + 1)),  # the period of an hour is its end
        ]
        if end is not None:
            parameters.append(("end", _period(end)))
        for place, column in enumerate(("period", "respondent")):  # without an order, pages are not stable
            parameters += [(f"sort[{place}][column]", column), (f"sort[{place}][direction]", "asc")]
        return [*parameters, ("offset", "0"), ("length", str(self._rows))]

    def _answer(self, reply: Reply) -> Answer:
        envelope = reply.json()
        response = envelope.get("response") if isinstance(envelope, dict) else None
        if not isinstance(response, dict):
            raise reply.bad_answer("no `response`")
        rows = response.get("data")
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise reply.bad_answer("no `response.data` of objects")
        if len(rows) < _total(response, rows, self._rows):
            return self._cut(reply, rows)
        return Answer.of(_reported(rows))

    def _cut(self, reply: Reply, rows: Sequence[Record]) -> Answer:
        """A page: its last hour may be incomplete, so the next one starts there."""
        try:
            periods = [_hour_ending(row.get("period")) for row in rows]
        except ValueError as error:
            raise reply.bad_answer(f"a page with a period that is no hour ({error})") from error
        last = max(periods, default=0)
        if not periods or min(periods) == last:
            raise SourceRefused(
                f"{reply.name} gave {len(rows)} rows of one hour, and has more of it: raise DAYAHEAD_MAX_RECORDS, or "
                "divide the respondents between two source files"
            )
        whole = [row for row, period in zip(rows, periods, strict=True) if period < last]
        return Answer.of(_reported(whole), cut_at=last - 1)


def _reported(rows: Sequence[Record]) -> list[Record]:
    return [row for row in rows if row.get("value", "") is not None]


def _total(response: dict[str, Any], rows: Sequence[Record], most: int) -> int:
    """Number of all rows; one more than there are where that is not known and the page is full."""
    written = str(response.get("total", ""))
    if written.isascii() and written.isdigit():
        return int(written)
    return len(rows) + (len(rows) >= most)


def _period(hour: Hour) -> str:
    return from_hour(hour).strftime(PERIOD_FORMAT)


def _hour_ending(period: object) -> Hour:
    return to_hour(datetime.strptime(str(period), PERIOD_FORMAT).replace(tzinfo=UTC))
