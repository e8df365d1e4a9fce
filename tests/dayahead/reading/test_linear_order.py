import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dayahead.reading.linear_order import answer_order, series_order


@given(st.lists(st.integers(0, 200_000), max_size=60))
def test_series_are_sorted_and_equal_ones_stay_as_they_are(numbers: list[int]) -> None:
    series = np.array(numbers, np.int32)
    assert series_order(series).tolist() == sorted(range(len(numbers)), key=lambda place: numbers[place])


@given(st.lists(st.integers(0, 80), max_size=60) | st.permutations(list(range(1_000_000, 1_000_040))))
def test_records_are_sorted_and_equal_ones_stay_as_they_are(numbers: list[int]) -> None:
    records = np.array(numbers, np.int64)
    assert answer_order(records).tolist() == sorted(range(len(numbers)), key=lambda place: numbers[place])
