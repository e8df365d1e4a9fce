"""Packs rows into messages of `observations`: each for one partition, all hours of a series together."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import orjson

from dayahead.contracts import MAX_ROWS_PER_MESSAGE
from dayahead.grouping import grouped
from dayahead.hours import Hour, format_utc, from_hour
from dayahead.reading.records import Row
from dayahead.series import partition_of


@dataclass(frozen=True)
class Packed:
    """Rows of one message.

    Attributes:
        partition: the only one that it may be sent to.
        rows: at most 500, sorted by series and hour.
    """

    partition: int
    rows: Sequence[Row]


def pack(rows: Iterable[Row], partitions: int) -> Iterator[Packed]:
    """Pack rows, in any order, into as few messages as keep the hours of a series together.

    The worker forecasts each series of a message once: hours that arrive together must not be split over messages,
    unless one series alone has more than a message holds.

    Args:
        rows: any number of them.
        partitions: of the topic.
    """
    by_partition = grouped((partition_of(row.series_id, partitions), row) for row in rows)
    for partition, members in sorted(by_partition.items()):
        message: list[Row] = []
        for series in grouped((row.series_id, row) for row in sorted(members)).values():
            if message and len(message) + len(series) > MAX_ROWS_PER_MESSAGE:
                yield Packed(partition, message)
                message = []
            message += series
            while len(message) > MAX_ROWS_PER_MESSAGE:
                yield Packed(partition, message[:MAX_ROWS_PER_MESSAGE])
                message = message[MAX_ROWS_PER_MESSAGE:]
        if message:
            yield Packed(partition, message)


def batch_bytes(rows: Sequence[Row], source: str, available_at: datetime, refresh: bool) -> bytes:
    """The bytes of an `ObservationBatch` (dayahead/contracts.py), written without a model of each row.

    Args:
        rows: of one partition, at most 500.
        source: name of the source.
        available_at: when the source published the values.
        refresh: whether the series are forecast again.
    """
    return orjson.dumps(
        {
            "source": source,
            "available_at": format_utc(available_at),
            "refresh": refresh,
            "rows": [[row.series_id, _hour_text(row.hour), row.value] for row in rows],
        }
    )


@lru_cache(maxsize=100_000)
def _hour_text(hour: Hour) -> str:
    return format_utc(from_hour(hour))
