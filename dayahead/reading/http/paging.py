"""How a publisher splits an answer into pages, and reading all of them."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Self

import httpx
from pydantic import BaseModel, ConfigDict, Field, model_validator

from dayahead.errors import SourceRefused
from dayahead.reading.http.fetcher import Fetcher, Parameters
from dayahead.reading.http.json_path import value_at
from dayahead.reading.http.reply import Reply
from dayahead.reading.record_table import RecordTable, Torn

MOST_PAGES = 10_000
NEXT_LINK = re.compile(r'<([^>]*)>[^,<]*;\s*rel="?next"?', re.IGNORECASE)
NEEDS = {
    "offset": ("parameter", "limit"),
    "page": ("parameter", "limit"),
    "link": (),
    "cursor": ("parameter", "next"),
    "cap": ("limit",),
}


class Paging(BaseModel):
    """The field `paging` of a source file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    by: Literal["offset", "page", "link", "cursor", "cap"] = Field(
        description="offset: number of records before the page; page: its number; link: each page has the URL of the "
        "next; cursor: each page has a mark of the next; cap: there are no pages, longer answers are truncated"
    )
    parameter: str | None = Field(default=None, description="Query parameter of the offset, page number or cursor")
    limit: int | None = Field(
        default=None,
        ge=1,
        description="Records of a full page. By link, cursor or cap, a last page with so many counts as truncated, and "
        "its hours are read again in shorter windows",
    )
    limit_parameter: str | None = Field(default=None, description="Query parameter that limit is sent in")
    first: int | None = Field(default=None, ge=0, description="First offset or page number: 0 or 1 by default")
    next: str | None = Field(
        default=None, description="Path in the JSON of the next URL or cursor; left out for link: the header Link"
    )
    total: str | None = Field(default=None, description="Path in the JSON of the number of records of all pages")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        missing = [name for name in NEEDS[self.by] if getattr(self, name) is None]
        if missing:
            raise ValueError(f"by: {self.by} needs {' and '.join(missing)}")
        if self.limit_parameter is not None and self.limit is None:
            raise ValueError("limit_parameter needs limit")
        return self

    @property
    def start(self) -> dict[str, str]:
        """Parameters of the first page."""
        sent = {}
        if self.limit_parameter is not None:
            sent[self.limit_parameter] = str(self.limit)
        if self.by in ("offset", "page") and self.parameter is not None:
            sent[self.parameter] = str(self.number(0, 0))
        return sent

    def number(self, pages: int, records: int) -> int:
        """Offset or number of the page after some pages with some records."""
        if self.by == "page":
            return (1 if self.first is None else self.first) + pages
        return (self.first or 0) + records


@dataclass(frozen=True)
class Page:
    """One page.

    Attributes:
        tables: its records.
        document: parsed JSON, for paths; None for CSV.
        torn: pieces that are no records; they count as records of the page.
    """

    tables: Sequence[RecordTable]
    document: object = None
    torn: Sequence[Torn] = ()

    @property
    def size(self) -> int:
        """Number of records as the publisher counts them."""
        return sum(map(len, self.tables)) + len(self.torn)


@dataclass(frozen=True)
class Pages:
    """All pages of one request.

    Attributes:
        tables: their records, in the order of the publisher.
        torn: pieces that are no records.
        truncated: whether the publisher may have left out records.
    """

    tables: Sequence[RecordTable]
    torn: Sequence[Torn]
    truncated: bool


def read_pages(
    fetcher: Fetcher,
    path: str,
    params: Parameters,
    *,
    paging: Paging | None,
    parse: Callable[[Reply], Page | None],
    get: Callable[[str, Parameters], Reply],
) -> Pages:
    """Read all pages of a request.

    Args:
        fetcher: for messages.
        path: of the first page.
        params: of it.
        paging: how they follow each other; None: there is one.
        parse: reads a page; None: the publisher says that it has nothing.
        get: sends a request.

    Raises:
        SourceUnavailable: a page is not what the publisher promises.
        SourceRefused: the pages do not end.
    """
    walk = _Walk(fetcher, paging)
    request: _Request | None = _Request(path, {**params, **(paging.start if paging else {})})
    while request is not None:
        reply = get(request.path, request.params)
        page = parse(reply)
        request = None if page is None else walk.after(request, reply, page)
    tables = [table for page in walk.pages for table in page.tables]
    return Pages(tables, [one for page in walk.pages for one in page.torn], walk.truncated)


@dataclass(frozen=True)
class _Request:
    path: str
    params: Mapping[str, str]


class _Walk:
    def __init__(self, fetcher: Fetcher, paging: Paging | None) -> None:
        self.pages: list[Page] = []
        self.truncated = False
        self._fetcher, self._paging = fetcher, paging
        self._records = 0
        self._previous = b""
        self._seen: set[str] = set()

    def after(self, request: _Request, reply: Reply, page: Page) -> _Request | None:
        """The request of the next page; None after the last."""
        paging, size = self._paging, page.size
        if self._previous and reply.body == self._previous and size:
            raise self._endless("the same page again", reply)
        self._previous = reply.body
        self.pages.append(page)
        self._records += size
        if len(self.pages) >= MOST_PAGES:
            raise self._endless(f"{MOST_PAGES} pages and no end", reply)
        if paging is None:
            return None
        if paging.by == "cap":
            self.truncated = size >= (paging.limit or 0)
            return None
        if paging.by in ("offset", "page"):
            return self._numbered(paging, request, reply, page)
        return self._linked(paging, request, reply, page)

    def _numbered(self, paging: Paging, request: _Request, reply: Reply, page: Page) -> _Request | None:
        total = value_at(page.document, paging.total) if paging.total else None
        if total is not None:
            number = _whole(total)
            if number is None:
                raise reply.bad_answer(f"`{paging.total}` {total!r}, which is no number of records")
            if self._records >= number:
                return None
            if not page.size:
                raise reply.bad_answer(f"{self._records} of {number} records and then an empty page")
        elif page.size < (paging.limit or 1):
            return None
        number = paging.number(len(self.pages), self._records)
        return _Request(request.path, {**request.params, str(paging.parameter): str(number)})

    def _linked(self, paging: Paging, request: _Request, reply: Reply, page: Page) -> _Request | None:
        if paging.next is not None:
            following = value_at(page.document, paging.next)
        else:
            match = NEXT_LINK.search(reply.headers.get("link", ""))
            following = match[1] if match else None
        if following is None or following in ("", False):
            self.truncated = paging.limit is not None and page.size >= paging.limit
            return None
        text = str(following)
        if text in self._seen:
            raise self._endless(f"the next page {text[:100]!r} twice", reply)
        self._seen.add(text)
        if paging.by == "cursor":
            return _Request(request.path, {**request.params, str(paging.parameter): text})
        return _Request(str(httpx.URL(reply.url).join(text)), {})

    def _endless(self, found: str, reply: Reply) -> SourceRefused:
        return SourceRefused(f"{self._fetcher.name} gave {reply.hidden(found)}: check `paging` in the source file")


def _whole(value: object) -> int | None:
    try:
        return int(str(value))
    except ValueError:
        return None
