"""Reads any API that answers CSV, as its source file describes it."""

from pathlib import Path
from typing import Self

import pyarrow as pa
from pydantic import model_validator

from dayahead.errors import SourceRefused
from dayahead.reading.files.delimited import DelimitedFile
from dayahead.reading.http.described import DescribedFields, DescribedReader
from dayahead.reading.http.paging import Page
from dayahead.reading.http.reply import Reply
from dayahead.reading.reader import Reader
from dayahead.reading.record_table import Torn
from dayahead.reading.source_kind import SourceKind, Surroundings
from dayahead.source import Source


class HttpCsvFields(DescribedFields):
    """Fields of a source file for this kind; `delimiter` and `encoding` are those of every source."""

    @model_validator(mode="after")
    def _no_paths(self) -> Self:
        if self.paging is not None and (self.paging.next or self.paging.total):
            raise ValueError("paging: next and total are paths in JSON, which CSV has not: use by: link or offset")
        return self


class HttpCsvKind(SourceKind):
    """Any CSV over HTTP."""

    name = "http-csv"
    fields = HttpCsvFields

    def reader(self, source: Source, surroundings: Surroundings) -> Reader:
        """See `SourceKind.reader`."""
        return HttpCsv.make(source, HttpCsvFields.of(source), surroundings)


class HttpCsv(DescribedReader):
    """One API."""

    def parse(self, reply: Reply) -> Page:
        """See `DescribedReader.parse`."""
        torn: list[Torn] = []
        file = DelimitedFile(Path(f"{self.source.name}.csv"), self.source, torn, body=reply.body)
        try:
            tables = list(file.tables())
        except (
            SourceRefused,
            UnicodeError,
            pa.ArrowException,
        ) as error:  # a page that says what is wrong comes with 200 too
            raise reply.bad_answer(f"no such CSV ({error})") from error
        return Page(tables, torn=torn)
