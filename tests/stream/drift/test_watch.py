"""The drift watch on real servers: each event once in the table and in the topic, whoever restarts or takes over."""

import itertools
import threading
from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import orjson
import psycopg
import pytest
from prometheus_client import REGISTRY
from pydantic import SecretStr

from dayahead.contracts import DriftEvent, DriftKind
from dayahead.drift.days import DAY_H
from dayahead.errors import BrokerUnavailable
from dayahead.hours import from_hour, wall_clock
from dayahead.storage.tables.drift_event import FoundDrift
from dayahead.storage.tables.drift_watched import DriftCounts
from dayahead.storage.tables.series import register_series
from dayahead.storage.tables.source import load_sources, register_source
from stream.drift.detecting import LEVEL
from stream.drift.publishing import DriftTopic
from stream.drift.rounds import DriftRounds
from stream.drift.watch import DriftWatch
from tests.stream.conftest import WorkerRoom
from tests.stream.drift.test_detecting import DAYS, STEP, errors, hourly, levels
from tests.stream.logs import PARTITIONS, SOURCE, START, batch, series_of
from tests.waiting import wait_until

DRIFTING, STEADY = series_of(0, 2)
ELSEWHERE = series_of(1, 1)[0]
BEFORE = (STEP - 1) * DAY_H
"""Origins of the first part: nothing has happened yet."""


@pytest.fixture
def scored(room: WorkerRoom) -> WorkerRoom:
    """Three series with scores and snapshots until the day before two of them change."""
    with psycopg.connect(room.database_url) as connection:
        source = load_sources(connection)[SOURCE.name]
        register_series(connection, [DRIFTING, STEADY, ELSEWHERE], source, PARTITIONS, wall_clock())
    write(room, 0, BEFORE)
    return room


def write(room: WorkerRoom, start: int, end: int) -> None:
    """Put origins of all series into the tables, as a worker would."""
    for series_id, factor in ((DRIFTING, 3.0), (STEADY, 1.0), (ELSEWHERE, 3.0)):
        ratio, level = errors(3, factor), np.repeat(np.exp(levels(3, factor)), DAY_H)
        with psycopg.connect(room.database_url) as connection, connection.cursor() as cursor:
            row = cursor.execute("SELECT series_key FROM series WHERE series_id = %s", [series_id]).fetchone()
            assert row is not None
            cursor.executemany(
                """
                INSERT INTO score (series_key, origin, release, rung, hours, absolute_error, absolute_actual,
                                   percentage_error, percentage_hours, signed_error, naive_error, naive_hours,
                                   naive_actual, model_error_where_naive, covered, pinball, lead_error)
                VALUES (%s, %s, NULL, 3, 24, %s, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, '{}')
                """,
                [[row[0], from_hour(START + hour), ratio[hour]] for hour in range(start, end)],
            )
            cursor.executemany(
                "INSERT INTO observation (series_key, valid_time, value, available_at, recorded_at)"
                " VALUES (%s, %s, %s, %s, %s)",
                [
                    [row[0], moment, float(level[hour]), moment, moment]
                    for hour in range(start, end)
                    if (moment := from_hour(START + hour))
                ],
            )


def watch(room: WorkerRoom, held: Sequence[int], topic: DriftTopic | None = None) -> DriftWatch:
    sends = topic or DriftTopic(room.topics.bootstrap, room.topics.name("drift"))
    return DriftWatch(
        database_url=SecretStr(room.database_url),
        topic=sends,
        held=lambda: held,
        clock=wall_clock,
        ended=threading.Event(),
    )


def rows(room: WorkerRoom) -> list[tuple[object, ...]]:
    return room.query(
        "SELECT series_id, kind, detector, valid_time FROM drift_event JOIN series USING (series_key) ORDER BY 1, 2, 3"
    )


def sent(room: WorkerRoom) -> list[tuple[object, ...]]:
    messages = [(key, DriftEvent.model_validate(orjson.loads(value))) for key, value, _ in room.read("drift", 1)]
    assert all(key == event.series_id.encode() for key, event in messages)
    return sorted((event.series_id, str(event.kind), event.detector, event.valid_time) for _, event in messages)


@pytest.mark.servers
def test_a_change_is_an_event_in_the_table_and_in_the_topic_once_and_a_restart_repeats_nothing(
    scored: WorkerRoom,
) -> None:
    watch(scored, [0]).round()
    assert rows(scored) == []
    rounds = []
    for start, end in itertools.pairwise(range(BEFORE, DAYS * DAY_H + 1, 3 * DAY_H)):
        write(scored, start, end)
        rounds.append(watch(scored, [0]).round())  # a watch that knows nothing but the tables
    assert [(series_id, detector) for series_id, _, detector, _ in rows(scored)] == [
        (DRIFTING, "page-hinkley:error"),
        (DRIFTING, "page-hinkley:level"),
    ]
    assert sent(scored) == rows(scored)
    found: list[FoundDrift] = []
    watch(scored, [0]).round(found.append)
    assert found == []
    assert sent(scored) == rows(scored)
    for counts in rounds:
        assert sum(one.series for one in counts) == 4  # both series, by both kinds
    drifted = [sum(one.last_week for one in counts if one.kind is DriftKind.CONCEPT) for counts in rounds]
    assert drifted[0] == drifted[-1] + 1 == 1


