"""Answers are split by when each record was published."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from dayahead.errors import DeadLetterCode
from dayahead.reading.published import by_publication
from dayahead.reading.reader import Answer
from dayahead.reading.record_table import RecordTable, Torn
from dayahead.source import Source
from tests.ingest.building import make_source

RECEIVED = datetime(2023, 1, 25, 12, tzinfo=UTC)


def reference(**changes: object) -> Source:
    return make_source(name="operator", forecast_of="test-source", **{"published_column": "published", **changes})


def found_in(answer: Answer, source: Source) -> list[tuple[datetime, list[object]]]:
    publications, rejections = by_publication(answer, source, RECEIVED)
    assert not rejections
    return [(one.available_at, [record["n"] for record in one.answer.records]) for one in publications]


def test_records_of_objects_are_split_by_their_moment_oldest_first() -> None:
    records = [
        {"published": "2023-01-25T10:00Z", "n": 1},
        {"published": "2023-01-24T10:00+01:00", "n": 2},
        {"published": "2023-01-25T11:00+01:00", "n": 3},
    ]
    assert found_in(Answer.of(records), reference()) == [
        (datetime(2023, 1, 24, 9, tzinfo=UTC), [2]),
        (datetime(2023, 1, 25, 10, tzinfo=UTC), [1, 3]),
    ]


def test_records_of_columns_are_split_and_keep_their_lines() -> None:
    data = pa.table({"published": ["2023-01-25T10:00", "2023-01-24T10:00", "2023-01-25T10:00"], "n": [1, 2, 3]})
    answer = Answer([RecordTable(data, "load.csv", first_line=2)])
    publications, _ = by_publication(answer, reference(), RECEIVED)
    places = [[table.place(row) for table in one.answer.tables for row in range(len(table))] for one in publications]
    assert places == [["load.csv, line 3"], ["load.csv, line 2", "load.csv, line 4"]]


def test_a_moment_without_an_offset_is_in_the_zone_of_the_source() -> None:
    answer = Answer.of([{"published": "2023-01-25T10:00", "n": 1}])
    local = reference(time_zone="Europe/Copenhagen")
    assert found_in(answer, local) == [(datetime(2023, 1, 25, 9, tzinfo=UTC), [1])]


def test_a_typed_moment_is_read_as_it_is() -> None:
    moment = datetime(2023, 1, 25, 9, tzinfo=UTC)
    table = RecordTable(pa.table({"published": pa.array([moment], pa.timestamp("us", "UTC")), "n": [1]}))
    assert found_in(Answer([table]), reference()) == [(moment, [1])]


def test_a_moment_that_is_still_to_come_counts_as_the_receipt() -> None:
    records = [{"published": (RECEIVED + timedelta(hours=hours)).isoformat(), "n": hours} for hours in (0, 3, 9)]
    assert found_in(Answer.of(records), reference()) == [(RECEIVED, [0, 3, 9])]


def test_without_such_a_column_everything_counts_from_its_receipt() -> None:
    answer = Answer.of([{"n": 1}, {"n": 2}])
    assert found_in(answer, reference(published_column=None)) == [(RECEIVED, [1, 2])]


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ({}, DeadLetterCode.MISSING_FIELD),
        ({"published": None}, DeadLetterCode.MISSING_FIELD),
        ({"published": ""}, DeadLetterCode.MISSING_FIELD),
        ({"published": "soon"}, DeadLetterCode.BAD_TIME),
        ({"published": 17}, DeadLetterCode.BAD_TIME),
        ({"published": ["2023-01-25T10:00Z"]}, DeadLetterCode.BAD_TIME),
        ({"published": "0001-01-01T00:00+01:00"}, DeadLetterCode.BAD_TIME),
    ],
)
def test_a_record_without_a_readable_moment_is_rejected_and_the_others_are_kept(
    written: dict[str, object], code: DeadLetterCode
) -> None:
    good = {"published": "2023-01-25T10:00Z", "n": 1}
    publications, [rejection] = by_publication(Answer.of([{**written, "n": 2}, good]), reference(), RECEIVED)
    assert (rejection.code, rejection.record["n"]) == (code, 2)
    assert "published" in rejection.reason
    assert [[record["n"] for record in one.answer.records] for one in publications] == [[1]]


def test_a_torn_piece_is_reported_once() -> None:
    torn = [Torn({"line": "x"}, "line 3 has 1 column")]
    for records in ([], [{"published": "2023-01-25T10:00Z"}, {"published": "2023-01-25T11:00Z"}]):
        answer = Answer(Answer.of(records).tables, torn)
        publications, _ = by_publication(answer, reference(), RECEIVED)
        assert [piece for one in publications for piece in one.answer.torn] == torn


def test_a_record_without_a_readable_moment_is_rejected_with_its_line() -> None:
    table = RecordTable(pa.table({"published": ["soon"], "n": [1]}), "load.csv", first_line=2)
    _, [rejection] = by_publication(Answer([table]), reference(), RECEIVED)
    assert rejection.reason.startswith("load.csv, line 2: ")
