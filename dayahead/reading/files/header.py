"""Finds the names of the columns in a file, below any lines that come before them, and checks them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self
from unicodedata import normalize

from dayahead.errors import SourceRefused
from dayahead.record_format import ALL_COLUMNS
from dayahead.source import Source

SEARCHED_LINES = 50
SHOWN_COLUMNS = 40
SEPARATORS = {";": ";", ",": ",", "\t": "\\t", "|": "|"}
BYTE_ORDER_MARK = "\ufeff"

INDEX_COLUMN = "__index_level_"
"""Start of the names under which pandas writes row numbers to Parquet."""


@dataclass(frozen=True)
class Header:
    """The columns of a file.

    Attributes:
        names: of all columns, without blanks around them.
        wanted: place of each column to read -> its name, in the order of the file.
        row: how many lines or rows are before the header.
    """

    names: Sequence[str]
    wanted: dict[int, str]
    row: int = 0

    @classmethod
    def of(cls, cells: Iterable[object], source: Source, file: str, row: int = 0) -> Self:
        """Check the columns of a file against those that its source names.

        Args:
            cells: the cells of the header.
            source: names the columns.
            file: for messages.
            row: how many rows are before it.

        Raises:
            SourceRefused: a column is missing, or occurs twice.
        """
        texts = [str(cell) for cell in cells]
        names = [plain_name(text) for text in texts]
        needed = source.data_columns
        if missing := [name for name in needed if plain_name(name) not in names]:
            raise SourceRefused(_missing(missing, texts, source, file))
        own = {plain_name(name): name for name in needed}
        if source.value_columns == ALL_COLUMNS:
            own |= {name: name for name in names if name and name not in own and not name.startswith(INDEX_COLUMN)}
        if repeated := sorted({name for name in names if name in own and names.count(name) > 1}):
            raise SourceRefused(f"{file} has more than one column {', '.join(repeated)}: rename all but one")
        return cls(names, {place: own[name] for place, name in enumerate(names) if name in own}, row)


def find_header(rows: Sequence[Sequence[object]], source: Source, file: str) -> Header:
    """Find the header among the first rows of a file: the first one that has all columns that the source names.

    Args:
        rows: the cells of the first rows.
        source: names the columns.
        file: for messages.

    Raises:
        SourceRefused: there is none; the message compares the most similar row with the source.
    """
    needed = {plain_name(name) for name in source.data_columns}
    loose = {_loose(name) for name in needed}

    def likeness(row: int) -> tuple[int, int, int]:
        names = [plain_name(cell) for cell in rows[row]]
        return len(needed & set(names)), len(loose & {_loose(name) for name in names}), len(list(filter(None, names)))

    best = max(range(len(rows)), key=likeness, default=None)
    return Header.of([] if best is None else rows[best], source, file, best or 0)


def plain_name(cell: object) -> str:
    """The name of a column without blanks around it, with one blank for several or for a line end, and accents as NFC.

    Some programs also write a byte order mark into the first name.
    """
    return " ".join(normalize("NFC", str(cell).replace(BYTE_ORDER_MARK, " ")).split())


def _loose(name: str) -> str:
    """A name as a person may write it: letters and digits alone."""
    return "".join(filter(str.isalnum, name.casefold())) or name


def _missing(missing: Sequence[str], texts: Sequence[str], source: Source, file: str) -> str:
    there = [name for name in map(plain_name, texts) if name]
    text = f"{file} has no column {', '.join(map(repr, missing))}, which source {source.name} names"
    alike = [(name, other) for name in missing for other in there if _loose(name) == _loose(other)]
    if alike:
        text += "; " + ", ".join(f"write {other!r} instead of {name!r}" for name, other in alike)
    if len(texts) == 1 and (mark := _other_separator(texts[0], source.delimiter)):
        text += f'; its columns may be separated by {mark!r}: set delimiter: "{SEPARATORS[mark]}"'
    more = f" and {len(there) - SHOWN_COLUMNS} more" if len(there) > SHOWN_COLUMNS else ""
    return f"{text}. Its columns are: {', '.join(there[:SHOWN_COLUMNS]) or 'none'}{more}"


def _other_separator(line: str, delimiter: str) -> str | None:
    found = [mark for mark in SEPARATORS if mark != delimiter and mark in line]
    return max(found, key=line.count, default=None)
