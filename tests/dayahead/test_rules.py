"""The rules for a row are the same whichever way it arrives."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from dayahead.errors import ContractError, DeadLetterCode
from dayahead.hours import HOUR_US, to_hour, to_microseconds
from dayahead.reading.source_file import source_of
from dayahead.rules import RowRules, check_published, contradicted
from tests.ingest.building import make_source

NOON = datetime(2023, 1, 24, 12, tzinfo=UTC)


def code_of(check: object, *arguments: object) -> DeadLetterCode:
    with pytest.raises(ContractError) as caught:
        check(*arguments)  # type: ignore[operator]
    return caught.value.code


def test_a_value_on_a_limit_is_accepted_and_one_beyond_is_not() -> None:
    rules = RowRules(make_source(minimum=0, maximum=1000))
    rules.check_value(0.0)
    rules.check_value(1000.0)
    assert code_of(rules.check_value, -0.1) is DeadLetterCode.ABSURD_VALUE
    assert code_of(rules.check_value, 1000.1) is DeadLetterCode.ABSURD_VALUE
    RowRules(make_source(minimum=None, maximum=None)).check_value(-1e14)


@pytest.mark.parametrize("oldest", [date(1990, 1, 1), date(2015, 1, 1)])
def test_the_first_hour_of_the_oldest_day_is_accepted_and_the_one_before_is_not(oldest: date) -> None:
    rules = RowRules(make_source(oldest=oldest))
    first = to_hour(datetime(oldest.year, 1, 1, tzinfo=UTC))
    rules.check_start(first * HOUR_US, "it")
    assert code_of(rules.check_start, (first - 1) * HOUR_US, "it") is DeadLetterCode.BEFORE_OLDEST
    hours = np.array([first - 1, first, first])
    assert rules.suspects(hours, np.array([1.0, 1.0, 1001.0])).tolist() == [0, 2]


def test_the_clock_of_a_publisher_may_run_ten_minutes_ahead() -> None:
    check_published(NOON + timedelta(minutes=10), to_microseconds(NOON))
    late = (NOON + timedelta(minutes=11), to_microseconds(NOON))
    assert code_of(check_published, *late) is DeadLetterCode.FUTURE_PUBLICATION


def test_contradicting_values_are_rejected_and_repeated_ones_are_kept() -> None:
    assert contradicted("aabbbc", [1.0, 1.0, 2.0, 2.0, 3.0, 4.0]) == {2: 3.0, 3: 3.0, 4: 2.0}


@pytest.mark.parametrize(
    ("settings", "wrong"),
    [
        ({}, "DK1"),
        ({}, "DK1/111/more"),
        ({}, "DK1/"),
        ({}, "DK1/%00"),
        ({"label_values": {"Area": ["DK1", "DK2"]}}, "DK3/111"),
        ({"label_patterns": {"Type": "[0-9]{3}"}}, "DK1/1111"),
        ({"constant_labels": {"Area": "DK1"}}, "DK2/111"),
        ({"filters": {"Area": ["DK1"]}}, "DK2/111"),
        (
            {"value_column": None, "value_columns": {"a": "111", "b": "222"}, "value_label": "Kind"}
            | {"key_columns": ["Area"]},
            "DK1/333",
        ),
    ],
)
def test_a_series_that_the_source_cannot_have_is_refused(settings: dict[str, object], wrong: str) -> None:
    rules = RowRules(make_source(**settings))
    rules.check_series("DK1/111")
    expected = {DeadLetterCode.BAD_SERIES_ID, DeadLetterCode.UNKNOWN_LABEL}
    assert code_of(rules.check_series, wrong) in expected


@pytest.mark.parametrize(
    "settings",
    [{"label_values": {"Colour": ["red"]}}, {"label_patterns": {"Area": "("}}, {"label_patterns": {"Colour": "r"}}],
)
def test_rules_for_labels_that_cannot_be_followed_are_refused_with_the_source(settings: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"label_(values|patterns)"):
        make_source(**settings)


def test_a_source_whose_rows_are_sent_needs_no_columns() -> None:
    source = source_of(
        {"name": "own-grid", "kind": "push", "title": "Ours", "key_columns": ["area", "kind"], "unit": "kWh"}
    )
    assert (source.time_column, source.value_column) == ("valid_time", "value")