@pytest.mark.servers
def test_a_partition_that_is_not_held_is_not_watched_and_its_next_owner_finds_what_happened(
    scored: WorkerRoom,
) -> None:
    held = [0, 1]
    one = watch(scored, held)
    one.round()
    held.remove(1)  # lost to another worker
    write(scored, BEFORE, DAYS * DAY_H)
    one.round()
    assert {series_id for series_id, *_ in rows(scored)} == {DRIFTING}
    watch(scored, [1]).round()
    assert {series_id for series_id, *_ in rows(scored)} == {DRIFTING, ELSEWHERE}
    assert sent(scored) == rows(scored)


class AwayTopic(DriftTopic):
    """A topic whose brokers do not answer."""

    def send(self, events: Sequence[DriftEvent]) -> None:
        raise BrokerUnavailable(f"{len(events)} events not taken")


@pytest.mark.servers
def test_an_event_that_was_written_and_not_sent_is_sent_by_the_next_watch(scored: WorkerRoom) -> None:
    write(scored, BEFORE, DAYS * DAY_H)
    with pytest.raises(BrokerUnavailable):
        watch(scored, [0], AwayTopic("", "")).round()
    assert len(rows(scored)) == 2
    assert sent(scored) == []
    watch(scored, [0]).round()
    assert sent(scored) == rows(scored)


@pytest.mark.servers
def test_an_area_at_three_times_its_level_for_three_days_is_found_in_a_service_that_has_just_begun(
    room: WorkerRoom,
) -> None:
    """Five weeks of backfill, for which there is no forecast, and 82 live hours; the other area stays as it is."""
    backfilled, live = 35 * DAY_H, 82
    days = backfilled // DAY_H + 5
    with psycopg.connect(room.database_url) as connection:
        register_source(connection, SOURCE)
    room.start(worker_drift_every_s=0.2)
    expected: set[str] = set()
    for partition in range(PARTITIONS):
        ids = series_of(partition, 6)
        load = {one: hourly(seed, days).tolist() for seed, one in enumerate(ids)}
        for one in ids:
            if one.startswith("DK1/"):
                expected.add(one)
                load[one][backfilled:] = [3 * value for value in load[one][backfilled:]]
        history = [
            batch(
                [(one, START + hour, load[one][hour]) for hour in range(first, first + 7 * DAY_H)],
                START + backfilled,
                refresh=False,
            )
            for one in ids
            for first in range(0, backfilled, 7 * DAY_H)
        ]
        news = [
            batch([(one, START + hour, load[one][hour]) for one in ids], START + hour + 1)
            for hour in range(backfilled, backfilled + live)
        ]
        room.send(partition, history + news)
    assert 0 < len(expected) < 2 * 6
    wait_until(
        lambda: {str(series_id) for series_id, _, detector, _ in rows(room) if detector == LEVEL.detector} == expected,
        120,
        "every series of the area to be found",
    )
    assert {str(series_id) for series_id, *_ in rows(room)} == expected
    begun = from_hour(START + backfilled)
    assert {when - begun for _, _, _, when in rows(room)} <= {timedelta(hours=47), timedelta(hours=71)}  # type: ignore[operator]
    wait_until(lambda: {row[0] for row in sent(room)} == expected, 60, "the events to be sent")


@pytest.mark.servers
def test_a_worker_watches_its_partitions_and_survives_errors_of_the_watch(scored: WorkerRoom) -> None:
    write(scored, BEFORE, DAYS * DAY_H)
    scored.start(worker_drift_every_s=0.2)
    wait_until(lambda: len(sent(scored)) == 4, 60, "both partitions to be watched")
    assert {str(key) for key, *_ in rows(scored)} == {DRIFTING, ELSEWHERE}


class Scripted:
    """Returns the findings that a test set."""

    def __init__(self, answer: list[DriftCounts]) -> None:
        self._answer = answer

    def round(self, note: object) -> list[DriftCounts]:
        assert callable(note)
        note(FoundDrift(1, "T1", DriftKind.CONCEPT, START, LEVEL.detector, 3.0))
        return self._answer


def sampled(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


def test_events_are_counted_and_shown_until_their_area_is_gone() -> None:
    counts = [DriftCounts("T1", DriftKind.CONCEPT, 10, 2, 3)]
    thread = DriftRounds(lambda: Scripted(counts))
    thread.round()
    assert sampled("dayahead_drift_events_total", area="T1", kind="concept") == 1
    assert sampled("dayahead_drift_series", area="T1", kind="concept", period="1d") == 2
    assert sampled("dayahead_drift_series", area="T1", kind="concept", period="7d") == 3
    assert sampled("dayahead_drift_watched_series", area="T1", kind="concept") == 10
    counts.clear()
    thread.round()
    assert sampled("dayahead_drift_watched_series", area="T1", kind="concept") is None
