"""Dead letters: rejected input, kept with the reason, so that nothing is lost and nothing is blocked.

Each letter fits into Kafka: reasons are cut, and where the broker refuses a value for its size, a stub takes its place
that names the size, the hash and the place of the original and holds its first kilobytes.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256

from prometheus_client import Counter

from dayahead.errors import DeadLetterCode
from dayahead.hours import format_utc
from dayahead.series import MAX_SERIES_ID_LENGTH

DEAD_LETTERS_TOTAL = Counter(
    "dayahead_dead_letters_total", "Records, rows and messages set aside, by where and why", ["stage", "code"]
)

Headers = list[tuple[str, bytes]]

STUB_BYTES = 16 * 1024
"""Bytes of the original that a stub holds."""

REASON_CHARACTERS = 1_000
SOURCE_CHARACTERS = 200
CARRIED_BYTES = 8 * 1024
"""Bytes of the original's key and headers, names included, that a letter carries."""

REMEDIES: Mapping[DeadLetterCode, str] = {
    DeadLetterCode.NOT_JSON: "Send JSON in UTF-8, as docs/contracts/ObservationBatch.json describes it.",
    DeadLetterCode.NOT_A_BATCH: "Send an object with source, available_at and rows, see docs/contracts.",
    DeadLetterCode.NOT_WEATHER: "Send what docs/contracts/WeatherBatch.json describes, to every partition.",
    DeadLetterCode.UNKNOWN_SOURCE: "Register the source (dayahead sources register FILE), then replay.",
    DeadLetterCode.MISROUTED: (
        "Replay: each row goes to its own partition. Let the producer key by series_id and partition by murmur2 "
        "(librdkafka, confluent-kafka: partitioner=murmur2_random)."
    ),
    DeadLetterCode.TOO_LARGE: "Send at most 500 rows in a message, and the rows of this one again.",
    DeadLetterCode.UNREADABLE: "Send the rows again, in smaller batches.",
    DeadLetterCode.FAILED: "A defect: report it with the worker's log; replay when it is removed.",
    DeadLetterCode.UNKNOWN_LABEL: "Add the label to the source file if it is meant, register it, then replay.",
    DeadLetterCode.ABSURD_VALUE: "If the value is right, widen minimum or maximum of the source, then replay.",
}
OTHER_REMEDY = (
    "Correct the value (dayahead dead-letters show, then replay --with FILE), or let its sender send it again."
)
STUB_REMEDY = (
    "Only the beginning was kept: send the rows again in smaller messages. The log of observations has the original "
    "at source_partition and source_offset for two weeks; replay --with FILE takes a corrected copy."
)

CARRIED_KEY = "original_key"
CARRIED_HEADER = "original_header."


@dataclass(frozen=True)
class Stub:
    """What is known of a value that is not there as a whole.

    Attributes:
        size: bytes of the original.
        sha256: of the original, hexadecimal.
    """

    size: int
    sha256: str


@dataclass(frozen=True)
class DeadLetter:
    """A rejected message, row or record.

    Attributes:
        value: the raw bytes: a message as it was received, or a record of a source as JSON.
        code: why, for machines.
        reason: why, as a sentence.
        stage: where it was found: `ingest` or `stream`.
        time: when it was found.
        source: name of the source, where it is known.
        source_topic: topic that it was read from; empty for a record that never reached Kafka.
        source_partition: partition of it, or -1.
        source_offset: offset in it, or -1.
        carried: key and headers of the message that it was, see `carried_headers`.
        stub: what the value is the beginning of; None where the value is whole.
        series_id: the one series that it is of, where it is known.
    """

    value: bytes
    code: DeadLetterCode
    reason: str
    stage: str
    time: datetime
    source: str = ""
    source_topic: str = ""
    source_partition: int = -1
    source_offset: int = -1
    carried: tuple[tuple[str, bytes], ...] = ()
    stub: Stub | None = None
    series_id: str = ""

    def headers(self) -> Headers:
        """The headers of its message; every value but the carried ones is text."""
        fields = {
            "code": self.code.value,
            "reason": self.reason[:REASON_CHARACTERS],
            "stage": self.stage,
            "time": format_utc(self.time),
            "source": self.source[:SOURCE_CHARACTERS],
            "source_topic": self.source_topic,
            "source_partition": str(self.source_partition),
            "source_offset": str(self.source_offset),
        }
        if self.series_id:
            fields["series_id"] = self.series_id[:MAX_SERIES_ID_LENGTH]
        if self.stub is not None:
            fields |= {"stub_size": str(self.stub.size), "stub_sha256": self.stub.sha256}
        return [*((name, text.encode(errors="backslashreplace")) for name, text in fields.items()), *self.carried]

    def shortened(self) -> "DeadLetter":
        """Make a stub of the letter, to send where the broker rejects the whole."""
        stub = self.stub or stub_of(self.value)
        return replace(self, value=self.value[:STUB_BYTES], stub=stub)


def remedy_of(code: str, *, whole: bool = True) -> str:
    """Return what to do about a dead letter.

    Args:
        code: its code.
        whole: whether it holds the whole value.
    """
    if not whole:
        return STUB_REMEDY
    return REMEDIES[DeadLetterCode(code)] if code in REMEDIES else OTHER_REMEDY


def stub_of(value: bytes) -> Stub:
    """What a stub says of a value."""
    return Stub(len(value), sha256(value).hexdigest())


def carried_headers(key: bytes | None, headers: Collection[tuple[str, bytes | None]]) -> tuple[tuple[str, bytes], ...]:
    """Key and headers of a message as a letter carries them: as many as fit, then `original_headers_dropped`.

    Args:
        key: of the message.
        headers: of the message, in its order.
    """
    if key is None and not headers:
        return ()
    left, dropped, carried = CARRIED_BYTES, 0, list[tuple[str, bytes]]()
    named = [] if key is None else [(CARRIED_KEY, key)]
    for name, value in [*named, *((CARRIED_HEADER + name, value or b"") for name, value in headers)]:
        size = len(name.encode(errors="replace")) + len(value)
        if size > left:
            dropped += 1
        else:
            left -= size
            carried.append((name, value))
    if dropped:
        carried.append(("original_headers_dropped", str(dropped).encode()))
    return tuple(carried)


def count_letter(letter: DeadLetter) -> None:
    """Count a letter that was sent, or is about to be."""
    DEAD_LETTERS_TOTAL.labels(letter.stage, letter.code.value).inc()
