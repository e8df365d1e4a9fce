"""Splits what a publisher answers by when it published each record, as `published_column` says.

An answer may have several versions of an hour, each with its moment of publication. Converted together they would
contradict each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pyarrow as pa

from dayahead.errors import ContractError, DeadLetterCode
from dayahead.grouping import grouped
from dayahead.reading.reader import Answer
from dayahead.reading.record_table import RecordTable
from dayahead.reading.records import Rejection
from dayahead.rules import shown
from dayahead.source import Source


@dataclass(frozen=True)
class Published:
    """Records that were published at the same moment.

    Attributes:
        available_at: when that was, UTC.
        answer: the records.
    """

    available_at: datetime
    answer: Answer


def by_publication(answer: Answer, source: Source, received_at: datetime) -> tuple[list[Published], list[Rejection]]:
    """Split an answer by moment of publication.

    Args:
        answer: of the source; its tables are read.
        source: without `published_column` everything counts from its receipt.
        received_at: when the answer came. A later moment of publication counts as this one.

    Returns:
        The records by moment, oldest first; and those whose moment cannot be read.
    """
    column = (answer.source or source).published_column
    if column is None:
        return [Published(received_at, answer)], []
    zone = ZoneInfo((answer.source or source).time_zone)
    rejections: list[Rejection] = []
    parts: list[tuple[datetime, RecordTable]] = []
    for table in answer.tables:
        read: dict[object, datetime] = {}
        places: list[tuple[datetime, int]] = []
        for index, written in enumerate(_values(table, column)):
            try:
                moment = read[written] if written in read else read.setdefault(written, _moment(written, column, zone))
            except ContractError as error:
                rejections.append(Rejection(table.record(index), error.code, error.reason))
            else:
                places.append((min(moment, received_at), index))
        parts += [(moment, _some(table, chosen)) for moment, chosen in grouped(places).items()]
    torn = answer.torn
    found = []
    for moment, tables in sorted(grouped(parts).items()):
        found.append(Published(moment, replace(answer, tables=tables, torn=torn)))
        torn = ()
    if torn:
        found.append(Published(received_at, replace(answer, tables=(), torn=torn)))
    return found, rejections


def _values(table: RecordTable, column: str) -> Sequence[object]:
    values = table.column(column)
    if values is None:
        return [None] * len(table)
    return values if isinstance(values, list) else values.to_pylist()


def _moment(written: object, column: str, zone: ZoneInfo) -> datetime:
    if written is None or written == "":
        raise ContractError(
            DeadLetterCode.MISSING_FIELD, f"column {column!r}, which says when a forecast was published, is empty"
        )
    try:
        moment = written if isinstance(written, datetime) else datetime.fromisoformat(str(written))
    except ValueError as error:
        raise ContractError(
            DeadLetterCode.BAD_TIME, f"column {column!r} (published_column) is {shown(written)}, not an ISO 8601 time"
        ) from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


def _some(table: RecordTable, places: Sequence[int]) -> RecordTable:
    """Some records of a table, in their order, each with its line."""
    lines = table.lines
    if lines is None and table.first_line:
        lines = range(table.first_line, table.first_line + len(table))
    kept = None if lines is None else [lines[place] for place in places]
    if table.objects is not None:
        return RecordTable(name=table.name, lines=kept, objects=[table.objects[place] for place in places])
    assert table.data is not None
    return RecordTable(table.data.take(pa.array(places, pa.int64())), table.name, lines=kept)
