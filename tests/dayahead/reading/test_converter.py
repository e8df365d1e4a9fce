"""What the conversion of an answer owes to its source, beyond single records."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from dayahead.errors import SourceRefused
from dayahead.hours import parse_utc, to_hour
from dayahead.reading import converter
from dayahead.reading.converter import convert_answer
from dayahead.reading.reader import Answer
from dayahead.reading.record_table import RecordTable
from tests.dayahead.reading.made import NOW, codes, source


def records(*values: tuple[str, float]) -> list[dict[str, object]]:
    return [{"time": time, "meter": "m", "value": value} for time, value in values]


def test_an_error_that_no_rule_foresees_is_one_of_the_source() -> None:
    def broken() -> Iterator[RecordTable]:
        yield RecordTable(objects=records(("2024-01-01T00:00Z", 1.0)))
        raise RecursionError("not foreseen")

    with pytest.raises(SourceRefused, match="source made cannot be read: RecursionError: not foreseen"):
        convert_answer(Answer(broken()), source(), NOW)


@pytest.mark.parametrize("kept", [10, 0])
def test_a_contradiction_in_a_large_answer_shows_the_values_without_the_record(
    monkeypatch: pytest.MonkeyPatch, kept: int
) -> None:
    monkeypatch.setattr(converter, "RECORDS_KEPT", kept)
    given = records(("2024-01-01T00:00Z", 1.0), ("2024-01-01T00:00Z", 2.0), ("2024-01-01T01:00Z", 3.0))
    conversion = convert_answer(Answer.of(given), source(), NOW)
    assert codes(conversion) == ["contradiction"] * 2
    shown = (
        given[:2] if kept else [{"series_id": "m", "time": "2024-01-01T00:00Z", "value": value} for value in (1.0, 2.0)]
    )
    assert [rejection.record for rejection in conversion.rejections] == shown
    assert [row.value for row in conversion.rows] == [3.0]


def test_hours_from_the_end_of_an_earlier_dataset_on_do_not_count() -> None:
    times = [f"2024-01-01T{minute // 60:02d}:{minute % 60:02d}Z" for minute in range(0, 360, 15)]
    given = records(*[(time, 1.0) for time in times if time not in ("2024-01-01T02:15Z", "2024-01-01T04:15Z")])
    whole = Answer.of(given)
    form = source(quantity="energy")
    assert convert_answer(whole, form, NOW).incomplete_hours == 2
    earlier = convert_answer(replace(whole, until=to_hour(parse_utc("2024-01-01T04:00Z"))), form, NOW)
    assert (len(earlier.rows), earlier.incomplete_hours) == (3, 1)
