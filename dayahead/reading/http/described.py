"""An API that its source file describes: address, parameters, bounds, pages and key; for JSON and CSV alike."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Annotated, Self
from urllib.parse import quote

import httpx
from pydantic import Field, field_validator, model_validator

from dayahead.errors import SourceRefused
from dayahead.hours import Clock, Hour, to_hour
from dayahead.reading.http.fetcher import Fetcher, Parameters
from dayahead.reading.http.fields import KeyedHttpFields
from dayahead.reading.http.key import Key, key_of
from dayahead.reading.http.paging import Page, Pages, Paging, read_pages
from dayahead.reading.http.rate import Rate
from dayahead.reading.http.reply import Reply
from dayahead.reading.http.window import END, START, Bounds, Windows
from dayahead.reading.reader import Answer
from dayahead.reading.source_kind import Surroundings
from dayahead.record_format import EPOCHS, known_zone
from dayahead.source import Source

RATE = Rate(60, 60)
"""For a publisher whose rate the source file does not state."""

AHEAD_H = 24 * 8
"""Hours after now that a poll of forecasts asks for, where the publisher wants an end."""


class DescribedFields(KeyedHttpFields):
    """Fields of a source file for an API without code of its own."""

    params: dict[str, str] = Field(
        default_factory=dict, description="Query parameters; {start} and {end} stand for the hours that are asked for"
    )
    headers: dict[str, str] = Field(default_factory=dict, description="Headers of each request, but for the key")
    key_header: str | None = Field(default=None, description="Header that carries the key, e.g. X-API-Key")
    key_parameter: str | None = Field(default=None, description="Query parameter that carries the key, e.g. api_key")
    key_prefix: str = Field(default="", description="What is before the key in its header, e.g. 'Bearer '")
    bound_format: str = Field(
        default="%Y-%m-%dT%H:%M:%SZ",
        description="How {start} and {end} are written: a pattern of strftime, epoch_s or epoch_ms; a date, or a local "
        "time without offset, asks for whole local days",
    )
    bound_zone: str = Field(default="UTC", description="Time zone of {start} and {end}")
    window_days: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="Days that one request may span; a longer time is read in several"
    )
    paging: Paging | None = Field(default=None, description="How an answer is split into pages")
    no_data_statuses: list[int] = Field(
        default_factory=list, description="Statuses by which the publisher says that it has nothing, e.g. [404]"
    )

    @field_validator("bound_zone")
    @classmethod
    def _known_bound_zone(cls, name: str) -> str:
        return known_zone(name)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.key is not None) != bool(self.key_header or self.key_parameter) or (
            self.key_header and self.key_parameter
        ):
            raise ValueError("key needs key_header or key_parameter, what carries it, and one only with a key")
        if self.bound_format not in EPOCHS and "%" not in self.bound_format:
            raise ValueError(f"bound_format {self.bound_format!r} must be epoch_s, epoch_ms or a pattern like %Y-%m-%d")
        if self.window_days is not None and not (self.asks_for(START) and self.asks_for(END)):
            raise ValueError("window_days needs {start} and {end} in url or params")
        return self

    @property
    def address(self) -> str:
        """The URL with its placeholders."""
        return str(self.url).replace("%7B", "{").replace("%7D", "}")

    def asks_for(self, placeholder: str) -> bool:
        """Whether a request has a placeholder."""
        return any(placeholder in text for text in (self.address, *self.params.values()))

    def key_in(self, source: Source, surroundings: Surroundings) -> Key | None:
        """The key of the publisher, if it has one.

        Raises:
            SettingsError: it is not set.
        """
        if self.key is None:
            return None
        place, name = ("header", self.key_header) if self.key_header else ("query", self.key_parameter)
        return key_of(source.name, self.key, surroundings.keys, place, name or "", self.key_prefix)  # type: ignore[arg-type]


class DescribedReader(ABC):
    """Reads an API as its source file describes it; a format adds how a page is parsed."""

    def __init__(self, source: Source, fields: DescribedFields, fetcher: Fetcher, clock: Clock) -> None:
        """Store the arguments; no request is sent yet.

        Args:
            source: what is read.
            fields: that describe the API.
            fetcher: sends the requests; its base URL is the host.
            clock: the present moment: the end of a poll, where the publisher wants one.
        """
        self.source, self._fields, self._fetcher, self._clock = source, fields, fetcher, clock
        self._bounds = Bounds(fields.bound_format, fields.bound_zone)
        self._windows = Windows(self._bounds, fields.window_days)
        # a record of the last hour may be labelled by the hour after it
        self._later_h = int(source.time_label == "end" or source.quantity == "register")
        self._accepted = (200, *fields.no_data_statuses)

    @classmethod
    def make(cls, source: Source, fields: DescribedFields, surroundings: Surroundings) -> Self:
        """The reader of a source.

        Raises:
            SettingsError: its key is not set.
        """
        url = httpx.URL(fields.address)
        fetcher = Fetcher.of(
            source,
            fields,
            surroundings,
            base_url=str(url.copy_with(path="/", query=None, fragment=None)),
            what=f"source {source.name}",
            rates=[RATE],
            key=fields.key_in(source, surroundings),
            advice=f"Check url, params and headers of source {source.name}.",
        )
        return cls(source, fields, fetcher, surroundings.clock)

    def read(self, start: Hour, end: Hour | None) -> Answer:
        """See `Reader.read`; one window a call."""
        last = self._end(end)
        while True:
            until = self._windows.end_of(start, max(last, start + 1))
            pages = self._pages(start, until)
            if not pages.truncated:
                return Answer(pages.tables, pages.torn, until if until < last else None)
            if not (self._fields.asks_for(START) and self._fields.asks_for(END)):
                advice = "put {start} and {end} into url or params, so that fewer hours can be asked for"
                raise SourceRefused(self._truncated(advice))
            if not self._windows.shrink(start, until):
                raise SourceRefused(self._truncated("raise `limit` of `paging`, or narrow the source by params"))

    @abstractmethod
    def parse(self, reply: Reply) -> Page:
        """Read the records of a page.

        Raises:
            SourceUnavailable: it is not what the source file describes.
        """

    def _end(self, end: Hour | None) -> Hour:
        return self._newest() + 1 if end is None else end

    def _newest(self) -> Hour:
        """The newest hour that the publisher may have."""
        return to_hour(self._clock()) + (AHEAD_H if self.source.forecast_of else 0)

    def _pages(self, start: Hour, until: Hour) -> Pages:
        around_h = self._windows.around_h
        last = max(until, min(until + around_h, self._newest() + 1))
        texts = self._bounds.texts(start - around_h, last + self._later_h)
        params = {name: _filled(text, texts) for name, text in self._fields.params.items()}
        path = self._fields.address.partition("://")[2].partition("/")[2]
        quoted = {placeholder: quote(text, safe="") for placeholder, text in texts.items()}
        return read_pages(
            self._fetcher,
            _filled(path, quoted),
            params,
            paging=self._fields.paging,
            parse=self._parsed,
            get=self._get,
        )

    def _get(self, path: str, params: Parameters) -> Reply:
        return self._fetcher.get(path, params, headers=self._fields.headers, accepted=self._accepted)

    def _parsed(self, reply: Reply) -> Page | None:
        return None if reply.status in self._fields.no_data_statuses else self.parse(reply)

    def _truncated(self, advice: str) -> str:
        limit = self._fields.paging.limit if self._fields.paging else None
        return f"{self._fetcher.name} gave {limit} records, the most it gives, and more may be missing: {advice}"


def _filled(text: str, texts: Mapping[str, str]) -> str:
    for placeholder, written in texts.items():
        text = text.replace(placeholder, written)
    return text
