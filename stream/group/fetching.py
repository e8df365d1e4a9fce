"""Reads every batch of a fetch of aiokafka, whatever its content, in bounded memory.

aiokafka decompresses a batch without a bound, so that 8 MB of it may become gigabytes, and raises for one that it
cannot read, at every retry. Here a batch inflates to 64 MiB at most. A message that is larger than the contract
allows is withheld, and so is one that cannot be read.
"""

from collections.abc import Callable, Iterator
from hashlib import sha256
from types import ModuleType
from typing import Any, NamedTuple

import cramjam
import numpy as np
import structlog
from aiokafka.codec import _detect_xerial_stream, snappy_decode
from aiokafka.consumer import fetcher
from aiokafka.record import default_records
from aiokafka.record.default_records import DefaultRecordBatch

from dayahead.contracts import MAX_MESSAGE_BYTES
from dayahead.dead_letters import CARRIED_BYTES, STUB_BYTES, Stub
from dayahead.errors import ContractError, DeadLetterCode
from stream.servers.withheld import Withheld

log = structlog.get_logger()

INFLATED_BYTES = 64 * 1024 * 1024
"""Bytes that a batch may have when it is decompressed: eight times what a broker takes in one compressed."""

MAX_HEADERS = 100
"""Limit of headers that are read of a message."""


class _NotInflatedError(Exception):
    """A batch could not be decompressed within its bound.

    Attributes:
        beginning: of the compressed batch.
        stub: of the compressed batch.
    """

    def __init__(self, payload: bytes, reason: str) -> None:
        super().__init__(reason)
        self.beginning = payload[:STUB_BYTES]
        self.stub = Stub(len(payload), sha256(payload).hexdigest())


def _bounded(decompress_into: Callable[[bytes, Any], int]) -> Callable[[Any], bytes]:
    def inflate(payload: Any) -> bytes:
        # pages that are not written to cost nothing
        room = np.empty(INFLATED_BYTES, np.uint8)
        whole = bytes(payload)
        try:
            return room[: decompress_into(whole, room)].tobytes()
        except cramjam.DecompressionError as error:
            raise _NotInflatedError(
                whole, f"it is damaged or has more than {INFLATED_BYTES:,} bytes when decompressed: {error}"
            ) from error

    return inflate


def _inflate_snappy(payload: Any) -> bytes:
    """Snappy as one block, or as the blocks of at most 64 KiB that xerial's Java library writes."""
    if _detect_xerial_stream(payload):
        return bytes(snappy_decode(payload))
    return _bounded(cramjam.snappy.decompress_raw_into)(payload)


def bound_decompression() -> None:
    """Limit decompression in aiokafka to `INFLATED_BYTES` by patching it; it has no setting for it."""
    modules: set[ModuleType] = {default_records}
    # the compiled variant, where there is one, looks the functions up in another module
    modules.add(__import__(DefaultRecordBatch.__module__, fromlist=["DefaultRecordBatch"]))
    for module in modules:
        for name, function in {
            "gzip_decode": _bounded(cramjam.gzip.decompress_into),
            "lz4_decode": _bounded(cramjam.lz4.decompress_into),
            "zstd_decode": _bounded(cramjam.zstd.decompress_into),
            "snappy_decode": _inflate_snappy,
        }.items():
            setattr(module, name, function)


class _Record(NamedTuple):
    """A record of a batch that could not be read, as aiokafka expects records."""

    offset: int
    timestamp: int
    timestamp_type: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]
    checksum: None = None


class _Batch:
    """A batch that can always be read to its end."""

    def __init__(self, batch: Any) -> None:
        self._batch = batch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        offset = self._batch.base_offset
        try:
            for record in self._batch:
                yield record
                offset = record.offset + 1
        except Exception as error:  # noqa: BLE001 - whatever a batch does to the reader, the next one is read
            log.warning("batch_not_read", first_offset=offset, next_offset=self._batch.next_offset, error=repr(error))
            yield from self._unread(offset, error)

    def _unread(self, first: int, error: Exception) -> Iterator[_Record]:
        """Yield the records from an offset on, withheld; a batch that cannot be decompressed gets one dead letter."""
        end = self._batch.next_offset
        # the only timestamp that the broker sets where its clock stamps the messages
        timestamp = self._batch.max_timestamp if self._batch.timestamp_type else self._batch.first_timestamp
        reason = ContractError(
            DeadLetterCode.UNREADABLE, f"the batch of offsets {first} to {end - 1} could not be read: {error}"
        )
        for offset in range(first, end):
            if not isinstance(error, _NotInflatedError):
                # another reader may be able to parse a record that aiokafka cannot parse
                value = Withheld.of(b"", None, None, is_in_log=True)
            elif offset == first:
                value = Withheld.of(error.beginning, reason, error.stub, is_in_log=False)
            else:
                value = Withheld.of(b"", None, None, is_in_log=False)
            yield _Record(offset, timestamp, self._batch.timestamp_type, None, value, [])


class _Batches:
    """The batches of a fetch."""

    def __init__(self, records: Any) -> None:
        self._records = records

    def __getattr__(self, name: str) -> Any:
        return getattr(self._records, name)

    def next_batch(self) -> _Batch | None:
        """The next batch."""
        batch = self._records.next_batch()
        return None if batch is None else _Batch(batch)


class BoundedRecords(fetcher.PartitionRecords):  # type: ignore[misc]
    """The records of a fetch of one partition, each small enough to buffer hundreds."""

    def __init__(self, tp: Any, records: Any, *arguments: Any) -> None:
        super().__init__(tp, _Batches(records), *arguments)

    def _consumer_record(self, tp: Any, record: Any) -> Any:
        return super()._consumer_record(tp, _small(record))


def _small(record: Any) -> Any:
    value, key = record.value, record.key
    large = value is not None and len(value) > MAX_MESSAGE_BYTES
    if not large and not record.headers and (key is None or len(key) <= CARRIED_BYTES):
        return record
    return _Record(
        record.offset,
        record.timestamp,
        record.timestamp_type,
        None if key is None else key[:CARRIED_BYTES],
        Withheld.too_large(value) if large else value,
        [(name, item) for name, item in record.headers[:MAX_HEADERS] if len(item or b"") <= CARRIED_BYTES],
    )


def bound_fetches() -> None:
    """Patch aiokafka to return fetches in bounded memory; it has no setting for it."""
    bound_decompression()
    fetcher.PartitionRecords = BoundedRecords
