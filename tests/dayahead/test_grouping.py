import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from dayahead.grouping import groups, pack_pairs, unpack_pairs

EDGE = 2**31 - 1
SERIES = arrays.arrays(np.int64, 20, elements=st.integers(0, EDGE))
HOURS = arrays.arrays(np.int64, 20, elements=st.integers(-EDGE - 1, EDGE))


def test_every_row_is_in_the_group_of_its_key_and_keys_ascend() -> None:
    found = [(key, rows.tolist()) for key, rows in groups(np.array([7, -1, 7, 3]))]
    assert found == [(-1, [1]), (3, [3]), (7, [0, 2])]
    assert list(groups(np.zeros(0, np.int64))) == []


@given(series=SERIES, hour=HOURS)
def test_pairs_can_be_split_again_and_sort_by_series_then_hour(
    series: np.ndarray[tuple[int], np.dtype[np.int64]], hour: np.ndarray[tuple[int], np.dtype[np.int64]]
) -> None:
    pairs = pack_pairs(series, hour)
    found = unpack_pairs(pairs)
    assert np.array_equal(found[0], series)
    assert np.array_equal(found[1], hour)
    assert np.array_equal(np.argsort(pairs, kind="stable"), np.lexsort((hour, series)))
