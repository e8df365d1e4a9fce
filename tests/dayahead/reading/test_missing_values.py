"""Values that a publisher writes although it does not have them."""

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from dayahead.errors import DeadLetterCode
from dayahead.reading.converter import convert_answer
from dayahead.reading.reader import Answer
from dayahead.reading.record_table import RecordTable
from dayahead.reading.records import Conversion
from tests.ingest.building import make_source

NOW = datetime(2026, 1, 2, tzinfo=UTC)
TIMES = [f"2026-01-01T{hour:02}:00" for hour in range(3)]


def converted(values: list[object], **changes: Any) -> Conversion:
    records = [
        {"HourUTC": time, "Area": "A", "Type": "x", "kWh": value} for time, value in zip(TIMES, values, strict=True)
    ]
    return convert_answer(Answer.of(records), make_source(**changes), NOW)


@pytest.mark.parametrize("values", [[1.5, 2.5, None], [1, 2, None], ["1", "2", None], ["1", "2", " "], [1, "2", None]])
def test_an_empty_null_mark_stands_for_null_and_for_empty_text(values: list[object]) -> None:
    conversion = converted(values, null_marks=[""])
    assert len(conversion.rows) == 2
    assert (conversion.absent, conversion.rejections) == (1, [])


def test_a_column_of_nulls_alone_has_no_values_and_no_dead_letters() -> None:
    conversion = converted([None, None, None], null_marks=[""])
    assert (list(conversion.rows), conversion.absent, conversion.rejections) == ([], 3, [])


def test_a_null_in_a_typed_table_counts_as_absent() -> None:
    table = pa.table({"HourUTC": TIMES, "Area": ["A"] * 3, "Type": ["x"] * 3, "kWh": pa.array([1.0, None, 3.0])})
    conversion = convert_answer(Answer([RecordTable(data=table)]), make_source(null_marks=[""]), NOW)
    assert (len(conversion.rows), conversion.absent, conversion.rejections) == (2, 1, [])


@pytest.mark.parametrize("marks", [[], ["n/e"]])
def test_without_it_a_null_is_a_dead_letter(marks: list[str]) -> None:
    conversion = converted([1.5, "n/e" if marks else 2.5, None], null_marks=marks)
    assert [one.code for one in conversion.rejections] == [DeadLetterCode.NULL_VALUE]
    assert conversion.absent == len(marks)


def test_an_hour_that_is_written_before_it_begins_is_absent_and_no_record_of_the_future() -> None:
    early = datetime(2026, 1, 1, 0, 30, tzinfo=UTC)
    records = [
        {"HourUTC": time, "Area": "A", "Type": "x", "kWh": value}
        for time, value in zip(TIMES, [1, None, 2], strict=True)
    ]
    conversion = convert_answer(Answer.of(records), make_source(null_marks=[""]), early)
    assert (len(conversion.rows), conversion.absent) == (1, 1)
    assert [(one.code, one.record["HourUTC"]) for one in conversion.rejections] == [
        (DeadLetterCode.FUTURE_HOUR, TIMES[2])
    ]


def test_a_rejection_names_the_series_of_its_value_where_that_is_known() -> None:
    assert [one.series_id for one in converted([1.5, None, "n/a"]).rejections] == ["A/x", "A/x"]
    late = [{"HourUTC": "2026-01-01T00:00:07", "Area": "B", "Type": "y", "kWh": 1.0}, {"HourUTC": TIMES[0], "kWh": 1.0}]
    rejected = convert_answer(Answer.of(late), make_source(), NOW).rejections
    assert sorted(one.series_id for one in rejected) == ["", "B/y"]
