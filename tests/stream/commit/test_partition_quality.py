"""What a worker says of the quality of its series, from its windows and in the table."""

import time

import numpy as np
import psycopg
import pytest

from dayahead.contracts import Rung
from dayahead.hours import from_hour, wall_clock
from dayahead.storage.tables.partition_quality import LISTED, PartitionQuality, SeenQuality, read_quality
from stream.commit.partition_quality import QualityKeeper, quality_of
from stream.partition.state import NEVER, PartitionState
from tests.stream.conftest import WorkerRoom
from tests.stream.logs import START, batch, in_log, series_of
from tests.stream.memory_tables import series

END = 500_000


def quality(hours_of: dict[int, range], end: int = END) -> PartitionQuality:
    """Of series with values in these hours."""
    state = PartitionState()
    state.add(series(len(hours_of)))
    for index, hours in hours_of.items():
        state.put(np.full(len(hours), index), np.array(hours, np.int64), np.ones(len(hours)))
    return quality_of(state, np.arange(len(hours_of)), end)


def test_gaps_count_from_the_first_hour_of_a_series_and_a_week_back_at_most() -> None:
    old, young, lagging = range(END - 899, END + 1), range(END - 9, END + 1), range(END - 899, END - 19)
    seen = quality({0: old, 1: young, 2: lagging})
    assert seen.expected_hours == 168 + 10 + 168
    assert (seen.missing_hours, seen.series_with_gaps) == (20, 1)
    assert (seen.gap_keys, seen.gap_hours) == ([102], [20])


def test_a_series_that_is_silent_for_longer_than_a_week_lacks_all_of_it() -> None:
    assert quality({0: range(END - 400, END - 300)}).missing_hours == 168


def test_newest_hours_are_counted_and_the_oldest_named_first() -> None:
    seen = quality({0: range(END - 30, END + 1), 1: range(END - 30, END - 9), 2: range(0), 3: range(END, END + 1)})
    assert seen.newest_hours == [None, from_hour(END - 10), from_hour(END)]
    assert seen.newest_series == [1, 1, 2]
    assert seen.oldest_keys == [102, 101, 100, 103]
    assert seen.oldest_hours[:2] == [None, from_hour(END - 10)]
    assert seen.rung_series[Rung.NONE] == 4


def test_a_source_without_any_hour_lacks_nothing() -> None:
    seen = quality({0: range(0)}, NEVER)
    assert (seen.expected_hours, seen.missing_hours) == (0, 0)


def test_lists_are_bounded() -> None:
    seen = quality({index: range(END - index - 200, END - index) for index in range(LISTED + 5)})
    assert len(seen.oldest_keys) == len(seen.gap_keys) == LISTED
    assert seen.series_with_gaps == LISTED + 5


def seen_by_workers(room: WorkerRoom) -> list[SeenQuality]:
    with psycopg.connect(room.database_url) as connection:
        return read_quality(connection)


@pytest.mark.servers
def test_a_worker_writes_what_it_sees_and_one_that_lost_the_partition_does_not(room: WorkerRoom) -> None:
    names = series_of(0, 2)
    log = [batch([(names[0], START + hour, 5.0), (names[1], START + hour, 5.0)], START + 60) for hour in range(50)]
    log.append(batch([(names[0], START + 52, 5.0)], START + 60))
    room.send(0, log)
    first = room.worker()
    first.assign([0])
    first.process(0, in_log(log[:50]))
    first.run_maintenance()
    assert [one.quality.missing_hours for one in seen_by_workers(room)] == [0]
    second = room.worker()
    second.assign([0])
    second.process(0, in_log(log))
    second.run_maintenance()
    [now] = seen_by_workers(room)
    assert now.quality.newest_hours == [from_hour(START + 49), from_hour(START + 52)]
    assert (now.quality.expected_hours, now.quality.missing_hours) == (2 * 53, 2 + 3)
    assert sum(now.quality.rung_series) == 2
    held = first.held[0]
    QualityKeeper(first._database, wall_clock, time.monotonic).keep([held], {held.state.source_keys[0]: START + 99})
    assert seen_by_workers(room) == [now]
