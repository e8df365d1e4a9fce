"""A table that is filled by COPY: the list of its columns, and how arrays are written to it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import psycopg
from numpy.typing import NDArray

from dayahead.storage.binary_copy import Column, copy_rows


@dataclass(frozen=True)
class TableColumn:
    """Maps a field of rows to a column of a table.

    Attributes:
        name: of the column in SQL.
        encode: converts the values, [n] or [n, k], for COPY.
        field: of the rows to write; with a dot for a nested field.
    """

    name: str
    encode: Callable[[NDArray[Any]], Column]
    field: str

    def of(self, rows: object) -> Column:
        """Encode the column of some rows."""
        return self.encode(attrgetter(self.field)(rows))


class IncomingTable:
    """A table that is filled from a temporary table, into which rows are copied first.

    Attributes:
        names: of the columns to write, comma-separated.
        incoming: the temporary table.
        create_incoming: the statement that creates it.
    """

    def __init__(self, name: str, columns: Sequence[TableColumn]) -> None:
        """Describe a table.

        Args:
            name: of the table.
            columns: to write.
        """
        self.columns = tuple(columns)
        self.names = ", ".join(column.name for column in columns)
        self.incoming = f"incoming_{name}"
        shape = f"SELECT {self.names} FROM {name} WITH NO DATA"  # noqa: S608 - all names are the code's own
        self.create_incoming = f"CREATE TEMPORARY TABLE IF NOT EXISTS {self.incoming} ON COMMIT DELETE ROWS AS {shape}"

    def copy_incoming(self, cursor: psycopg.Cursor, parts: Sequence[object]) -> int:
        """Copy rows into the temporary table; see `_copy`."""
        return self._copy(cursor, self.incoming, parts)

    def _copy(self, cursor: psycopg.Cursor, target: str, parts: Sequence[object]) -> int:
        """Copy rows.

        Args:
            cursor: of an open transaction.
            target: the table to copy into.
            parts: rows with the fields of the columns; in each part a text is the same and arrays are of one length.

        Returns:
            Rows copied.
        """
        blocks = [[column.of(part) for column in self.columns] for part in parts]
        return copy_rows(cursor, f"{target} ({self.names})", blocks)


class KeyedTable(IncomingTable):
    """A table with a key: rows that it cannot have yet are copied straight into it, the others are upserted.

    A COPY into the table itself takes less than half the time of one into a temporary table with an upsert from there.

    Attributes:
        upsert: the statement that inserts or replaces what is in the temporary table.
    """

    def __init__(self, name: str, key: Sequence[str], columns: Sequence[TableColumn], replaced: str = "") -> None:
        """Describe a table.

        Args:
            name: of the table.
            key: names of the columns of its primary key.
            columns: that are written, those of the key included.
            replaced: the SET of the upsert; without it every column but those of the key.
        """
        super().__init__(name, columns)
        self.name = name
        named = [column.name for column in columns if column.name not in key]
        replaced = replaced or ", ".join(f"{column} = excluded.{column}" for column in named)
        self.upsert = (
            f"INSERT INTO {name} ({self.names}) SELECT {self.names} FROM {self.incoming}"  # noqa: S608 - as above
            f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {replaced}"
        )

    def copy_new(self, cursor: psycopg.Cursor, parts: Sequence[object]) -> int:
        """Copy rows that the table cannot have yet straight into it; see `_copy`."""
        return self._copy(cursor, self.name, parts)

    def upsert_incoming(self, cursor: psycopg.Cursor) -> None:
        """Insert or replace what was copied into the temporary table."""
        cursor.execute(self.upsert.encode())

    def write(self, cursor: psycopg.Cursor, new: Sequence[object], others: Sequence[object]) -> None:
        """Write rows, each once.

        Args:
            cursor: of an open transaction.
            new: parts of rows that the table cannot have yet.
            others: parts of rows that may be there.
        """
        self.copy_new(cursor, new)
        if self.copy_incoming(cursor, others):
            self.upsert_incoming(cursor)
