"""Reads Energi Data Service, the open data of the Danish transmission system operator.

Its rules (https://www.energidataservice.dk/guides/api-guides): `start` is inclusive and `end` exclusive, both in
Danish local time unless `timezone=UTC`, with minutes at most ("2023-01-24T22:00"); without `start` and `limit` it
returns 100 records, with `limit=0` all; one request per dataset and minute, else 429; timestamps have no offset.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from urllib.parse import quote
from zoneinfo import ZoneInfo

import orjson
from pydantic import Field

from dayahead.errors import SettingsError, SourceRefused
from dayahead.hours import Hour, from_hour
from dayahead.reading.http.fetcher import Fetcher
from dayahead.reading.http.fields import HttpFields
from dayahead.reading.http.rate import Rate
from dayahead.reading.http.reply import Reply
from dayahead.reading.reader import Answer
from dayahead.reading.record_hours import NO_HOUR, record_hours
from dayahead.reading.record_table import Record, tables_of
from dayahead.reading.source_kind import SourceKind, Surroundings
from dayahead.source import Source

API_ZONE = ZoneInfo("Europe/Copenhagen")


class EnergiDataServiceFields(HttpFields):
    """Fields of a source file for this kind."""

    dataset: str = Field(min_length=1, description="Name of the dataset in the API")


class EnergiDataServiceKind(SourceKind):
    """The API or a replay of it."""

    name = "energi-data-service"
    fields = EnergiDataServiceFields

    def reader(self, source: Source, surroundings: Surroundings) -> "EnergiDataService":
        """See `SourceKind.reader`."""
        fields = EnergiDataServiceFields.of(source)
        interval_s = surroundings.min_request_interval_s
        fetcher = Fetcher.of(
            source,
            fields,
            surroundings,
            what=f"dataset {fields.dataset}",
            rates=[Rate(1, interval_s)] if interval_s else [],
            scope=fields.dataset,
            advice=f"Check dataset and columns of source {source.name}.",
        )
        return EnergiDataService(source, fetcher, surroundings.max_records)


class EnergiDataService:
    """One dataset of the API, without retries (see `PatientReader`)."""

    def __init__(self, source: Source, fetcher: Fetcher, max_records: int = 200_000) -> None:
        """Store the arguments; no request is sent yet.

        Args:
            source: kind energi-data-service.
            fetcher: sends its requests.
            max_records: of one response; longer ones are read in pages.

        Raises:
            SettingsError: the source is of another kind, or its time zone is not one of the API's.
        """
        if source.time_zone not in ("UTC", API_ZONE.key):
            raise SettingsError(
                f"source {source.name}: time_zone is {source.time_zone}; a time column of Energi Data Service is in "
                f"UTC (HourUTC) or {API_ZONE.key} (HourDK)"
            )
        self._source, self._dataset = source, EnergiDataServiceFields.of(source).dataset
        self._time_column = source.times[0]
        self._fetcher, self._max_records = fetcher, max_records
        self._in_utc = source.time_zone == "UTC"

    def read(self, start: Hour, end: Hour | None) -> Answer:
        """See `Reader.read`."""
        path = f"/dataset/{quote(self._dataset, safe='')}"
        return self._answer(self._fetcher.get(path, self._parameters(start, end)), start)

    def _parameters(self, start: Hour, end: Hour | None) -> dict[str, str]:
        source = self._source
        parameters = {
            "start": self._bound(from_hour(start), later=False),
            "sort": f"{self._time_column} asc",
            "columns": ",".join(source.data_columns),
            "limit": str(self._max_records),
        }
        if end is not None:
            parameters["end"] = self._bound(from_hour(end), later=True)
        if self._in_utc:
            parameters["timezone"] = "UTC"
        if source.filters:
            parameters["filter"] = orjson.dumps(source.filters).decode()
        return parameters

    def _bound(self, moment: datetime, later: bool) -> str:
        if self._in_utc:
            return moment.strftime("%Y-%m-%dT%H:%M")
        # Whole local days: the repeated hour of a clock change is ambiguous in local time.
        local = moment.astimezone(API_ZONE)
        midnight = local.replace(hour=0, minute=0, second=0)
        if later and midnight != local:
            midnight = (midnight.replace(tzinfo=None) + timedelta(days=1)).replace(tzinfo=API_ZONE)
        return midnight.strftime("%Y-%m-%dT%H:%M")

    def _answer(self, reply: Reply, start: Hour) -> Answer:
        envelope = reply.json()
        records = envelope.get("records") if isinstance(envelope, dict) else None
        if not isinstance(records, list):
            found = "no `records`" if records is None else f"`records` that is a {type(records).__name__}"
            raise reply.bad_answer(found)
        if not all(isinstance(record, dict) for record in records):
            raise reply.bad_answer("`records` that are not objects")
        total = envelope.get("total")
        if isinstance(total, int) and total > len(records):
            return self._cut(records, total, start)
        return Answer.of(records)

    def _cut(self, records: Sequence[Record], total: int, start: Hour) -> Answer:
        """A truncated answer: its last hour may be incomplete, so the next read starts there."""
        hours = record_hours(tables_of(records), self._source)
        known = hours[hours != NO_HOUR]
        if not len(known) or known.min() == known.max() or known.max() <= start:  # asked for by whole local days
            raise SourceRefused(
                f"{self._fetcher.name} gave {len(records)} of {total} records, none after the first hour: "
                "raise DAYAHEAD_MAX_RECORDS, or narrow the source by `filters`"
            )
        last = int(known.max())
        # a record without an hour is rejected by the conversion, with its reason
        whole = [record for record, hour in zip(records, hours.tolist(), strict=True) if hour < last]
        return Answer.of(whole, cut_at=last)
