import math
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayahead.errors import DeadLetterCode
from dayahead.hours import to_hour
from dayahead.reading.converter import convert
from dayahead.reading.records import Row, within
from tests.ingest.building import FIRST, NOW, make_record, make_records, make_source


def codes(records: Iterable[dict[str, object]], **source: Any) -> Any:
    return [rejection.code for rejection in convert(records, make_source(**source), NOW).rejections]


def test_a_record_becomes_a_row_in_utc_hours() -> None:
    conversion = convert([make_record(value=708)], make_source(), NOW)
    assert conversion.rows == [Row("DK1/111", FIRST, 708.0)]
    assert isinstance(conversion.rows[0].value, float)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"kWh": None}, DeadLetterCode.NULL_VALUE),
        ({"kWh": "twelve"}, DeadLetterCode.NOT_A_NUMBER),
        ({"kWh": True}, DeadLetterCode.NOT_A_NUMBER),
        ({"kWh": [1]}, DeadLetterCode.NOT_A_NUMBER),
        ({"kWh": 1001}, DeadLetterCode.ABSURD_VALUE),
        ({"kWh": -1}, DeadLetterCode.ABSURD_VALUE),
        ({"kWh": math.nan}, DeadLetterCode.NOT_A_NUMBER),
        ({"kWh": math.inf}, DeadLetterCode.ABSURD_VALUE),
        ({"kWh": 10**400}, DeadLetterCode.ABSURD_VALUE),
        ({"HourUTC": "2023-01-01T00:30:00"}, DeadLetterCode.NOT_ON_THE_HOUR),
        ({"HourUTC": "2023-01-01T00:00:01"}, DeadLetterCode.NOT_ON_THE_HOUR),
        ({"HourUTC": "2023-01-25T01:00:00"}, DeadLetterCode.FUTURE_HOUR),
        ({"HourUTC": "yesterday"}, DeadLetterCode.BAD_TIME),
        ({"HourUTC": 20230101}, DeadLetterCode.BAD_TIME),
        ({"HourUTC": ["2023-01-01"]}, DeadLetterCode.BAD_TIME),
        ({"HourUTC": None}, DeadLetterCode.MISSING_FIELD),
        ({"Area": None}, DeadLetterCode.MISSING_FIELD),
        ({"Area": ""}, DeadLetterCode.BAD_SERIES_ID),
    ],
)
def test_a_record_that_breaks_its_contract_is_rejected_with_its_code(
    change: dict[str, Any], code: DeadLetterCode
) -> None:
    good = make_record(FIRST + 1)
    conversion = convert([{**make_record(), **change}, good], make_source(), NOW)
    assert [rejection.code for rejection in conversion.rejections] == [code]
    assert [row.hour for row in conversion.rows] == [FIRST + 1]


@pytest.mark.parametrize("column", ["HourUTC", "Area", "Type", "kWh"])
def test_a_missing_column_is_named_in_the_reason(column: str) -> None:
    record = make_record()
    del record[column]
    (rejection,) = convert([record], make_source(), NOW).rejections
    assert rejection.code is DeadLetterCode.MISSING_FIELD
    assert column in rejection.reason


@pytest.mark.parametrize("label", [True, {"no": 1}, ["DK1"], b"DK1", math.nan])
def test_what_is_neither_a_text_nor_a_number_names_no_series(label: str) -> None:
    conversion = convert([make_record(area=label)], make_source(), NOW)
    assert [rejection.code for rejection in conversion.rejections] == [DeadLetterCode.BAD_SERIES_ID]


def test_the_hour_that_has_just_begun_is_no_future_hour() -> None:
    assert codes([make_record(to_hour(NOW))]) == []


def test_values_beyond_any_meter_are_absurd_without_bounds_of_the_source() -> None:
    assert codes([make_record(value=1e16)], minimum=None, maximum=None) == [DeadLetterCode.ABSURD_VALUE]


def test_a_rejection_keeps_the_record_as_json() -> None:
    (rejection,) = convert([make_record(value=None)], make_source(), NOW).rejections
    assert orjson.loads(rejection.raw()) == make_record(value=None)


def test_two_values_for_one_hour_in_one_answer_are_both_rejected() -> None:
    records = [make_record(value=1), make_record(value=2), make_record(FIRST + 1, value=3)]
    conversion = convert(records, make_source(), NOW)
    assert [rejection.code for rejection in conversion.rejections] == [DeadLetterCode.CONTRADICTION] * 2
    assert [rejection.record["kWh"] for rejection in conversion.rejections] == [1, 2]
    assert [row.hour for row in conversion.rows] == [FIRST + 1]


def test_the_same_value_twice_is_counted_and_published_once() -> None:
    conversion = convert([make_record(), make_record()], make_source(), NOW)
    assert (len(conversion.rows), conversion.rejections, conversion.repeated) == (1, [], 1)


def test_a_null_in_a_wide_record_affects_only_its_series() -> None:
    source = make_source(
        value_column=None, value_columns={"a": "A", "b": "B"}, value_label="Kind", key_columns=["Area"]
    )
    record = {"HourUTC": "2023-01-01T00:00:00", "Area": "DK1", "a": 1, "b": None}
    conversion = convert([record], source, NOW)
    assert conversion.rows == [Row("DK1/A", FIRST, 1.0)]
    assert [rejection.code for rejection in conversion.rejections] == [DeadLetterCode.NULL_VALUE]


