"""What is inspected: a data file, or the answer of a URL."""

import os
from pathlib import Path
from typing import Protocol

from dayahead.reading.kinds.file import FileSource
from dayahead.reading.reader import Answer
from dayahead.source import Source
from ingest.inspection.proposal import Answers, Said
from ingest.inspection.raw_file import RawFile, open_raw


class Located(Protocol):
    """Data that can be looked at without a description, and read with one."""

    def raw(self, answers: Answers) -> RawFile:
        """The columns as they are."""

    def place(self, folder: Path) -> dict[str, Said]:
        """The fields of a source file in a folder that say where the data are, `kind` among them."""

    def answer(self, source: Source) -> Answer:
        """All records, by the reader of the source."""


class LocatedFile:
    """A data file, or several."""

    def __init__(self, path: Path) -> None:
        """Store the path.

        Args:
            path: a file, a folder or a pattern.
        """
        self._path = path

    def raw(self, answers: Answers) -> RawFile:
        """See `Located.raw`."""
        return open_raw(self._path, answers)

    def place(self, folder: Path) -> dict[str, Said]:
        """See `Located.place`."""
        path = os.path.relpath(self._path.absolute(), folder.absolute())
        return {"kind": Said("file", ""), "path": Said(path, "relative to this file")}

    def answer(self, source: Source) -> Answer:
        """See `Located.answer`."""
        return FileSource(source, self._path).read(0, None)
