"""Reads any API that answers JSON, as its source file describes it."""

from pydantic import Field

from dayahead.errors import MalformedAnswer
from dayahead.reading.http.described import DescribedFields, DescribedReader
from dayahead.reading.http.json_path import records_at
from dayahead.reading.http.paging import Page
from dayahead.reading.http.reply import Reply
from dayahead.reading.reader import Reader
from dayahead.reading.record_table import RecordTable
from dayahead.reading.source_kind import SourceKind, Surroundings
from dayahead.source import Source


class HttpJsonFields(DescribedFields):
    """Fields of a source file for this kind."""

    records: str = Field(
        default="", description="Dotted path of the records in the JSON, through lists too; empty: the document itself"
    )
    columns: list[str] = Field(
        default_factory=list,
        description="Names of the columns where records are lists of values, or members of an object: [time, value]",
    )


class HttpJsonKind(SourceKind):
    """Any JSON over HTTP."""

    name = "http-json"
    fields = HttpJsonFields

    def reader(self, source: Source, surroundings: Surroundings) -> Reader:
        """See `SourceKind.reader`."""
        return HttpJson.make(source, HttpJsonFields.of(source), surroundings)


class HttpJson(DescribedReader):
    """One API."""

    def parse(self, reply: Reply) -> Page:
        """See `DescribedReader.parse`."""
        fields, document = HttpJsonFields.of(self.source), reply.json()
        try:
            records = records_at(document, fields.records, fields.columns)
        except MalformedAnswer as error:
            raise reply.bad_answer(str(error)) from error
        return Page([RecordTable(objects=records)], document)
