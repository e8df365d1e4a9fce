from datetime import UTC, datetime
from typing import Any

from dayahead.dead_letters import DEAD_LETTERS_TOTAL, DeadLetter, DeadLetterWriter, Headers
from dayahead.errors import DeadLetterCode

LETTER = DeadLetter(
    value=b"\xff\x00",
    code=DeadLetterCode.NOT_JSON,
    reason="no JSON: ä",
    stage="stream",
    time=datetime(2023, 1, 1, tzinfo=UTC),
    source_topic="observations",
    source_partition=3,
    source_offset=17,
)


class Sent:
    def __init__(self) -> None:
        self.messages: list[tuple[str, bytes, Headers]] = []

    def send(self, topic: str, value: bytes, *, headers: Headers) -> Any:
        self.messages.append((topic, value, headers))
        return len(self.messages)


def test_a_dead_letter_keeps_the_raw_bytes_and_tells_everything_else_in_its_headers() -> None:
    sent = Sent()
    assert DeadLetterWriter(sent, "t.").write(LETTER) == 1
    ((topic, value, headers),) = sent.messages
    assert (topic, value) == ("t.observations.dead-letter", b"\xff\x00")
    assert {name: text.decode() for name, text in headers} == {
        "code": "not_json",
        "reason": "no JSON: ä",
        "stage": "stream",
        "time": "2023-01-01T00:00:00Z",
        "source": "",
        "source_topic": "observations",
        "source_partition": "3",
        "source_offset": "17",
    }


def test_dead_letters_are_counted_by_stage_and_code() -> None:
    counter = DEAD_LETTERS_TOTAL.labels("stream", "not_json")
    before = counter._value.get()
    DeadLetterWriter(Sent()).write(LETTER)
    assert counter._value.get() == before + 1
