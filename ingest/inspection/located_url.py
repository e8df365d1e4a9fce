"""The answer of a URL, looked at like a file: CSV, or records in JSON."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import orjson

from dayahead.errors import MalformedAnswer, SettingsError, SourceRefused
from dayahead.hours import Clock
from dayahead.reading.http.client import http_client
from dayahead.reading.http.fetcher import Fetcher
from dayahead.reading.http.json_path import records_at
from dayahead.reading.http.reply import Reply
from dayahead.reading.kinds.file import FileSource
from dayahead.reading.reader import Answer
from dayahead.reading.record_table import Record
from dayahead.retry import Pause
from dayahead.source import Source
from ingest.inspection.proposal import Answers, Said
from ingest.inspection.raw_file import RawFile, of_records, open_raw
from ingest.inspection.shapes import is_data

MOST_BYTES = 64 * 2**20
TIMEOUT_S = 60.0
DEEPEST = 6
"""Levels of a document that are searched for records."""

SECRET = re.compile(r"key|token|secret|password|appid", re.IGNORECASE)


@dataclass(frozen=True)
class Found:
    """Records in a JSON document.

    Attributes:
        path: dotted; empty: the document itself.
        columns: names of the columns where records are lists, or members of an object.
        records: the records.
    """

    path: str
    columns: Sequence[str]
    records: Sequence[Record]


class LocatedUrl:
    """What one request to a URL answers; the body is kept and not asked for again."""

    def __init__(self, url: str, folder: Path, clock: Clock, pause: Pause) -> None:
        """Send the request.

        Args:
            url: with its query.
            folder: an empty one, for the body.
            clock: the present moment.
            pause: waits.

        Raises:
            SettingsError: it is no URL, or carries a key or a password, which a source file must not have.
            SourceUnavailable: it cannot be reached, or answers an error that may pass.
            SourceRefused: it answers another error, or more than 64 MB.
        """
        try:
            address = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise SettingsError(f"{url} is no URL: {error}") from error
        password = ["a password"] if address.password else []
        if secret := password + [name for name in address.params if SECRET.search(name)]:
            raise SettingsError(
                f"the URL carries {', '.join(secret)}: a source file has only the name of a key (`key`, "
                "`key_parameter`), its value is a setting. Save the answer to a file and inspect that"
            )
        self._url = url
        reply = _get(address, clock, pause)
        stem = re.sub(r"\W+", "-", Path(address.path).stem).strip("-") or address.host.replace(".", "-")
        self._name, self._found = stem, _found_in(reply)
        self._file = folder / f"{stem}.csv"
        if self._found is None:
            self._file.write_bytes(reply.body)

    def raw(self, answers: Answers) -> RawFile:
        """See `Located.raw`."""
        if self._found is None:
            return open_raw(self._file, answers)
        return replace(of_records(self._found.records, self._name), name=self._name)

    def place(self, folder: Path) -> dict[str, Said]:
        """See `Located.place`."""
        bounds = "where it has the first and last hour, put {start} and {end}"
        if self._found is None:
            return {"kind": Said("http-csv", "the answer is text with columns"), "url": Said(self._url, bounds)}
        fields = {"kind": Said("http-json", "the answer is JSON"), "url": Said(self._url, bounds)}
        if self._found.path:
            fields["records"] = Said(self._found.path, f"{len(self._found.records):,} records are there")
        if self._found.columns:
            fields["columns"] = Said(list(self._found.columns), "names for the values of a record, of your choice")
        return fields

    def answer(self, source: Source) -> Answer:
        """See `Located.answer`."""
        if self._found is None:
            return FileSource(source, self._file).read(0, None)
        return Answer.of(self._found.records)


def _get(url: httpx.URL, clock: Clock, pause: Pause) -> Reply:
    with http_client(str(url.copy_with(path="/", query=None, fragment=None)), TIMEOUT_S) as client:
        fetcher = Fetcher(
            client,
            what=url.path,
            clock=clock,
            pause=pause,
            advice="Check the URL.",
            answer_timeout_s=TIMEOUT_S * 2,
            max_body_bytes=MOST_BYTES,
        )
        return fetcher.get(url.raw_path.decode())


def _found_in(reply: Reply) -> Found | None:
    """The records of an answer in JSON; None if it is none.

    Raises:
        SourceRefused: it has no records.
    """
    if reply.body.lstrip()[:1] not in (b"{", b"["):
        return None
    try:
        document = orjson.loads(reply.body)
    except orjson.JSONDecodeError:
        return None
    best: Found | None = None
    for path, columns in _candidates(document, "", 0):
        try:
            records = records_at(document, path, columns)
        except MalformedAnswer:
            continue
        if any(isinstance(one, list | dict) for record in records[:10] for one in record.values()):
            continue
        if best is None or len(records) > len(best.records):
            best = Found(path, columns, records)
    if best is None or not best.records:
        raise SourceRefused(f"{reply.name} answered JSON without a list of records: {reply.words}")
    return best


def _candidates(value: object, path: str, depth: int) -> Iterator[tuple[str, Sequence[str]]]:
    """Places that may hold records, with the columns that they would need; the outer before the inner ones."""
    if depth > DEEPEST:
        return
    if isinstance(value, list):
        if value and all(isinstance(one, list) for one in value):
            more = [f"value_{number}" for number in range(2, len(value[0]))]
            yield path, ["time", "value", *more][: len(value[0])]
            return
        yield path, []
        yield from _candidates(value[0] if value else None, path, depth + 1)
    elif isinstance(value, dict):
        if value and all(is_data(name) for name in value):
            yield path, ["time", "value"]
            return
        yield path, []
        for name, one in value.items():
            if "." not in name:
                yield from _candidates(one, f"{path}.{name}".strip("."), depth + 1)
