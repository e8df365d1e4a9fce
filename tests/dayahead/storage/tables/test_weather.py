"""Tables `weather_run` and `weather_arrival` on a real TimescaleDB."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import psycopg
import pytest

from dayahead.hours import from_hour
from dayahead.storage.tables.weather_arrival import (
    Arrival,
    begin_log_again,
    delete_old_arrivals,
    read_arrived,
    write_arrivals,
)
from dayahead.storage.tables.weather_run import WeatherRun, delete_old_runs, read_runs, write_runs
from dayahead.weather.timeline import KEPT_HOURS, Timeline
from dayahead.weather.values import Variable, WeatherValues
from tests.dayahead.weather.publications import observed, run

pytestmark = pytest.mark.servers

START = 465_000
NOW = datetime(2023, 1, 18, 6, tzinfo=UTC)
LATER = NOW + timedelta(hours=6)
TOPIC = "observations"


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url) as connection:
        yield connection


def runs_of(*values: WeatherValues, source: str = "gfs") -> list[WeatherRun]:
    return [WeatherRun(source, one) for one in values]


def write(connection: psycopg.Connection, runs: Sequence[WeatherRun], now: datetime = NOW) -> None:
    with connection.transaction(), connection.cursor() as cursor:
        write_runs(cursor, runs, now)


def arrive(connection: psycopg.Connection, partition: int, *arrivals: tuple[int, WeatherValues]) -> None:
    with connection.transaction(), connection.cursor() as cursor:
        brought = [Arrival(offset, WeatherRun("gfs", one)) for offset, one in arrivals]
        write_arrivals(cursor, TOPIC, partition, brought, NOW)


def text_of(runs: Sequence[WeatherRun]) -> list[tuple[object, ...]]:
    return sorted(
        (
            each.source,
            each.values.location,
            each.values.kind,
            each.values.start,
            each.values.available_us,
            each.values.first,
            each.values.values.tobytes(),
        )
        for each in runs
    )


def test_a_publication_is_read_with_the_bits_that_were_written(connection: psycopg.Connection) -> None:
    written = runs_of(
        run(START, np.r_[np.float32(1) / 3, np.nan, -40.1], first=START + 2, delay_h=5.123),
        observed(START - 30, [0.1, 0.2]),
        run(START, [7.5], location="odense"),
    )
    write(connection, written)
    read = read_runs(connection, "gfs", ["aarhus", "odense"], START - 100, START + 100)
    assert text_of(read) == text_of(written)
    assert {one.recorded_at for one in read} == {NOW}
    assert {one.run_id for one in read} == {one.run_id for one in written}


def test_a_publication_is_stored_once_and_keeps_when_it_was_recorded_first(connection: psycopg.Connection) -> None:
    write(connection, runs_of(run(START, [1.0])))
    write(connection, runs_of(run(START, [1.0]), run(START, [1.0])), LATER)
    (kept,) = read_runs(connection, "gfs", ["aarhus"], START, START + 1)
    assert kept.recorded_at == NOW


@pytest.mark.parametrize(
    "other",
    [
        WeatherRun("icon", run(START, [1.0])),
        WeatherRun("gfs", run(START, [2.0])),
        WeatherRun("gfs", run(START, [1.0], delay_h=6)),
        WeatherRun("gfs", run(START, [1.0], location="odense")),
        WeatherRun("gfs", run(START, [1.0], first=START + 1)),
        WeatherRun("gfs", run(START - 1, [1.0], first=START, delay_h=6)),
        WeatherRun("gfs", run(START, [1.0], variable=Variable.WIND_SPEED)),
        WeatherRun("gfs", observed(START, [1.0], delay_h=5)),
    ],
)
def test_whatever_differs_makes_another_publication(other: WeatherRun) -> None:
    assert other.run_id != WeatherRun("gfs", run(START, [1.0])).run_id


def test_what_was_known_at_a_moment_is_read_by_when_it_was_available_and_by_when_it_was_recorded(
    connection: psycopg.Connection,
) -> None:
    first, second = run(START, [1.0] * 48), run(START + 6, [2.0] * 48)
    write(connection, runs_of(first))
    # recorded late: it was available before
    write(connection, runs_of(second), LATER)

    def read(available_by: datetime | None = None, recorded_by: datetime | None = None) -> list[int]:
        found = read_runs(
            connection, "gfs", ["aarhus"], START, START + 9, available_by=available_by, recorded_by=recorded_by
        )
        return [one.values.start for one in found]

    assert read() == [START, START + 6]
    assert read(available_by=from_hour(START + 10)) == [START]
    assert read(available_by=from_hour(START + 11)) == [START, START + 6]
    assert read(recorded_by=NOW) == [START]
    assert read(recorded_by=NOW - timedelta(seconds=1)) == []
    assert read(available_by=from_hour(START + 4), recorded_by=LATER) == []


def test_a_read_for_training_has_the_publications_with_hours_in_its_range(connection: psycopg.Connection) -> None:
    write(
        connection,
        runs_of(
            run(START, [1.0] * 10),
            run(START + 20, [1.0] * 10),
            run(START, [1.0] * 10, location="odense"),
            run(START, [1.0] * 10, variable=Variable.HUMIDITY),
        ),
    )

    def read(first: int, end: int, locations: Sequence[str] = ("aarhus",)) -> list[tuple[str, int]]:
        found = read_runs(connection, "gfs", locations, first, end)
        return [(one.values.location, one.values.start) for one in found]

    assert read(START + 9, START + 20) == [("aarhus", START)]
    assert read(START + 9, START + 21) == [("aarhus", START), ("aarhus", START + 20)]
    assert read(START + 10, START + 20) == []
    assert read(START, START + 1, ["odense", "aarhus"]) == [("aarhus", START), ("odense", START)]
    assert [
        one.values.variable
        for one in read_runs(connection, "gfs", ["aarhus"], START, START + 1, variable=Variable.HUMIDITY)
    ] == [Variable.HUMIDITY]


def test_the_state_of_a_partition_at_an_offset_is_what_arrived_in_it_before(connection: psycopg.Connection) -> None:
    first, second = run(START, [1.0] * 48), run(START + 6, [2.0] * 48)
    arrive(connection, 0, (10, first), (20, second))
    arrive(connection, 1, (3, first))
    # again in the log: its first arrival counts
    arrive(connection, 0, (30, first))

    def starts(partition: int, before: int | None = None) -> set[int]:
        return {one.values.start for one in read_arrived(connection, TOPIC, partition, before=before)}

    assert starts(0) == {START, START + 6}
    assert starts(0, 20) == starts(0, 11) == {START}
    assert starts(0, 10) == starts(2) == set()
    assert starts(1) == {START}
    assert len(read_runs(connection, "gfs", ["aarhus"], START, START + 60)) == 2
    begin_log_again(connection, TOPIC, 0)
    assert starts(0, 0) == {START, START + 6}
    assert starts(1, 3) == set()


def test_a_timeline_from_the_tables_has_the_bits_of_the_one_that_saw_everything(connection: psycopg.Connection) -> None:
    rng = np.random.default_rng(5)
    seen = Timeline()
    for number in range(400):
        start = START + 6 * number
        published = (
            run(start, rng.normal(8, 5, 60), delay_h=5) if number % 3 else observed(start - 9, rng.normal(8, 5, 9))
        )
        seen.add(published)
        arrive(connection, 0, (number, published))
    read = read_arrived(connection, TOPIC, 0)
    assert 0 < len(read) < 400, "old publications are left in the tables"
    rebuilt = Timeline()
    for one in read:
        rebuilt.add(one.values)
    assert rebuilt.newest_start == seen.newest_start
    hours = START - 100, KEPT_HOURS + 6 * 400
    np.testing.assert_array_equal(rebuilt.between(*hours).view(np.int32), seen.between(*hours).view(np.int32))


def test_retention_deletes_arrivals_first_and_never_a_publication_that_a_partition_knows(
    connection: psycopg.Connection,
) -> None:
    day = timedelta(days=1)
    old, newer = run(START, [1.0] * 24), run(START + 24 * 20, [1.0] * 24)
    arrive(connection, 0, (1, old), (2, newer))
    arrive(connection, 1, (1, old))
    late = from_hour(START + 24 * 400)
    # the clock is far ahead: age counts from the newest run of the location
    assert delete_old_arrivals(connection, 20 * day, late, 100) == 0
    assert delete_old_runs(connection, 10 * day, late, 100) == 0
    assert delete_old_arrivals(connection, 10 * day, late, 100) == 1
    assert delete_old_runs(connection, 10 * day, late, 100) == 0, "partition 1 knows it"
    arrive(connection, 1, (2, newer))
    assert delete_old_arrivals(connection, 10 * day, late, 100) == 1
    assert delete_old_runs(connection, 20 * day, late, 100) == 0
    assert delete_old_runs(connection, 10 * day, late, 100) == 1
    assert [one.values.start for one in read_runs(connection, "gfs", ["aarhus"], START, START + 9999)] == [newer.start]
