import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from dayahead.hours import HOUR_US
from dayahead.models.serving.window import WINDOW_HOURS
from dayahead.weather.archived import ArchivedLocation, MixedLocation, best_known
from dayahead.weather.location import ObservedLocation
from dayahead.weather.timeline import NO_RUN, Timeline
from dayahead.weather.values import Variable, WeatherKind, WeatherValues

FIRST, END, LEADS = 2000, 2200, 48


def published(kind: WeatherKind, start: int, available_us: int, values: list[float]) -> WeatherValues:
    return WeatherValues("aarhus", Variable.TEMPERATURE, kind, start, available_us, start, np.array(values, np.float32))


def run(start: int, available_h: float, values: list[float]) -> WeatherValues:
    return published(WeatherKind.RUN, start, int(available_h * HOUR_US), values)


def observed(first: int, available_h: float, values: list[float]) -> WeatherValues:
    return published(WeatherKind.OBSERVED, first, int(available_h * HOUR_US), values)


def by_timeline(publications: list[WeatherValues], origin: int, lag_h: float) -> NDArray[np.float32]:
    """What a worker knew that had taken in all publications by the moment of the origin, in whatever order."""
    timeline = Timeline()
    for one in publications:
        if one.available_us <= origin * HOUR_US + lag_h * HOUR_US:
            timeline.add(one)
    return timeline.between(origin - WINDOW_HOURS + 1, WINDOW_HOURS + LEADS)


a_value = st.sampled_from([1.0, 2.0, 3.0, float("nan")])


@st.composite
def a_publication(draw: st.DrawFn) -> WeatherValues:
    first = draw(st.integers(FIRST - 1000, END + 5))
    late = draw(st.sampled_from([0.0, 0.5, 5.0, 30.0, 100.0, 700.0]) | st.integers(0, 1200))
    values = draw(st.lists(a_value, min_size=1, max_size=60))
    if draw(st.booleans()):
        return run(first, first + late, values)
    return observed(first, first + len(values) + late, values)


@settings(max_examples=60, deadline=None)
@given(
    publications=st.lists(a_publication(), max_size=25),
    repeated_h=st.sampled_from([0, 3]),
    lag_h=st.sampled_from([1.0, 2.5, 40.0]),
    origins=st.lists(st.integers(FIRST, END - 1), min_size=1, max_size=6),
)
def test_any_origin_knows_what_a_timeline_of_the_publications_by_then_holds(
    publications: list[WeatherValues], repeated_h: int, lag_h: float, origins: list[int]
) -> None:
    if repeated_h:
        # Old hours change at more moments than are kept as late changes.
        publications += [observed(hour - 300, hour, [float(hour), 7.0]) for hour in range(FIRST, END, repeated_h)]
    location = ArchivedLocation(publications, FIRST, END, LEADS, lag_h)
    known = location.temperatures(np.array(origins), LEADS)
    for row, origin in enumerate(origins):
        np.testing.assert_array_equal(known[row], by_timeline(publications, origin, lag_h))


@given(st.randoms())
def test_neither_order_nor_repetition_of_publications_changes_what_was_known(random: object) -> None:
    publications = [run(start, start + 5, [float(start)] * 60) for start in range(FIRST - 60, END, 6)]
    publications += [observed(hour, hour + 1.5, [float(hour)]) for hour in range(FIRST - 50, END, 7)]
    origins = np.arange(FIRST, END, 13)
    expected = ArchivedLocation(publications, FIRST, END, LEADS).temperatures(origins, LEADS)
    shuffled = publications + publications[::3]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    found = ArchivedLocation(shuffled, FIRST, END, LEADS).temperatures(origins, LEADS)
    np.testing.assert_array_equal(found, expected)


def test_a_run_counts_from_the_moment_at_which_it_could_be_had_not_from_its_start() -> None:
    location = ArchivedLocation([run(2010, 2015.5, [4.0] * 60)], FIRST, END, LEADS)
    known = location.temperatures(np.array([2014, 2015]), 24)
    assert np.isnan(known[0]).all()
    np.testing.assert_array_equal(known[1, -24:], 4.0)


def test_weather_is_as_late_as_the_load_allows() -> None:
    late_load = ArchivedLocation([run(2010, 2015.5, [4.0] * 60)], FIRST, END, LEADS, publication_lag_h=3)
    np.testing.assert_array_equal(late_load.temperatures(np.array([2013]), 24)[0, -24:], 4.0)


def test_a_run_is_stale_after_a_day_and_a_half_and_none_is_not_stale() -> None:
    location = ArchivedLocation([run(2010, 2011, [4.0] * 100)], FIRST, END, LEADS)
    assert location.stale(np.array([2005, 2020, 2046, 2047])).tolist() == [False, False, False, True]
    assert location.newest_start(np.array([2005, 2020])).tolist() == [NO_RUN, 2010]


def test_an_origin_or_lead_that_was_not_announced_is_refused() -> None:
    location = ArchivedLocation([], FIRST, END, LEADS)
    with pytest.raises(ValueError, match="outside"):
        location.temperatures(np.array([END]), LEADS)
    with pytest.raises(ValueError, match="outside"):
        location.temperatures(np.array([FIRST]), LEADS + 1)


def test_simulated_runs_stand_in_where_none_is_archived() -> None:
    archived = ArchivedLocation([run(2100, 2105, [4.0] * 60)], FIRST, END, LEADS)
    mixed = MixedLocation(archived, ObservedLocation(np.full(2000, 9.0, np.float32), 1000))
    known = mixed.temperatures(np.array([2050, 2110, 2190]), 24)
    np.testing.assert_array_equal(known[0], 9.0)
    np.testing.assert_array_equal(known[1, -24:], 4.0)
    np.testing.assert_array_equal(known[2, -24:], 9.0)
    # the hours before the first run, and those that it covers
    np.testing.assert_array_equal(known[1, :5], 9.0)
    assert known[1, WINDOW_HOURS - 1] == 4.0
    assert not mixed.stale(np.array([2050, 2110, 2190])).any()


@given(st.lists(a_publication(), min_size=1, max_size=12))
def test_the_best_known_weather_is_that_of_a_timeline(publications: list[WeatherValues]) -> None:
    timeline = Timeline()
    for one in publications:
        timeline.add(one)
    found = best_known(publications, FIRST, END)
    np.testing.assert_array_equal(found.values, timeline.between(FIRST, END - FIRST))
