import numpy as np

from dayahead.evaluation.error_groups import ErrorGroups


def test_errors_are_added_up_by_group_where_error_and_actual_are_known() -> None:
    error = np.array([[1.0, 2.0], [np.nan, 4.0]], np.float32)
    actual = np.array([[10.0, -20.0], [30.0, np.nan]])
    found = ErrorGroups.of(error, actual, np.array([[0, 1], [0, 1]]), 3)
    assert found.hours.tolist() == [1, 1, 0]
    assert found.absolute_error.tolist() == [1.0, 2.0, 0.0]
    assert found.absolute_actual.tolist() == [10.0, 20.0, 0.0]
