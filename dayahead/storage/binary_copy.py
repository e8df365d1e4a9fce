"""Encodes arrays as rows of PostgreSQL's binary COPY, without a loop in Python.

Format: "COPY", section "Binary Format", of the PostgreSQL documentation.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import psycopg
from numpy.typing import NDArray

from dayahead.hours import HOUR_US

HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
TRAILER = b"\xff\xff"
POSTGRES_EPOCH_US = 946_684_800_000_000
"""Microseconds from 1970 to 2000, the epoch of PostgreSQL."""
NO_MOMENT = np.iinfo(np.int64).min
"""Marks an unknown moment, in microseconds."""
FLOAT4_OID = 700
NULL = "null"
NULL_SIZE = -1


@dataclass(frozen=True)
class Column:
    """A column of a binary COPY.

    Attributes:
        kind: big-endian NumPy type of the value on the wire, e.g. `>i4`, `>f8`; NULL for a column of nulls.
        values: [n], or [n, k] for an array of k float32.
    """

    kind: str
    values: NDArray[np.generic]


Block = Sequence[Column]
"""Columns of the same length, which form rows."""


def integers(values: NDArray[np.integer]) -> Column:
    """A column of type integer."""
    return Column(">i4", values)


def big_integers(values: NDArray[np.integer]) -> Column:
    """A column of type bigint."""
    return Column(">i8", values)


def small_integers(values: NDArray[np.integer]) -> Column:
    """A column of type smallint."""
    return Column(">i2", values)


def doubles(values: NDArray[np.float64]) -> Column:
    """A column of type double precision."""
    return Column(">f8", values)


def moments(microseconds: NDArray[np.int64]) -> Column:
    """A column of type timestamptz, from microseconds since 1970."""
    return Column(">i8", microseconds - POSTGRES_EPOCH_US)


def hours(values: NDArray[np.int64]) -> Column:
    """A column of type timestamptz, from hours since 1970."""
    return moments(values.astype(np.int64) * HOUR_US)


def real_arrays(values: NDArray[np.float32]) -> Column:
    """A column of type real[], every row with the same number of elements."""
    return Column(">f4", values)


def nulls(count: int) -> Column:
    """A column of any type that is NULL in every row."""
    return Column(NULL, np.zeros(count, np.bool_))


def optional_moments(microseconds: NDArray[np.int64]) -> Column:
    """A column of type timestamptz that is NULL in every row, where all are NO_MOMENT, or in none."""
    if not len(microseconds) or microseconds[0] == NO_MOMENT:
        return nulls(len(microseconds))
    return moments(microseconds)


def same_text(values: NDArray[np.object_]) -> Column:
    """A column of type text with the same value, or None, in every row."""
    value: str | None = values[0] if len(values) else None
    if value is None:
        return nulls(len(values))
    encoded = value.encode()
    return Column(f"S{len(encoded)}", np.full(len(values), encoded))


def encode(columns: Block) -> bytes:
    """Encode rows for COPY ... FROM STDIN (FORMAT BINARY), without header and trailer."""
    fields: list[tuple[str, object]] = [("width", ">i2")]
    for number, column in enumerate(columns):
        fields.append((f"size{number}", ">i4"))
        if column.values.ndim == 2:
            length = column.values.shape[1]
            fields.append((f"head{number}", ">i4", (5 if length else 3,)))  # type: ignore[arg-type]
            if length:
                fields.append((f"value{number}", [("size", ">i4"), ("value", column.kind)], (length,)))  # type: ignore[arg-type]
        elif column.kind != NULL:
            fields.append((f"value{number}", column.kind))
    rows = np.zeros(len(columns[0].values), np.dtype(fields))
    rows["width"] = len(columns)
    for number, column in enumerate(columns):
        if column.values.ndim == 2:
            length = column.values.shape[1]
            rows[f"size{number}"] = 20 + 8 * length if length else 12
            # dimensions, has nulls, element type, then length and lower bound of the one dimension
            rows[f"head{number}"] = [1, 0, FLOAT4_OID, length, 1] if length else [0, 0, FLOAT4_OID]
            if length:
                rows[f"value{number}"]["size"] = 4
                rows[f"value{number}"]["value"] = column.values
        elif column.kind == NULL:
            rows[f"size{number}"] = NULL_SIZE
        else:
            rows[f"size{number}"] = np.dtype(column.kind).itemsize
            rows[f"value{number}"] = column.values
    return rows.tobytes()


def copy_rows(cursor: psycopg.Cursor, table: str, blocks: Sequence[Block]) -> int:
    """Copy blocks of rows into a table.

    Args:
        cursor: of an open transaction.
        table: name of the table, from the code, never from outside; with its columns where they are not all of them
            in their order.
        blocks: each a set of columns; within a block every array has the same length.

    Returns:
        Rows copied.
    """
    full = [block for block in blocks if len(block[0].values)]
    if not full:
        return 0
    with cursor.copy(f"COPY {table} FROM STDIN (FORMAT BINARY)".encode()) as copy:
        copy.write(HEADER)
        for block in full:
            copy.write(encode(block))
        copy.write(TRAILER)
    return sum(len(block[0].values) for block in full)
