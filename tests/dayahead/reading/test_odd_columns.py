"""Columns of types that no publisher should write, and some do: one rejection a record, never an error."""

from datetime import date, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import pyarrow as pa
import pytest

from dayahead.reading.converter import convert_answer
from dayahead.reading.reader import Answer
from dayahead.reading.record_table import RecordTable
from dayahead.reading.records import Conversion
from tests.dayahead.reading.made import NOW, codes, source

TIMES = ["2024-01-01T05:00", "2024-01-01T06:00"]
ODD: dict[str, "pa.Array[Any]"] = {
    "null": pa.nulls(2),
    "bool": pa.array([True, False]),
    "binary": pa.array([b"a", b"\xff"]),
    "large binary": pa.array([b"a", b"\xff"], pa.large_binary()),
    "bytes of a length": pa.array([b"a", b"\xff"], pa.binary(1)),
    "date": pa.array([date(2024, 1, 1)] * 2),
    "clock": pa.array([time(5), time(6)]),
    "duration": pa.array([1, 2], pa.duration("s")),
    "list": pa.array([[1], [2]]),
    "object": pa.array([{"a": 1}, {"a": 2}]),
    "infinite stamps": pa.array([2**63 - 1, -(2**62)], pa.timestamp("us")),
    "nanoseconds": pa.array([1, 2], pa.timestamp("ns")),
    "not a number": pa.array([float("nan"), float("inf")]),
}


def converted(**changes: Any) -> Conversion:
    columns = {"time": TIMES, "meter": ["m", "m"], "value": [1.0, 2.0]}
    fields = {name: value for name, value in changes.items() if name not in columns}
    data = pa.table({**columns, **{name: value for name, value in changes.items() if name in columns}})
    return convert_answer(Answer([RecordTable(data)]), source(**fields), NOW)


@pytest.mark.parametrize("column", ["time", "value"])
@pytest.mark.parametrize("kind", ODD)
def test_a_column_that_is_no_time_or_value_costs_its_records_alone(kind: str, column: str) -> None:
    conversion = converted(**{column: ODD[kind]})
    assert (conversion.rows, len(codes(conversion))) == ([], 2)
    assert all(rejection.raw() for rejection in conversion.rejections)


@pytest.mark.parametrize("kind", ODD)
def test_a_label_of_any_type_is_a_series_or_a_rejection(kind: str) -> None:
    conversion = converted(meter=ODD[kind])
    assert len(conversion.rows) + len(codes(conversion)) == 2


@pytest.mark.parametrize("kind", ODD)
def test_a_filter_on_a_column_of_any_type_drops_what_is_not_equal(kind: str) -> None:
    conversion = converted(value=ODD[kind], filters={"value": ["none of them"]})
    assert (conversion.rows, codes(conversion)) == ([], [])


def test_labels_that_are_decimals_keep_all_their_digits() -> None:
    large = [Decimal(9007199254740993), Decimal(9007199254740992)]
    conversion = converted(meter=pa.array(large), time=TIMES[:1] * 2)
    assert {row.series_id for row in conversion.rows} == {str(one) for one in large}


def test_labels_that_are_uuids_are_written_as_such() -> None:
    one = UUID("00112233-4455-6677-8899-aabbccddeeff")
    conversion = converted(meter=pa.array([one.bytes] * 2, pa.uuid()))
    assert {row.series_id for row in conversion.rows} == {str(one)}


def test_a_series_of_a_later_table_has_its_hours() -> None:
    tables = [
        RecordTable(objects=[{"time": TIMES[0], "meter": "m", "value": 1}]),
        RecordTable(objects=[]),
        RecordTable(objects=[{"time": TIMES[0], "meter": "n", "value": 2}, {"time": TIMES[1], "value": 3}]),
    ]
    conversion = convert_answer(Answer(tables), source(), NOW)
    assert [(row.series_id, row.value) for row in conversion.rows] == [("m", 1.0), ("n", 2.0)]
    assert codes(conversion) == ["missing_field"]
