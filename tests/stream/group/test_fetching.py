"""What is handed over of a batch of the log that aiokafka cannot read."""

from aiokafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder

from stream.group.fetching import _Batch
from stream.servers.withheld import Withheld

ATTRIBUTES_AT, MAX_TIMESTAMP_AT, FIRST_RECORD_AT = 22, 35, 61
LOG_APPEND_TIME = 0x08


def test_a_record_that_cannot_be_read_has_the_time_at_which_the_broker_took_it() -> None:
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 16_384)
    builder.append(0, timestamp=1_000, key=None, value=b"{}", headers=[])
    raw = bytearray(builder.build())
    # as a broker with message.timestamp.type=LogAppendTime stores it; the first timestamp stays the producer's
    raw[ATTRIBUTES_AT] |= LOG_APPEND_TIME
    raw[MAX_TIMESTAMP_AT : MAX_TIMESTAMP_AT + 8] = (5_000).to_bytes(8, "big")
    raw[FIRST_RECORD_AT] = 0x7E
    (record,) = _Batch(DefaultRecordBatch(bytes(raw)))
    assert isinstance(record.value, Withheld)
    assert record.timestamp == 5_000
