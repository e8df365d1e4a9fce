"""Answers that are tables: CSV, Arrow and Parquet in addition to JSON, by `format` or by `Accept`."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from fastapi import Depends, Query, Request
from fastapi.responses import Response
from numpy.typing import NDArray

from api.edge.media import JSON
from api.edge.route import MEDIA_TYPE
from dayahead.hours import format_utc

if TYPE_CHECKING:
    import pyarrow as pa

Format = Literal["json", "csv", "arrow", "parquet"]

CSV, ARROW, PARQUET = "text/csv", "application/vnd.apache.arrow.stream", "application/vnd.apache.parquet"
MEDIA_TYPES: dict[Format, str] = {"json": JSON, "csv": CSV, "arrow": ARROW, "parquet": PARQUET}

ROWS_AT_ONCE = 20_000
"""Rows of a large CSV that exist as objects at a time."""

_BYTES = {"schema": {"type": "string", "contentMediaType": "application/octet-stream"}}
TABLES: dict[int | str, dict[str, Any]] = {
    200: {"content": {CSV: {"schema": {"type": "string"}}, ARROW: _BYTES, PARQUET: _BYTES}}
}
"""For `responses` of a resource that answers tables."""

Kind = Literal["text", "number", "count", "moment"]
TEXT: Kind = "text"
NUMBER: Kind = "number"
COUNT: Kind = "count"
MOMENT: Kind = "moment"
Columns = Mapping[str, Kind]
"""Names and kinds of the columns of a table, in their order."""


def _chosen(
    request: Request,
    format: Annotated[
        Format | None, Query(description="Form of the answer; without it, the best that `Accept` names, else json")
    ] = None,
) -> Format:
    if format is not None:
        return format
    accepted = request.scope[MEDIA_TYPE]
    return next(name for name, media_type in MEDIA_TYPES.items() if media_type == accepted)


ChosenFormat = Annotated[Format, Depends(_chosen)]
"""Parameter of a route that gets the form of its answer."""


def table_response(
    columns: Columns,
    rows: Sequence[Sequence[Any]],
    form: Format,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The answer that is a table.

    Args:
        columns: names and types, in their order.
        rows: the values of each row in the order of the columns; moments in UTC, None where there is no value.
        form: csv, arrow (an IPC stream) or parquet.
        headers: more headers.
    """
    body = _csv(list(columns), rows) if form == "csv" else _binary(columns, _by_column(columns, rows), form)
    media_type = CSV + "; charset=utf-8" if form == "csv" else MEDIA_TYPES[form]
    return Response(body, headers=dict(headers or {}), media_type=media_type)


@dataclass(frozen=True)
class CodedText:
    """A column of few texts.

    Attributes:
        texts: each of them once.
        codes: int32 [rows], which of them stands in each row.
    """

    texts: Sequence[str]
    codes: NDArray[np.int32]

    def part(self, rows: slice) -> list[str]:
        """The texts of some rows."""
        return [self.texts[code] for code in self.codes[rows].tolist()]


Column = CodedText | NDArray[np.float64] | NDArray[np.datetime64]
"""Values of a column: texts, numbers without NaN, or moments in UTC of whole seconds."""


def column_response(
    columns: Columns, values: Sequence[Column], form: Format, headers: Mapping[str, str] | None = None
) -> Response:
    """The answer that is a large table: no object is made for each value, but for those of a part of a CSV.

    Args:
        columns: names and types, in their order.
        values: of each column, all of one length.
        form: csv, arrow (an IPC stream) or parquet.
        headers: more headers.
    """
    body = b"".join(_csv_parts(list(columns), values)) if form == "csv" else _binary(columns, _arrays(values), form)
    media_type = CSV + "; charset=utf-8" if form == "csv" else MEDIA_TYPES[form]
    return Response(body, headers=dict(headers or {}), media_type=media_type)


def next_link(request: Request, cursor: str | None) -> dict[str, str]:
    """The `Link` header of a page, empty for the last one; it keeps the other parameters of the request."""
    if cursor is None:
        return {}
    return {"Link": f'<{request.url.include_query_params(cursor=cursor)}>; rel="next"'}


def _csv(names: list[str], rows: Sequence[Sequence[Any]]) -> str:
    """Moments as in JSON; an empty cell where there is no value."""
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\r\n")
    writer.writerow(names)
    for row in rows:
        writer.writerow([format_utc(value) if isinstance(value, datetime) else value for value in row])
    return lines.getvalue()


def _csv_parts(names: list[str], values: Sequence[Column]) -> Iterator[bytes]:
    yield _csv(names, []).encode()
    for start in range(0, len(_rows_of(values[0])), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        lines = io.StringIO()
        csv.writer(lines, lineterminator="\r\n").writerows(zip(*(_cells(one, rows) for one in values), strict=True))
        yield lines.getvalue().encode()


def _rows_of(column: Column) -> NDArray[Any]:
    return column.codes if isinstance(column, CodedText) else column


def _cells(column: Column, rows: slice) -> list[Any]:
    if isinstance(column, CodedText):
        return column.part(rows)
    if column.dtype.kind == "M":
        moments = column[rows].astype("datetime64[s]")
        texts: list[str] = np.datetime_as_string(moments, timezone="UTC").tolist()
        return texts
    numbers: list[float] = column[rows].tolist()
    return numbers


def _types() -> "dict[Kind, pa.DataType]":
    import pyarrow as pa  # noqa: PLC0415 - 30 MB that a process which is never asked for it does without

    return {TEXT: pa.string(), NUMBER: pa.float64(), COUNT: pa.int64(), MOMENT: pa.timestamp("us", "UTC")}


def _by_column(columns: Columns, rows: Sequence[Sequence[Any]]) -> "list[pa.Array[Any]]":
    import pyarrow as pa  # noqa: PLC0415

    types = _types()
    by_column = zip(*rows, strict=True) if rows else ((),) * len(columns)
    return [pa.array(list(values), types[kind]) for values, kind in zip(by_column, columns.values(), strict=True)]


def _arrays(values: Sequence[Column]) -> "list[pa.Array[Any]]":
    import pyarrow as pa  # noqa: PLC0415

    return [
        pa.DictionaryArray.from_arrays(pa.array(one.codes, pa.int32()), pa.array(list(one.texts), pa.string())).cast(
            pa.string()
        )
        if isinstance(one, CodedText)
        else pa.array(one).cast(pa.timestamp("us", "UTC") if one.dtype.kind == "M" else pa.float64())
        for one in values
    ]


def _binary(columns: Columns, arrays: "list[pa.Array[Any]]", form: Format) -> bytes:
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    types = _types()
    schema = pa.schema([(name, types[kind]) for name, kind in columns.items()])
    table = pa.Table.from_arrays(arrays, schema=schema)
    sink = io.BytesIO()
    if form == "parquet":
        pq.write_table(table, sink, compression="zstd")
    else:
        with pa.ipc.new_stream(sink, schema) as writer:
            writer.write_table(table)
    return sink.getvalue()
