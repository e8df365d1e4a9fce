"""Reads a Parquet file a batch of rows at a time, and only the columns that are needed."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from dayahead.reading.files.header import Header
from dayahead.reading.record_table import RecordTable
from dayahead.source import Source

BATCH_ROWS = 1_000_000


def parquet_tables(path: Path, source: Source, batch_rows: int = BATCH_ROWS) -> Iterator[RecordTable]:
    """Read a file lazily; its columns keep their types.

    Args:
        path: the file.
        source: names the columns.
        batch_rows: most rows of a table.

    Raises:
        SourceRefused: a column is missing.
        OSError, pa.ArrowException: the file is damaged or still being written.
    """
    with pa.OSFile(str(path), "r") as opened, pq.ParquetFile(opened) as file:
        stored = file.schema_arrow.names
        header = Header.of(stored, source, path.name)
        columns = [stored[place] for place in header.wanted]
        for batches in _gathered(file.iter_batches(batch_rows, columns=columns), batch_rows):
            tables = [_plain_text(pa.Table.from_batches([batch])) for batch in batches]
            table = pa.concat_tables(tables).select(columns).rename_columns(list(header.wanted.values()))
            yield RecordTable(table, name=path.name)


def _gathered(batches: "Iterable[pa.RecordBatch]", rows: int) -> "Iterator[list[pa.RecordBatch]]":
    """Batches of about equal size; Arrow ends one with each row group where a column is a category."""
    gathered: list[pa.RecordBatch] = []
    for batch in batches:
        gathered.append(batch)
        if sum(one.num_rows for one in gathered) >= rows:
            yield gathered
            gathered = []
    if gathered:
        yield gathered


def _plain_text(table: "pa.Table") -> "pa.Table":
    """Text as one type: files have it also as categories and in other layouts."""
    for place, field in enumerate(table.schema):
        kind = field.type
        if pa.types.is_dictionary(kind):
            kind = kind.value_type
        if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
            kind = pa.string()
        if kind != field.type:
            table = table.set_column(place, field.name, table.column(place).cast(kind))
    return table
