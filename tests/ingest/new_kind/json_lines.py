"""A kind of source that the project does not have: all of it, in one file."""

from pathlib import Path

import orjson
from pydantic import Field

from dayahead.errors import SourceUnavailable
from dayahead.hours import Hour
from dayahead.reading.reader import Answer
from dayahead.reading.source_kind import KindFields, SourceKind, SourcePath, Surroundings
from dayahead.source import Source


class JsonLinesFields(KindFields):
    lines: SourcePath = Field(description="File with one JSON object a line")
    within: str | None = Field(default=None, description="Member of the object that holds the record")


class JsonLines(SourceKind):
    name = "json-lines"
    fields = JsonLinesFields

    def reader(self, source: Source, surroundings: Surroundings) -> "JsonLinesReader":
        return JsonLinesReader(JsonLinesFields.of(source))


class JsonLinesReader:
    def __init__(self, fields: JsonLinesFields) -> None:
        self._path: Path = fields.lines
        self._within = fields.within

    def read(self, start: Hour, end: Hour | None) -> Answer:
        try:
            objects = [orjson.loads(line) for line in self._path.read_bytes().splitlines()]
        except OSError as error:
            raise SourceUnavailable(f"{self._path} cannot be read: {error}", cause="no_file") from error
        return Answer.of([one[self._within] if self._within else one for one in objects])
