"""Reads Energi Data Service, the open data of the Danish transmission system operator.

Its rules (https://www.energidataservice.dk/guides/api-guides): `start` is inclusive and `end` exclusive, both in
Danish local time unless `timezone=UTC`, with minutes at most ("2023-01-24T22:00"); without `start` and `limit` it
returns 100 records, with `limit=0` all; one request per dataset and minute, else 429; timestamps have no offset.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from urllib.parse import quote
from zoneinfo import ZoneInfo

import httpx
import orjson
from pydantic import Field, HttpUrl

from dayahead.errors import ContractError, SettingsError, SourceRefused, SourceUnavailable
from dayahead.hours import Clock, Hour, from_hour
from dayahead.reading.deadline import Deadline
from dayahead.reading.local_time import LocalTimes
from dayahead.reading.reader import Answer
from dayahead.reading.record_table import Record
from dayahead.reading.source_kind import KindFields, SourceKind, Surroundings
from dayahead.reading.spacing import Spacing
from dayahead.source import Source

API_ZONE = ZoneInfo("Europe/Copenhagen")
WORDS_SHOWN = 300
USER_AGENT = "dayahead (hourly energy forecasts; one request per dataset and minute)"


class EnergiDataServiceFields(KindFields):
    """Fields of a source file for this kind."""

    url: HttpUrl = Field(description="Base URL of the API; overridden by DAYAHEAD_SOURCE_URL")
    dataset: str = Field(min_length=1, description="Name of the dataset in the API")


class EnergiDataServiceKind(SourceKind):
    """The API or a replay of it."""

    name = "energi-data-service"
    fields = EnergiDataServiceFields

    def reader(self, source: Source, surroundings: Surroundings) -> "EnergiDataService":
        """See `SourceKind.reader`."""
        base_url = surroundings.base_url or str(EnergiDataServiceFields.of(source).url)
        return EnergiDataService(
            source,
            surroundings.resources.enter_context(http_client(base_url, surroundings.request_timeout_s)),
            Spacing(surroundings.min_request_interval_s, surroundings.pause),
            surroundings.clock,
            surroundings.max_records,
            surroundings.answer_timeout_s,
        )


class EnergiDataService:
    """One dataset of the API, without retries (see `PatientReader`)."""

    def __init__(
        self,
        source: Source,
        client: httpx.Client,
        spacing: Spacing,
        clock: Clock,
        max_records: int = 200_000,
        answer_timeout_s: float = 300.0,
    ) -> None:
        """Store the arguments; no request is sent yet.

        Args:
            source: kind energi-data-service.
            client: HTTP client with the API's base URL.
            spacing: enforces the publisher's minimum interval of requests.
            clock: the present moment, for a Retry-After with a date.
            max_records: of one response; longer ones are read in pages.
            answer_timeout_s: seconds from a request to the last byte of its response; the client's timeout applies to
                each part of it.

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
        self._client, self._spacing, self._clock = client, spacing, clock
        self._max_records = max_records
        self._deadline = Deadline(answer_timeout_s)
        self._in_utc = source.time_zone == "UTC"

    def read(self, start: Hour, end: Hour | None) -> Answer:
        """See `Reader.read`."""
        self._spacing.wait_turn()
        path = f"/dataset/{quote(self._dataset, safe='')}"
        try:
            with self._deadline.limit():
                response = self._client.get(
                    path,
                    params=self._parameters(start, end),
                    follow_redirects=False,
                    extensions={"trace": self._deadline.trace},
                )
        except httpx.HTTPError as error:
            if self._deadline.passed:
                raise self._too_slow() from error
            raise SourceUnavailable(f"{self._name} cannot be reached: {error or type(error).__name__}") from error
        if self._deadline.passed:  # without a Content-Length a truncated body looks complete
            raise self._too_slow()
        self._check_status(response, response.content)
        return self._answer(response.content)

    def _too_slow(self) -> SourceUnavailable:
        return SourceUnavailable(
            f"{self._name} did not send its whole response within {self._deadline.seconds:g} s: narrow the source by "
            "`filters`, or raise DAYAHEAD_ANSWER_TIMEOUT_S"
        )

    @property
    def _name(self) -> str:
        return f"dataset {self._dataset} at {self._client.base_url}"

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

    def _check_status(self, response: httpx.Response, body: bytes) -> None:
        status = response.status_code
        if status == HTTPStatus.OK:
            return
        words = f"{self._name} answered {status}: {_words(body)}"
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            raise SourceUnavailable(words, retry_after_s(response.headers, self._clock), cause="rate_limited")
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
            raise SourceUnavailable(words, retry_after_s(response.headers, self._clock), cause="server_error")
        if response.has_redirect_location:
            raise SourceRefused(
                f"{self._name} has moved to {response.headers['location']}: "
                "if that is right, set it as url in the source file or as DAYAHEAD_SOURCE_URL"
            )
        raise SourceRefused(f"{words}. Check dataset and columns of source {self._source.name}.")

    def _answer(self, body: bytes) -> Answer:
        try:
            envelope = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise self._bad_answer(f"no JSON ({error})", body) from error
        records = envelope.get("records") if isinstance(envelope, dict) else None
        if not isinstance(records, list):
            found = "no `records`" if records is None else f"`records` that is a {type(records).__name__}"
            raise self._bad_answer(found, body)
        if not all(isinstance(record, dict) for record in records):
            raise self._bad_answer("`records` that are not objects", body)
        total = envelope.get("total")
        if isinstance(total, int) and total > len(records):
            return self._cut(records, total)
        return Answer.of(records)

    def _bad_answer(self, found: str, body: bytes) -> SourceUnavailable:
        return SourceUnavailable(f"{self._name} answered {found}: {_words(body)}", cause="bad_answer")

    def _cut(self, records: Sequence[Record], total: int) -> Answer:
        """A truncated answer: its last hour may be incomplete, so the next read starts there."""
        times = LocalTimes(self._source.time_zone)
        hours = [_hour(times, record.get(self._time_column)) for record in records]
        known = [hour for hour in hours if hour is not None]
        if not known or min(known) == max(known):
            raise SourceRefused(
                f"{self._name} gave {len(records)} of {total} records, all of one hour: "
                "raise DAYAHEAD_MAX_RECORDS, or narrow the source by `filters`"
            )
        last = max(known)
        whole = [record for record, hour in zip(records, hours, strict=True) if hour is None or hour < last]
        return Answer.of(whole, cut_at=last)


def _hour(times: LocalTimes, written: object) -> Hour | None:
    try:
        return times.minute_of(written, ()) // 60
    except ContractError:
        return None  # the conversion rejects it, with its reason


def retry_after_s(headers: Mapping[str, str], clock: Clock) -> float | None:
    """Seconds from now of a Retry-After header: a number of seconds or an HTTP date (RFC 9110)."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - clock()).total_seconds())


def _words(body: bytes) -> str:
    """The start of a response body on one line."""
    return " ".join(body.decode(errors="replace").split())[:WORDS_SHOWN] or "(nothing)"


def http_client(base_url: str, timeout_s: float) -> httpx.Client:
    """A client for one source; the caller closes it.

    Args:
        base_url: of the API.
        timeout_s: timeout of connecting and of each read, in seconds.
    """
    return httpx.Client(
        base_url=base_url.rstrip("/"),
        timeout=timeout_s,
        headers={"User-Agent": USER_AGENT, "Accept": "application/json"},
    )
