import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayahead.weather.timeline import KEPT_HOURS, Timeline
from dayahead.weather.values import Variable, WeatherKind, WeatherValues


def run(start: int, values: list[float], *, available: int = 0, first: int | None = None) -> WeatherValues:
    return WeatherValues(
        "aarhus",
        Variable.TEMPERATURE,
        WeatherKind.RUN,
        start,
        available,
        start if first is None else first,
        np.array(values, np.float32),
    )


def observed(first: int, values: list[float], available: int = 0) -> WeatherValues:
    return WeatherValues(
        "aarhus", Variable.TEMPERATURE, WeatherKind.OBSERVED, first, available, first, np.array(values, np.float32)
    )


def timeline(*published: WeatherValues) -> Timeline:
    made = Timeline()
    for one in published:
        made.add(one)
    return made


def test_an_hour_has_the_newest_run_that_covers_it() -> None:
    made = timeline(run(0, [1.0] * 12), run(6, [2.0] * 4))
    np.testing.assert_array_equal(made.between(4, 8), [1, 1, 2, 2, 2, 2, 1, 1])


def test_an_observation_is_better_than_any_run() -> None:
    made = timeline(observed(2, [9.0]), run(0, [1.0] * 4))
    np.testing.assert_array_equal(made.between(0, 4), [1, 1, 9, 1])


def test_a_missing_hour_of_a_better_run_leaves_the_older_value() -> None:
    made = timeline(run(0, [1.0] * 8), run(6, [2.0, np.nan]))
    np.testing.assert_array_equal(made.between(5, 3), [1, 2, 1])


def test_hours_outside_are_unknown() -> None:
    made = timeline(run(10, [1.0]))
    assert np.isnan(made.between(9, 3)[[0, 2]]).all()
    assert np.isnan(Timeline().between(0, 5)).all()


def test_a_run_without_hours_and_one_with_hours_before_its_start_are_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        run(0, [])
    with pytest.raises(ValueError, match="from hour 3"):
        run(5, [1.0], first=3)


publications = st.lists(
    st.builds(
        lambda kind, start, ahead, available, values: (
            run(start, values, available=available, first=start + ahead) if kind else observed(start, values, available)
        ),
        st.booleans(),
        st.integers(0, 3 * KEPT_HOURS),
        st.integers(0, 5),
        st.integers(0, 2),
        st.lists(st.sampled_from([1.0, 2.0, float("nan")]), min_size=1, max_size=30),
    ),
    min_size=1,
    max_size=8,
)


@given(publications, st.randoms())
def test_neither_order_nor_repetition_of_publications_changes_what_is_kept(
    published: list[WeatherValues], random: object
) -> None:
    shuffled = [*published, *published[:2]]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = timeline(*published), timeline(*shuffled)
    assert one.newest_start == other.newest_start
    hours = 4 * KEPT_HOURS
    np.testing.assert_array_equal(one.between(0, hours), other.between(0, hours))