def test_filters_drop_other_records_in_silence_but_a_missing_filter_column_is_no_match() -> None:
    records = [make_record(area="DK1"), make_record(area="SE3")]
    conversion = convert(records, make_source(filters={"Area": ["DK1"]}), NOW)
    assert [row.series_id for row in conversion.rows] == ["DK1/111"]
    assert conversion.rejections == []


def test_blanks_around_the_value_of_a_filter_are_no_part_of_it() -> None:
    records = [make_record(area=" DK1"), make_record(FIRST + 1, area="DK1 ")]
    assert len(convert(records, make_source(filters={"Area": ["DK1"]}), NOW).rows) == 2


def test_a_label_is_the_same_whatever_labels_the_other_records_have() -> None:
    records = [{**make_record(), "Area": area} for area in (12, 12.5)]
    assert {row.series_id for row in convert(records, make_source(), NOW).rows} == {"12/111", "12.5/111"}


def test_a_constant_label_replaces_a_missing_column() -> None:
    source = make_source(key_columns=["Country", "Type"], constant_labels={"Country": "DK"})
    assert convert([make_record()], source, NOW).rows[0].series_id == "DK/111"


def half_hour(minute_text: str, value: float) -> dict[str, object]:
    return {"HourUTC": f"2023-01-01T{minute_text}:00", "Area": "DK1", "Type": "111", "kWh": value}


@pytest.mark.parametrize(("aggregate", "value"), [("sum", 5.0), ("mean", 2.5)])
def test_half_hours_make_an_hour(aggregate: str, value: float) -> None:
    source = make_source(period_minutes=30, aggregate=aggregate)
    conversion = convert([half_hour("00:00", 2), half_hour("00:30", 3)], source, NOW)
    assert conversion.rows == [Row("DK1/111", FIRST, value)]


def test_an_hour_that_lacks_a_half_is_left_out_and_counted() -> None:
    conversion = convert([half_hour("00:00", 2), half_hour("01:15", 3)], make_source(period_minutes=30), NOW)
    assert (conversion.rows, conversion.incomplete_hours) == ([], 1)
    assert [rejection.code for rejection in conversion.rejections] == [DeadLetterCode.NOT_ON_THE_HOUR]


def test_within_takes_its_start_and_not_its_end() -> None:
    rows = convert(make_records(4, series=1), make_source(), NOW).rows
    assert [row.hour for row in within(rows, FIRST + 1, FIRST + 3)] == [FIRST + 1, FIRST + 2]


values = st.one_of(st.none(), st.booleans(), st.text(max_size=5), st.integers(), st.floats(), st.just(5.0))
times = st.one_of(st.none(), st.text(max_size=25), st.datetimes().map(lambda moment: moment.isoformat()))
anything = st.fixed_dictionaries(
    {},
    optional={"HourUTC": times, "Area": values, "Type": st.sampled_from(["a", "b"]), "kWh": values},
)


@given(st.lists(st.one_of(anything, st.integers(0, 5).map(lambda hour: make_record(FIRST + hour)))))
def test_every_record_is_a_row_a_rejection_or_a_repetition(records: list[dict[str, object]]) -> None:
    conversion = convert(records, make_source(), NOW)
    assert len(conversion.rows) + len(conversion.rejections) + conversion.repeated == len(records)
    assert all(math.isfinite(row.value) for row in conversion.rows)
    places = [(row.series_id, row.hour) for row in conversion.rows]
    assert len(places) == len(set(places))
    for rejection in conversion.rejections:
        assert orjson.loads(rejection.raw()) is not None


@given(st.permutations(make_records(5, series=2)))
def test_the_rows_of_an_answer_in_utc_do_not_depend_on_its_order(records: Iterable[dict[str, object]]) -> None:
    rows = convert(records, make_source(), NOW).rows
    assert sorted(rows) == sorted(convert(make_records(5, series=2), make_source(), NOW).rows)


def test_the_future_is_judged_by_the_clock_that_is_passed_in() -> None:
    early = datetime(2022, 12, 31, 23, 59, tzinfo=UTC)
    assert convert([make_record()], make_source(), early).rejections[0].code is DeadLetterCode.FUTURE_HOUR


def test_quarters_that_add_up_beyond_the_maximum_are_rejected_as_an_hour() -> None:
    source = make_source(period_minutes=30, maximum=1000)
    halves = [{**make_record(value=600), "HourUTC": f"2023-01-01T00:{minute}:00"} for minute in ("00", "30")]
    conversion = convert(halves, source, NOW)
    assert conversion.rows == []
    assert [rejection.code for rejection in conversion.rejections] == [DeadLetterCode.ABSURD_VALUE]


@pytest.mark.parametrize(("time", "accepted"), [("1970-01-01T00:00:00", False), ("1990-01-01T00:00:00", True)])
def test_an_hour_before_the_oldest_day_is_rejected(time: str, accepted: bool) -> None:
    conversion = convert([{**make_record(), "HourUTC": time}], make_source(), NOW)
    assert len(conversion.rows) == accepted
    assert [one.code for one in conversion.rejections] == ([] if accepted else [DeadLetterCode.BEFORE_OLDEST])
