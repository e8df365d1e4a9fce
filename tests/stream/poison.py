"""Messages that must become dead letters, sent by real producers: sizes around every limit, codecs, encodings."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer
from kafka import KafkaProducer

from tests.stream.logs import START, batch

BROKER_BYTES = 8 * 1024 * 1024
CODECS = ("gzip", "snappy", "lz4", "zstd")


@dataclass(frozen=True)
class Poison:
    """A message that must become one dead letter.

    Attributes:
        name: what is wrong with it.
        value: its value.
        key: its key.
        headers: its headers.
        codec: with which it is compressed.
    """

    name: str
    value: bytes | None
    key: bytes | None = None
    headers: list[tuple[str, bytes | None]] = field(default_factory=list)
    codec: str = "none"


def rubbish(size: int, beginning: bytes = b"rubbish") -> bytes:
    """Bytes that no codec makes smaller."""
    return beginning + os.urandom(size - len(beginning))


def poisons(series_id: str) -> Iterator[Poison]:
    """One of each kind."""
    good = batch([(series_id, START, 1.0)], START + 2)
    limits = {"producer": 1_000_000, "contract and fetch": 1024 * 1024, "four fetches": 4 * 1024 * 1024}
    for name, limit in limits.items():
        for size in (limit - 1, limit, limit + 1):
            yield Poison(f"{size} bytes, {name}", rubbish(size))
    yield Poison("good but for its size", good + b" " * (1024 * 1024 + 1 - len(good)))
    yield Poison("nothing", b"")
    yield Poison("tombstone", None)
    yield Poison("tombstone with a key", None, key=series_id.encode())
    yield Poison("200 headers", b"no JSON", headers=[(f"header-{number}", b"x" * 100) for number in range(200)])
    yield Poison("a header of 1 MB", b"no JSON at all", headers=[("large", rubbish(1_000_000))])
    yield Poison("a header without a value", b"not JSON", headers=[("empty", None)])
    yield Poison("a key of 1 MB", b"neither JSON", key=rubbish(1_000_000))
    yield Poison("an empty key", b"nor JSON", key=b"")
    yield Poison("UTF-16", good.decode().encode("utf-16"))
    yield Poison("UTF-16 without a mark", good.decode().encode("utf-16-le"))
    yield Poison("UTF-32", good.decode().encode("utf-32"))
    yield Poison("latin-1", good.replace(b'"test"', b'"t\xe6st"'))
    yield Poison("nested text", b"[" * 500_000)
    for depth in (300, 1_000, 5_000):
        yield Poison(f"rows nested {depth} deep", good.replace(b"1.0", b"[" * depth + b"]" * depth))
    yield Poison("an integer of 400 digits", good.replace(b"1.0", b"9" * 400))
    yield Poison("an integer of 10,000 digits", good.replace(b"1.0", b"9" * 10_000))
    yield Poison("a source of 900 kB", good.replace(b'"test"', b'"' + b"x" * 900_000 + b'"'))
    yield Poison("a time of 900 kB", good.replace(b"2023-", b"2" * 900_000 + b"-"))
    yield Poison("published in year 1", good.replace(b'"available_at":"2023', b'"available_at":"0001'))
    yield Poison("published at the end of time", good.replace(b'"available_at":"2023', b'"available_at":"99999'))
    yield Poison("a lone surrogate", good.replace(b'"test"', rb'"\ud800"'))
    yield Poison("NUL", good.replace(series_id.encode(), rb"DK1\u0000/1"))
    for codec in CODECS:
        yield Poison(f"rubbish in {codec}", rubbish(2_000, codec.encode()), codec=codec)
        # more than a worker inflates of a batch, a few kilobytes on the wire
        yield Poison(f"100 MB in {codec}", bytes(100_000_000), codec=codec)


def send_with_librdkafka(bootstrap: str, topic: str, partition: int, messages: list[Poison]) -> list[Poison]:
    """Send messages; returns those that the broker took."""
    taken: list[Poison] = []
    for codec in dict.fromkeys(message.codec for message in messages):
        settings = {"message.max.bytes": 200_000_000, "compression.type": codec, "linger.ms": 0}
        producer = Producer({"bootstrap.servers": bootstrap, "acks": "all", **settings})
        for message in (one for one in messages if one.codec == codec):

            def note(error: KafkaError | None, _: Any, message: Poison = message) -> None:
                if error is None:
                    taken.append(message)
                elif error.code() != KafkaError.MSG_SIZE_TOO_LARGE:
                    raise KafkaException(error)

            producer.produce(
                topic,
                value=message.value,
                key=message.key,
                headers=message.headers,
                partition=partition,
                on_delivery=note,
            )
            assert producer.flush(60) == 0
    return taken


def largest(bootstrap: str, topic: str, partition: int) -> int:
    """Send ever larger messages until the broker refuses one; returns the bytes of the largest that it took."""
    size = BROKER_BYTES - 100
    while send_with_librdkafka(bootstrap, topic, partition, [Poison("large", rubbish(size))]):
        size += 1
    return size - 1


class _Latin(str):
    """The name of a header in another encoding than Kafka's."""

    def encode(self, *_: Any) -> bytes:
        return str(self).encode("latin-1")


def send_good(bootstrap: str, topic: str, partition: int, series_id: str, first: int) -> int:
    """Send a good message with each codec by each client, an hour each, and one with the name of a header in latin-1.

    Returns:
        How many.
    """
    hour = first
    for codec in (None, *CODECS):
        value = batch([(series_id, hour, 100.0)], hour + 1)
        producer = KafkaProducer(bootstrap_servers=bootstrap, compression_type=codec)
        producer.send(topic, value, partition=partition, headers=[(_Latin("m\xe6rke"), b"x")] if codec else []).get(30)
        producer.close()
        hour += 1
    for codec in CODECS:
        value = batch([(series_id, hour, 100.0)], hour + 1)
        librdkafka = Producer({"bootstrap.servers": bootstrap, "compression.type": codec})
        librdkafka.produce(topic, value=value, partition=partition)
        assert librdkafka.flush(30) == 0
        hour += 1
    return hour - first
