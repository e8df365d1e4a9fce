"""The hour of each record, before it is converted."""

from dayahead.reading.record_hours import NO_HOUR, record_hours
from dayahead.reading.record_table import RecordTable, tables_of
from tests.ingest.building import FIRST, make_record, make_records, make_source

WIDE = {"value_column": None, "value_label": "Kind", "key_columns": ["Area"]}


def test_records_of_several_series_side_by_side_have_hours() -> None:
    records = [{**make_record(FIRST + hour), "a": 1, "b": 2} for hour in range(3)]
    for columns in ({"a": "A", "b": "B"}, "all"):
        source = make_source(**WIDE, value_columns=columns)
        assert record_hours(tables_of(records), source).tolist() == [FIRST, FIRST + 1, FIRST + 2]


def test_a_record_without_a_time_or_a_series_has_no_hour() -> None:
    records = [make_record(), {**make_record(), "HourUTC": "soon"}, {**make_record(), "Area": None}]
    assert record_hours(tables_of(records), make_source()).tolist() == [FIRST, NO_HOUR, NO_HOUR]


def test_an_end_is_in_the_hour_before_it_and_an_empty_table_adds_nothing() -> None:
    tables = [RecordTable(objects=[]), RecordTable(objects=make_records(1, series=1, first=FIRST + 1))]
    assert record_hours(tables, make_source(time_label="end")).tolist() == [FIRST]
