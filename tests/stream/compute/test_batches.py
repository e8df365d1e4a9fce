"""The outcome is a function of the log; the state is a function of what was observed."""

import operator
from dataclasses import fields
from functools import partial

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from dayahead.evaluation.score import ScoreBatch, score, score_hours
from dayahead.hours import HOUR_US
from dayahead.models.serving.forecaster import Forecaster
from dayahead.models.serving.window import WINDOW_HOURS
from dayahead.storage.tables.forecast import ForecastRows
from stream.compute.scoring import rescore_hours
from tests.stream.memory_tables import MemoryTables, Message, run

START = 465_000
SERIES = 3

relaxed = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def history(hours: int) -> Message:
    """A message of hours that every series has from the start, so that there are forecasts to score."""
    rows = [(index, START + hour, 100.0 + 10 * index + hour % 24) for index in range(SERIES) for hour in range(hours)]
    return (START + hours + 1) * HOUR_US, False, rows


@st.composite
def logs(draw: st.DrawFn) -> list[Message]:
    """Messages with hours in and out of order, repeated, revised, and late by up to more than the window."""
    messages: list[Message] = [history(30)]
    moving = START + 30
    for _ in range(draw(st.integers(1, 14))):
        moving += draw(st.integers(0, 14))
        late = st.integers(0, 40) | st.integers(WINDOW_HOURS - 3, WINDOW_HOURS + 3)
        rows = draw(
            st.lists(
                st.tuples(
                    st.integers(0, SERIES - 1),
                    late.map(partial(operator.sub, moving)),
                    st.integers(1, 3).map(float),
                ),
                min_size=1,
                max_size=12,
            )
        )
        available = moving * HOUR_US + draw(st.integers(-2, 2)) * HOUR_US
        messages.append((available, draw(st.booleans()), rows))
    return messages


@given(logs(), st.data())
@relaxed
def test_any_cutting_of_a_log_into_batches_gives_the_same_tables(log: list[Message], data: st.DataObject) -> None:
    one_by_one, _ = run(log, range(1, len(log)), SERIES)
    at_once, _ = run(log, [], SERIES)
    cuts = sorted(data.draw(st.sets(st.integers(1, len(log) - 1))))
    restarted, _ = run(log, cuts, SERIES, restarts=True)
    assert at_once.contents() == one_by_one.contents()
    assert restarted.contents() == one_by_one.contents()


@given(logs())
@relaxed
def test_messages_that_are_delivered_twice_change_nothing(log: list[Message]) -> None:
    once, _ = run(log, [], SERIES)
    tables, _ = run([*log, *log], [len(log)], SERIES)
    for name in ("observation", "forecast", "snapshot", "score", "day_score"):
        assert tables.contents()[name] == once.contents()[name], name
    # a value that went and came back may be determined more exactly by the second reading, and never less
    assert once.revision <= tables.revision


@st.composite
def observations(draw: st.DrawFn) -> list[tuple[int, int, int, float]]:
    """(available, series, hour, value): several versions of hours, also ones that go back to an earlier value."""
    cells = draw(
        st.dictionaries(
            st.tuples(st.integers(0, SERIES - 1), st.integers(0, 60) | st.integers(WINDOW_HOURS, WINDOW_HOURS + 30)),
            st.dictionaries(st.integers(0, 5), st.integers(0, 2), min_size=1, max_size=4),
            min_size=1,
            max_size=20,
        )
    )
    return [
        ((START + hour + after) * HOUR_US, index, START + hour, 10.0 + hour % 24 + value)
        for (index, hour), versions in cells.items()
        for after, value in versions.items()
    ]


def as_log(versions: list[tuple[int, int, int, float]]) -> list[Message]:
    return [history(30), *((available, True, [(index, hour, value)]) for available, index, hour, value in versions)]


def newest(tables: MemoryTables) -> dict[int, object]:
    """The forecast at the last origin of each series, without the message that made it."""
    forecasts = tables.contents()["forecast"]
    assert isinstance(forecasts, dict)
    last = {key: max(origin for found, origin in forecasts if found == key) for key, _ in forecasts}
    return {
        key: (origin, forecasts[key, origin][:2], forecasts[key, origin][3:], tables.snapshot[key, origin])
        for key, origin in last.items()
    }


@given(observations(), st.data())
@relaxed
def test_the_order_of_observations_leaves_no_trace(
    versions: list[tuple[int, int, int, float]], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations([*versions, *versions[:3]]))
    floor = Forecaster(None)
    tables, state = run(as_log(versions), [], SERIES, forecaster=floor)
    cuts = sorted(data.draw(st.sets(st.integers(1, len(shuffled)))))
    other, other_state = run(as_log(shuffled), cuts, SERIES, forecaster=floor)
    for cell in tables.observation.keys() | other.observation.keys():
        assert other.observation[cell][0] == tables.observation[cell][0]
    assert (other_state.newest == state.newest).all()
    every = np.arange(SERIES)
    np.testing.assert_array_equal(other_state.windows(every, other_state.newest), state.windows(every, state.newest))
    assert newest(other) == newest(tables)


