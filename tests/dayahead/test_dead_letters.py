from datetime import UTC, datetime

from dayahead.dead_letters import DEAD_LETTERS_TOTAL, DeadLetter, count_letter
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


def test_a_dead_letter_tells_everything_but_its_bytes_in_its_headers() -> None:
    headers = LETTER.headers()
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
    count_letter(LETTER)
    assert counter._value.get() == before + 1
