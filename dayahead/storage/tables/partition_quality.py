"""Table `partition_quality`: the quality of the series of a source in a partition, as its worker last saw it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import kwargs_row

from dayahead.storage.tables.worker_offset import Claim

LISTED = 1000
"""Limit of series in each of the two lists."""

_COLUMNS = {
    "newest_hours": "timestamptz[]",
    "newest_series": "integer[]",
    "rung_series": "integer[]",
    "expected_hours": "bigint",
    "missing_hours": "bigint",
    "series_with_gaps": "integer",
    "oldest_keys": "integer[]",
    "oldest_hours": "timestamptz[]",
    "gap_keys": "integer[]",
    "gap_hours": "integer[]",
}
_NAMED = ", ".join(_COLUMNS)
_VALUES = ", ".join(f"%({name})s::{kind}" for name, kind in _COLUMNS.items())
_REPLACED = ", ".join(f"{name} = excluded.{name}" for name in (*_COLUMNS, "claim", "updated_at"))

# The claim is looked at in the same statement: a worker that lost the partition writes nothing.
WRITE = f"""
    INSERT INTO partition_quality (topic, partition, source_key, claim, updated_at, {_NAMED})
    SELECT topic, partition, %(source_key)s, claim, %(now)s, {_VALUES}
    FROM worker_offset WHERE topic = %(topic)s AND partition = %(partition)s AND claim = %(claim)s
    ON CONFLICT (topic, partition, source_key) DO UPDATE SET {_REPLACED}
"""  # noqa: S608 - all names are the code's own

READ = f"SELECT source_key, updated_at, {_NAMED} FROM partition_quality"  # noqa: S608


@dataclass(frozen=True)
class PartitionQuality:
    """The series of one source in one partition.

    Attributes:
        newest_hours: distinct newest hours of the series, None for those without any hour.
        newest_series: series of each of them.
        rung_series: series by the rung of their newest forecast, 0 to 5; 5 also where there is none.
        expected_hours: hours that the series should have in the week up to the newest hour of the source, each from
            its first hour on.
        missing_hours: those without a value.
        series_with_gaps: series with a missing hour.
        oldest_keys: series_key of those with the oldest newest hours, up to LISTED, oldest first.
        oldest_hours: their newest hours, None where there is none.
        gap_keys: series_key of those with the most missing hours, up to LISTED, most first.
        gap_hours: their missing hours.
    """

    newest_hours: Sequence[datetime | None]
    newest_series: Sequence[int]
    rung_series: Sequence[int]
    expected_hours: int
    missing_hours: int
    series_with_gaps: int
    oldest_keys: Sequence[int]
    oldest_hours: Sequence[datetime | None]
    gap_keys: Sequence[int]
    gap_hours: Sequence[int]


@dataclass(frozen=True)
class SeenQuality:
    """A `PartitionQuality` with its source and when the worker saw it."""

    source_key: int
    updated_at: datetime
    quality: PartitionQuality


def write_quality(
    connection: psycopg.Connection, claim: Claim, source_key: int, quality: PartitionQuality, now: datetime
) -> None:
    """Replace the row of a source in a partition, unless another worker has claimed the partition since."""
    where = {"topic": claim.topic, "partition": claim.partition, "claim": claim.number}
    connection.execute(WRITE, {**vars(quality), **where, "source_key": source_key, "now": now})


def read_quality(connection: psycopg.Connection) -> list[SeenQuality]:
    """Read what all workers last saw, a row for each source and partition."""
    with connection.cursor(row_factory=kwargs_row(_seen)) as cursor:
        return cursor.execute(READ).fetchall()


def _seen(source_key: int, updated_at: datetime, **columns: Any) -> SeenQuality:
    return SeenQuality(source_key, updated_at, PartitionQuality(**columns))
