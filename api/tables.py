"""Answers that are tables: CSV, Arrow and Parquet besides JSON, by `format` or by `Accept`."""

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Depends, Query, Request
from fastapi.responses import Response

from api.edge.media import JSON
from api.edge.route import MEDIA_TYPE
from dayahead.hours import format_utc

Format = Literal["json", "csv", "arrow", "parquet"]

CSV, ARROW, PARQUET = "text/csv", "application/vnd.apache.arrow.stream", "application/vnd.apache.parquet"
MEDIA_TYPES: dict[Format, str] = {"json": JSON, "csv": CSV, "arrow": ARROW, "parquet": PARQUET}

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
    body = _csv(list(columns), rows) if form == "csv" else _binary(columns, rows, form)
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


def _binary(columns: Columns, rows: Sequence[Sequence[Any]], form: Format) -> bytes:
    import pyarrow as pa  # noqa: PLC0415 - 30 MB that a process which is never asked for it does without
    import pyarrow.parquet as pq  # noqa: PLC0415

    kinds: dict[Kind, pa.DataType] = {
        TEXT: pa.string(),
        NUMBER: pa.float64(),
        COUNT: pa.int64(),
        MOMENT: pa.timestamp("us", "UTC"),
    }
    schema = pa.schema([(name, kinds[kind]) for name, kind in columns.items()])
    by_column = zip(*rows, strict=True) if rows else ((),) * len(columns)
    arrays = [pa.array(list(values), field.type) for values, field in zip(by_column, schema, strict=True)]
    table = pa.Table.from_arrays(arrays, schema=schema)
    sink = io.BytesIO()
    if form == "parquet":
        pq.write_table(table, sink, compression="zstd")
    else:
        with pa.ipc.new_stream(sink, schema) as writer:
            writer.write_table(table)
    return sink.getvalue()