def test_an_hour_after_the_other_is_written_without_a_look_for_what_is_there() -> None:
    log: list[Message] = [history(30)]
    log += [
        ((START + hour + 1) * HOUR_US, True, [(index, START + hour, 5.0) for index in range(SERIES)])
        for hour in range(30, 80)
    ]
    tables, _ = run(log, range(1, len(log)), SERIES)
    written = len(tables.observation) + len(tables.forecast) + len(tables.score) + len(tables.day_score)
    assert len(tables.score) > 0
    assert len(tables.day_score) > 0
    assert (tables.straight, tables.looked_for) == (written, 0)
    tables, _ = run(log + log, range(1, 2 * len(log)), SERIES)
    assert tables.straight == written


def hourly(first: int, last: int, value: float = 5.0) -> list[Message]:
    """A message an hour with that hour of every series."""
    return [
        (
            (START + hour + 1) * HOUR_US,
            True,
            [(index, START + hour, value + index + hour % 7) for index in range(SERIES)],
        )
        for hour in range(first, last)
    ]


def revision(hour: int) -> Message:
    """Another value of an hour of the first series, published much later."""
    return (START + 2000) * HOUR_US, False, [(0, START + hour, 50.0)]


def origins(tables: MemoryTables, day: int) -> set[int]:
    """Hours after START of the origins of which a later day of the horizon is scored, of the first series."""
    return {origin - START for key, origin, found in tables.day_score if found == day and key == 100}


def test_each_whole_day_of_the_horizon_matures_by_itself_and_the_rest_of_the_horizon_never() -> None:
    tables, _ = run([history(30), *hourly(30, 120)], [], SERIES)
    assert {day for _, _, day in tables.day_score} == {2, 3}  # 80 leads: the 8 of day 4 are no day
    assert {origin - START for key, origin in tables.score if key == 100} == set(range(30, 96))
    assert origins(tables, 2) == set(range(30, 72))
    assert origins(tables, 3) == set(range(30, 48))


def test_a_revised_hour_scores_every_day_of_the_horizon_again_that_holds_it() -> None:
    log = [history(30), *hourly(30, 120)]
    before, _ = run(log, [], SERIES)
    revised, _ = run([*log, revision(100)], [len(log)], SERIES)
    changed = {key for key, row in revised.day_score.items() if before.day_score[key] != row}
    assert {(origin - START, day) for _, origin, day in changed} == {
        *((origin, 2) for origin in range(52, 72)),  # hour 100 is lead 48 of hour 52's forecast
        *((origin, 3) for origin in range(30, 48)),
    }
    assert {key for key, _, _ in changed} == {100}


def test_a_day_of_the_horizon_is_scored_as_the_one_function_scores_it() -> None:
    log = [history(30), *hourly(30, 120)]
    tables, state = run(log, [], SERIES)
    row = tables.forecast[101, START + 40].of_day(2)
    window = state.windows(np.array([1]), np.array([START + 40 + 48]), score_hours(2))
    sums = score(window, row.p10, row.p50, row.p90, 2)
    expected = [getattr(sums, item.name)[0].tobytes() for item in fields(ScoreBatch)]
    assert tables.day_score[101, START + 40, 2][2:] == tuple(expected)


def test_a_revision_of_an_hour_whose_naive_the_window_no_longer_has_scores_nothing() -> None:
    far = rescore_hours(3)
    last = 30 + 72 + far
    log = [history(30), *hourly(30, last + 1)]
    before, _ = run(log, [], SERIES)
    outside, _ = run([*log, revision(last - far)], [len(log)], SERIES)
    inside, _ = run([*log, revision(last - far + 1)], [len(log)], SERIES)
    changed = [
        {day for key, row in tables.day_score.items() if before.day_score[key] != row for day in key[2:]}
        for tables in (outside, inside)
    ]
    assert changed == [{2}, {2, 3}]


def test_a_source_of_24_leads_reads_and_writes_no_later_day() -> None:
    asked = []

    class Watched(MemoryTables):
        def day_forecasts(self, day: int, *wanted: NDArray[np.int64]) -> ForecastRows:
            asked.append(day)
            return super().day_forecasts(day, *wanted)

    log = [history(30), *hourly(30, 90)]
    tables, _ = run(log, [20, 40], SERIES, tables=Watched(), leads=24)
    assert asked == []
    assert tables.score
    assert not tables.day_score
