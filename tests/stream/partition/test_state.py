"""The ring of a partition holds exactly the last 912 hours of every series."""

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dayahead.models.serving.window import WINDOW_HOURS
from stream.partition.state import NEVER, PartitionState
from tests.stream.memory_tables import series


def put(state: PartitionState, rows: list[tuple[int, int, float]]) -> None:
    index, hour, value = zip(*rows, strict=True)
    state.put(np.array(index), np.array(hour), np.array(value, np.float64))


steps = st.lists(
    st.lists(
        st.tuples(st.integers(0, 2), st.integers(-50, 60) | st.integers(-1000, 3000), st.integers(0, 9).map(float)),
        min_size=1,
        max_size=8,
    ),
    min_size=1,
    max_size=8,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps)
def test_the_window_is_the_last_hours_and_nothing_else(batches: list[list[tuple[int, int, float]]]) -> None:
    state = PartitionState()
    state.add(series(3))
    known: dict[int, dict[int, float]] = {0: {}, 1: {}, 2: {}}
    for rows in batches:
        put(state, rows)
        for index in {row[0] for row in rows}:
            known[index].update({hour: value for one, hour, value in rows if one == index})
            newest = max(known[index])
            known[index] = {hour: value for hour, value in known[index].items() if hour > newest - WINDOW_HOURS}
    for index, hours in known.items():
        assert state.newest[index] == max(hours, default=NEVER)
        if not hours:
            continue
        newest = max(hours)
        for origin in (newest, newest - 30):
            window = state.windows(np.array([index]), np.array([origin]))[0]
            expected = [hours.get(hour, np.nan) for hour in range(origin - WINDOW_HOURS + 1, origin + 1)]
            np.testing.assert_array_equal(window, expected)
            short = state.windows(np.array([index]), np.array([origin]), 50)[0]
            np.testing.assert_array_equal(short, expected[-50:])


def test_a_series_keeps_its_index_when_others_join() -> None:
    state = PartitionState()
    state.add(series(1))
    put(state, [(0, 100, 5.0)])
    state.add(series(1000))
    assert len(state) == 1000
    assert state.value_at(np.array([0, 999]), np.array([100, 100])).tolist()[0] == 5.0
    assert np.isnan(state.value_at(np.array([999]), np.array([100])))[0]
    assert state.index_of["DK1/999"] == 999


def test_series_that_join_later_are_empty_and_the_others_stay() -> None:
    state = PartitionState()
    state.add(series(100))
    put(state, [(index, 100, float(index)) for index in range(100)])
    for count in range(101, 140):
        state.add(series(count))
        assert np.isnan(state.rings(slice(count - 1, count))).all()
    assert state.value_at(np.arange(100), np.full(100, 100)).tolist() == list(range(100))
