"""Splits what a publisher answers by when it published each record, as `published_column` says.

An answer may have several versions of an hour, each with its moment of publication. Converted together they would
contradict each other.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np

from dayahead.errors import ContractError, DeadLetterCode
from dayahead.grouping import grouped
from dayahead.reading.blame import blamed_on
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

    Raises:
        SourceUnavailable: a table cannot be read now.
        SourceRefused: a table can never be read.
    """
    column = (answer.source or source).published_column
    if column is None:
        return [Published(received_at, answer)], []
    with blamed_on(source):
        return _split(answer, answer.source or source, column, received_at)


def _split(
    answer: Answer, source: Source, column: str, received_at: datetime
) -> tuple[list[Published], list[Rejection]]:
    zone = ZoneInfo(source.time_zone)
    rejections: list[Rejection] = []
    parts: list[tuple[datetime, RecordTable]] = []
    for table in answer.tables:
        read: dict[object, datetime] = {}
        places: list[tuple[datetime, int]] = []
        for index, written in enumerate(table.values(column)):
            key = written if isinstance(written, datetime) else str(written)
            try:
                moment = read[key] if key in read else read.setdefault(key, _moment(written, column, zone))
            except ContractError as error:
                reason = table.placed(error.reason, index)
                rejections.append(Rejection(table.record(index), error.code, reason))
            else:
                places.append((min(moment, received_at), index))
        parts += [(moment, table.take(np.array(chosen))) for moment, chosen in grouped(places).items()]
    torn = answer.torn
    found = []
    for moment, tables in sorted(grouped(parts).items()):
        found.append(Published(moment, replace(answer, tables=tables, torn=torn)))
        torn = ()
    if torn:
        found.append(Published(received_at, replace(answer, tables=(), torn=torn)))
    return found, rejections


def _moment(written: object, column: str, zone: ZoneInfo) -> datetime:
    if written is None or written == "":
        raise ContractError(
            DeadLetterCode.MISSING_FIELD, f"column {column!r}, which says when a forecast was published, is empty"
        )
    try:
        moment = written if isinstance(written, datetime) else datetime.fromisoformat(str(written))
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError) as error:  # or a moment before the year 1 in UTC
        raise ContractError(
            DeadLetterCode.BAD_TIME, f"column {column!r} (published_column) is {shown(written)}, not an ISO 8601 time"
        ) from error
