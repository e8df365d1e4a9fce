import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from dayahead.grouping import grouped, groups, numbered, pack_pairs, unpack_pairs

EDGE = 2**31 - 1
SERIES = arrays.arrays(np.int64, 20, elements=st.integers(0, EDGE))
HOURS = arrays.arrays(np.int64, 20, elements=st.integers(-EDGE - 1, EDGE))


def test_every_row_is_in_the_group_of_its_key_and_keys_ascend() -> None:
    found = [(key, rows.tolist()) for key, rows in groups(np.array([7, -1, 7, 3]))]
    assert found == [(-1, [1]), (3, [3]), (7, [0, 2])]
    assert list(groups(np.zeros(0, np.int64))) == []


@given(keys=arrays.arrays(np.int64, st.integers(0, 30), elements=st.integers(-3, 3)))
def test_groups_are_what_comparing_with_each_key_finds(keys: np.ndarray[tuple[int], np.dtype[np.int64]]) -> None:
    expected = [(key, np.flatnonzero(keys == key).tolist()) for key in sorted(set(keys.tolist()))]
    assert [(key, rows.tolist()) for key, rows in groups(keys)] == expected


def test_values_are_numbered_as_they_appear() -> None:
    names, number = numbered(["b", None, "b", "a"])
    assert (names, number.tolist(), number.dtype.name) == (["b", None, "a"], [0, 1, 0, 2], "int64")
    names, number = numbered([])
    assert (names, number.tolist(), number.dtype.name) == ([], [], "int64")


def test_objects_are_grouped_as_they_appear() -> None:
    assert list(grouped([("b", 1), ("a", 2), ("b", 0)]).items()) == [("b", [1, 0]), ("a", [2])]


@given(series=SERIES, hour=HOURS)
def test_pairs_can_be_split_again_and_sort_by_series_then_hour(
    series: np.ndarray[tuple[int], np.dtype[np.int64]], hour: np.ndarray[tuple[int], np.dtype[np.int64]]
) -> None:
    pairs = pack_pairs(series, hour)
    found = unpack_pairs(pairs)
    assert np.array_equal(found[0], series)
    assert np.array_equal(found[1], hour)
    assert np.array_equal(np.argsort(pairs, kind="stable"), np.lexsort((hour, series)))
