"""Totals on real Kafka, TimescaleDB and Redis, with the worker that takes them in."""

import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from kafka import KafkaConsumer, TopicPartition
from prometheus_client import REGISTRY
from psycopg_pool import ConnectionPool

from dayahead.contracts import DriftKind
from dayahead.errors import BrokerUnavailable
from dayahead.hours import Hour, from_hour, wall_clock
from dayahead.publisher import Publisher, kafka_producer
from dayahead.series import partition_of
from dayahead.storage.database import connect
from dayahead.storage.tables.accuracy_day import read_group_sums
from dayahead.storage.tables.day_ahead_score import read_gate_group_sums
from dayahead.storage.tables.drift_watched import due_series
from dayahead.storage.tables.score import SourceWindow, newest_windows
from dayahead.storage.tables.source import load_sources, register_source, remove_source
from deploy.overview import read_overview
from ingest import totals as totals_module
from ingest.totals import LOCK, Totals
from stream.servers.log_reader import LogMessage
from stream.worker import Worker
from tests.api.fakes import FakeServers
from tests.conftest import TopicRoom
from tests.stream.conftest import WorkerRoom, make_room
from tests.stream.logs import PARTITIONS, SOURCE, START, batch
from tests.waiting import wait_until
from trainer.settings import TrainingSettings
from trainer.training_set import read_training_set

pytestmark = pytest.mark.servers

Rows = Sequence[tuple[str, Hour, object]]
IDS = ["DK1/111", "DK1/222", "DK1/333", "DK2/111", "DK2/222"]
WHOLE, DK1, DK2 = (f"test-totals/{label}" for label in ("total", "area-DK1", "area-DK2"))
SUMMED = SOURCE.model_copy(update={"totals": True})


class House:
    """A worker, its log, and what makes totals."""

    def __init__(self, room: WorkerRoom) -> None:
        self.room, self.taken = room, {0: 0, 1: 0}
        self.worker: Worker = room.worker()
        self.worker.assign([0, 1])
        self.totals = self.maker()

    def maker(self) -> Totals:
        """A maker of totals as a new process has it."""
        return Totals(
            publisher=Publisher(lambda: kafka_producer(self.room.topics.bootstrap), self.room.topics.prefix),
            connect=lambda: connect(self.room.database_url, wait_s=0, autocommit=True),
            clock=wall_clock,
        )

    def send(self, rows: Rows, available: Hour) -> None:
        """Send rows, each to its partition."""
        for partition in range(PARTITIONS):
            if here := [row for row in rows if partition_of(row[0], PARTITIONS) == partition]:
                self.room.send(partition, [batch(here, available)])

    def drain(self) -> None:
        """Let the worker take in what is in the log."""
        consumer = KafkaConsumer(bootstrap_servers=self.room.topics.bootstrap, enable_auto_commit=False)
        try:
            for partition, position in self.taken.items():
                place = TopicPartition(self.room.topics.name("observations"), partition)
                consumer.assign([place])
                end = consumer.end_offsets([place])[place]
                consumer.seek(place, position)
                messages: list[LogMessage] = []
                while position + len(messages) < end:
                    for found in consumer.poll(timeout_ms=500).values():
                        messages += [LogMessage(one.offset, one.value) for one in found]
                if messages:
                    self.worker.process(partition, messages)
                    self.taken[partition] = end
        finally:
            consumer.close()

    def round(self) -> int:
        """Let the worker take in the log, make totals once, and let it take in those."""
        self.drain()
        made = self.totals.round()
        self.drain()
        return made

    def settle(self) -> int:
        """Make totals until nothing changes any more; returns the hours that were published."""
        published = 0
        for _ in range(10):
            made = self.round()
            if not made and not self.totals.round():
                return published
            published += made
        raise AssertionError("totals are published for ever")

    def of(self, series_id: str) -> dict[Hour, float]:
        """Values of a total by hour from START on."""
        return {hour: value for hour, value, _ in self.rows(series_id)}

    def rows(self, series_id: str) -> list[tuple[Hour, float, datetime]]:
        """Hour from START on, value and available_at of a series."""
        return [
            ((moment - from_hour(START)) // timedelta(hours=1), value, available)
            for moment, value, available in self.room.query(
                "SELECT valid_time, value, available_at FROM observation JOIN series USING (series_key)"
                " WHERE series_id = %s ORDER BY 1",
                [series_id],
            )
        ]

    def report(self, source: str = "test") -> dict[str, Any]:
        """GET /v1/totals/{source}."""
        with (
            ConnectionPool(self.room.database_url, kwargs={"options": "-c timezone=UTC"}) as pool,
            FakeServers(database=pool).client(wall_clock()) as client,
        ):
            answer = client.get(f"/v1/totals/{source}")
            assert answer.status_code == 200, answer.text
            return dict(answer.json())

    def close(self) -> None:
        self.totals.close()
        self.room.close()


def prepared(topics: TopicRoom, database_url: str, redis_url: str) -> House:
    room = make_room(topics, database_url, redis_url)
    with psycopg.connect(database_url) as connection:
        register_source(connection, SUMMED)
    return House(room)


@pytest.fixture
def house(topics: TopicRoom, database_url: str, redis_url: str) -> Iterator[House]:
    one = prepared(topics, database_url, redis_url)
    yield one
    one.close()


def hour_of(hour: int, ids: Sequence[str] = IDS) -> Rows:
    """An hour of some series: decimal values that binary numbers do not have."""
    return [(name, START + hour, round(0.1 * (place + 1) + hour, 1)) for place, name in enumerate(IDS) if name in ids]


def total(hour: int, ids: Sequence[str] = IDS) -> float:
    return round(sum(float(str(value)) for _, _, value in hour_of(hour, ids)), 6)


def test_complete_hours_have_totals_by_area_and_of_the_whole_that_are_forecast(house: House) -> None:
    for hour in range(30):
        house.send(hour_of(hour), START + hour + 2)
    assert house.settle() == 30 * 3
    assert house.of(WHOLE) == {hour: total(hour) for hour in range(30)}
    assert house.of(DK1) == {hour: total(hour, IDS[:3]) for hour in range(30)}
    assert house.of(DK2) == {hour: total(hour, IDS[3:]) for hour in range(30)}
    assert {row[2] for row in house.rows(WHOLE)} == {from_hour(START + hour + 2) for hour in range(30)}
    # forecast once, at the newest hour, like the hours of a backfill
    assert house.room.query(
        "SELECT series_id, origin, cardinality(p10) FROM forecast JOIN series USING (series_key)"
        " WHERE series_id LIKE 'test-totals/%%' ORDER BY 1"
    ) == [(name, from_hour(START + 29), SOURCE.leads) for name in sorted([WHOLE, DK1, DK2])]
    assert house.settle() == 0
    assert house.report() == {
        "source": "test",
        "active": True,
        "totals_source": "test-totals",
        "newest_hour": "2023-01-19T05:00:00Z",
        "totals": [
            {
                "series_id": name,
                "newest_hour": "2023-01-19T05:00:00Z",
                "hours_behind": 0.0,
                "summed_series": size,
                "incomplete_hours": 0,
            }
            for name, size in ((DK1, 3), (DK2, 2), (WHOLE, 5))
        ],
        "incomplete": [],
        "steps": [],
    }


def test_an_hour_that_a_series_lacks_has_no_total_but_a_reason_until_it_comes(house: House) -> None:
    for hour in range(3):
        house.send(hour_of(hour, IDS if hour != 1 else IDS[1:]), START + hour + 2)
    house.settle()
    assert sorted(house.of(WHOLE)) == sorted(house.of(DK1)) == [0, 2]
    assert sorted(house.of(DK2)) == [0, 1, 2]
    report = house.report()
    assert [(one["series_id"], one["valid_time"]) for one in report["incomplete"]] == [
        (DK1, "2023-01-18T01:00:00Z"),
        (WHOLE, "2023-01-18T01:00:00Z"),
    ]
    assert report["incomplete"][1] == {
        "series_id": WHOLE,
        "valid_time": "2023-01-18T01:00:00Z",
        "summed_series": 4,
        "missing_series": 1,
        "examples": ["DK1/111"],
        "published": False,
        "reason": "no total yet: 1 series lacks the hour: DK1/111",
    }
    assert REGISTRY.get_sample_value("dayahead_totals_incomplete_hours", {"source": "test"}) == 2
    assert REGISTRY.get_sample_value("dayahead_totals_behind_hours", {"source": "test"}) == 0

    house.send(hour_of(1, IDS[:1]), START + 9)
    house.settle()
    assert house.of(WHOLE)[1] == total(1)
    assert house.rows(WHOLE)[1][2] == from_hour(START + 9)
    assert house.report()["incomplete"] == []
    assert REGISTRY.get_sample_value("dayahead_totals_incomplete_hours", {"source": "test"}) == 0


def test_the_newest_hour_waits_for_its_last_series(house: House) -> None:
    house.send(hour_of(0), START + 2)
    house.send(hour_of(1, IDS[:4]), START + 3)
    house.settle()
    assert sorted(house.of(WHOLE)) == [0]
    assert REGISTRY.get_sample_value("dayahead_totals_behind_hours", {"source": "test"}) == 1
    house.send(hour_of(1, IDS[4:]), START + 3)
    house.settle()
    assert sorted(house.of(WHOLE)) == [0, 1]


def test_a_revision_of_a_part_revises_the_total_up_and_down(house: House) -> None:
    house.send(hour_of(0, IDS[:4]), START + 2)
    house.send(hour_of(0, IDS[4:]), START + 6)  # the newest part
    house.settle()
    assert house.rows(WHOLE) == [(0, total(0), from_hour(START + 6))]
    # smaller, and published before the newest part was: the total gets smaller at the same moment
    house.send([(IDS[0], START, 0.0)], START + 4)
    house.settle()
    smaller = round(total(0) - 0.1, 6)
    assert house.rows(WHOLE) == [(0, smaller, from_hour(START + 6) + timedelta(microseconds=1))]
    house.send([(IDS[0], START, 5.5)], START + 8)
    house.settle()
    assert house.rows(WHOLE) == [(0, round(smaller + 5.5, 6), from_hour(START + 8))]
    assert house.settle() == 0


def events() -> list[tuple[Rows, Hour]]:
    """Thirty hours of which one stays incomplete, with late and revised values, and a series that ends."""
    found: list[tuple[Rows, Hour]] = []
    for hour in range(30):
        ids = [name for name in IDS if not (name == IDS[0] and hour == 12) and not (name == IDS[4] and hour > 10)]
        found.append((hour_of(hour, [name for name in ids if name != IDS[1]]), START + hour + 2))
        found.append((hour_of(hour, [IDS[1]]), START + hour + 5))
        if hour % 7 == 3:
            found.append(([(IDS[2], START + hour, 100.5 - hour)], START + hour + 4))
            found.append(([(IDS[2], START + hour, 50.25 + hour)], START + hour + 3))
    return found


def made_of(house: House) -> dict[str, dict[Hour, float]]:
    return {name: house.of(name) for name in (WHOLE, DK1, DK2)}


EXPECTED_HOURS = [hour for hour in range(30) if hour != 12]


def test_the_order_in_which_hours_come_does_not_matter(house: House) -> None:
    for rows, available in events():
        house.send(rows, available)
    house.settle()
    expected = made_of(house)
    assert sorted(expected[WHOLE]) == sorted(expected[DK1]) == EXPECTED_HOURS
    assert sorted(expected[DK2]) == list(range(30))
    assert expected[WHOLE][9] == total(9)
    assert expected[WHOLE][20] == total(20, IDS[:4])
    house.totals.close()

    for seed in (1, 2):
        house.room.query("DELETE FROM total_cursor RETURNING 1")
        house.room.query("DELETE FROM total_hour RETURNING 1")
        house.room.start_over()
        other = House(house.room)
        chance = random.Random(seed)
        shuffled = events()
        chance.shuffle(shuffled)
        for rows, available in shuffled:
            other.send(rows, available)
            if chance.random() < 0.1:
                other.drain()
                other.totals.round()
        other.settle()
        found = made_of(other)
        other.totals.close()
        # an hour may have a total from when a series looked silent; it says so, and the others are the same
        early = {
            row[0] for row in house.room.query("SELECT valid_time FROM total_hour WHERE published AND missing > 0")
        }
        assert early <= {from_hour(START + 12)}
        for name in (WHOLE, DK1, DK2):
            assert {hour: value for hour, value in found[name].items() if hour != 12 or name == DK2} == expected[name]


class Crash(BaseException):
    """The end of the process."""


@pytest.mark.parametrize("step", ["judged", "published", "noted", "moved"])
def test_a_crash_at_any_step_changes_nothing(house: House, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for rows, available in events():
        house.send(rows, available)

    def crashing_after(function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*given: Any, **named: Any) -> Any:
            function(*given, **named)
            raise Crash

        return run

    place = {
        "judged": (totals_module, "read_summed_hours"),
        "published": (Publisher, "publish"),
        "noted": (totals_module, "write_total_hours"),
        "moved": (totals_module, "move_total_cursors"),
    }[step]
    house.drain()
    with monkeypatch.context() as patch:
        patch.setattr(*place, crashing_after(getattr(*place)))
        with pytest.raises(Crash):
            house.totals.round()
    house.totals.close()
    house.totals = house.maker()
    # what was on its way when the process ended is published a second time at most, and changes nothing
    house.settle()
    found = made_of(house)
    assert sorted(found[WHOLE]) == sorted(found[DK1]) == EXPECTED_HOURS
    assert found[WHOLE][20] == total(20, IDS[:4])
    assert house.room.query("SELECT count(*) FROM observation_revision JOIN series USING (series_key)"
                            " WHERE series_id LIKE 'test-totals/%%'") == [(0,)]  # fmt: skip
    noted = house.room.query("SELECT count(*) FROM total_hour WHERE published AND missing = 0")
    assert noted == [(2 * len(EXPECTED_HOURS) + 30,)]
    # each series of totals has a forecast at its newest hour
    assert house.room.query(
        "SELECT series_id, max(origin) FROM forecast JOIN series USING (series_key)"
        " WHERE series_id LIKE 'test-totals/%%' GROUP BY 1 ORDER BY 1"
    ) == [(name, from_hour(START + 29)) for name in sorted([WHOLE, DK1, DK2])]


def test_without_kafka_nothing_is_noted_and_the_next_round_does_it_all(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.send(hour_of(0), START + 2)

    house.drain()

    def away(*_: Any, **__: Any) -> None:
        raise BrokerUnavailable("no answer")

    with monkeypatch.context() as patch:
        patch.setattr(Publisher, "publish", away)
        assert not house.totals.try_round()
    assert house.room.query("SELECT FROM total_hour UNION ALL SELECT FROM total_cursor") == []
    assert house.totals.try_round()
    house.drain()
    assert house.of(WHOLE) == {0: total(0)}


def test_a_series_that_falls_silent_holds_totals_up_only_for_a_time_and_the_step_is_shown(house: House) -> None:
    for hour in range(5):
        house.send(hour_of(hour), START + hour + 2)
    for hour in range(5, 11):  # stale_after_h is 6
        house.send(hour_of(hour, IDS[1:]), START + hour + 2)
    house.settle()
    assert sorted(house.of(WHOLE)) == list(range(5))
    assert {one["examples"][0] for one in house.report()["incomplete"]} == {IDS[0]}
    house.send(hour_of(11, IDS[1:]), START + 13)
    house.settle()
    assert sorted(house.of(WHOLE)) == list(range(12))
    assert house.of(WHOLE)[11] == total(11, IDS[1:])
    report = house.report()
    assert report["incomplete"] == []
    assert [
        (one["series_id"], one["valid_time"], one["summed_series"], one["summed_before"]) for one in report["steps"]
    ] == [
        (DK1, "2023-01-18T05:00:00Z", 2, 3),
        (WHOLE, "2023-01-18T05:00:00Z", 4, 5),
    ]
    # it returns with all that it missed: the totals are revised
    house.send([row for hour in range(5, 13) for row in hour_of(hour, IDS[:1])], START + 15)
    house.send(hour_of(12, IDS[1:]), START + 15)
    house.settle()
    assert house.of(WHOLE) == {hour: total(hour) for hour in range(13)}
    assert house.report()["steps"] == []


def test_totals_are_not_counted_in_addition_to_their_parts(house: House) -> None:
    before = REGISTRY.get_sample_value("dayahead_scored_forecasts_total", {"area": "DK1", "release": "none"}) or 0
    for hour in range(76):
        house.send(hour_of(hour), START + hour + 2)
        if hour in {25, 26, 75}:  # both days of the forecasts of the first two have matured by the last
            house.round()
    house.settle()
    scored = dict(house.room.query("SELECT area, count(*) FROM score JOIN series USING (series_key) GROUP BY 1"))
    assert scored["test-totals"] > 0
    with psycopg.connect(house.room.database_url, options="-c timezone=UTC") as connection:
        groups = {one.area: one.forecasts for one in read_group_sums(connection, newest_windows(connection), None)}
        assert groups == {None: scored["DK1"] + scored["DK2"], **scored}
        later = dict(house.room.query("SELECT area, count(*) FROM day_score JOIN series USING (series_key) GROUP BY 1"))
        assert later["test-totals"] > 0
        windows = newest_windows(connection, horizon_day=2)
        groups = {one.area: one.forecasts for one in read_group_sums(connection, windows, None, horizon_day=2)}
        assert groups == {None: later["DK1"] + later["DK2"], **later}
        due = due_series(connection, DriftKind.DATA, [0, 1], 100)
        assert {one.area for one in due} == {"DK1", "DK2"}
        assert set(read_training_set(connection, TrainingSettings(), needed_h=1).observed.series_ids) == set(IDS)
    assert {one.status.series_id for one in read_overview(house.room.database_url, wall_clock()).series} == set(IDS)
    after = REGISTRY.get_sample_value("dayahead_scored_forecasts_total", {"area": "DK1", "release": "none"}) or 0
    assert after - before == scored["DK1"]
    areas = {sample.labels.get("area") for family in REGISTRY.collect() for sample in family.samples}
    assert "test-totals" not in areas
    house.worker.show()
    assert REGISTRY.get_sample_value("dayahead_series", {"state": "fresh"}) == len(IDS)
    with (
        ConnectionPool(house.room.database_url, kwargs={"options": "-c timezone=UTC"}) as pool,
        FakeServers(database=pool).client(wall_clock()) as client,
    ):
        listed = client.get("/v1/series").json()["series"]
        assert {one["series_id"]: one["totals_of"] for one in listed} == {
            **dict.fromkeys(IDS), **dict.fromkeys([WHOLE, DK1, DK2], "test"),
        }  # fmt: skip
        assert client.get(f"/v1/series/{WHOLE}").json()["source_detail"]["totals_of"] == "test"
        assert client.get(f"/v1/forecasts/{WHOLE}").json()["leads"] == SOURCE.leads
        sums = client.get("/v1/totals/test-totals").json()
        assert (sums["active"], sums["totals"]) == (False, [])
        assert client.get("/v1/totals/nonesuch").status_code == 404
        assert client.get("/v1/totals/nonesuch").json()["detail"].endswith("Sources with totals: test.")


def test_totals_are_not_counted_in_addition_to_their_parts_at_a_gate(house: House) -> None:
    for hour in range(26):
        house.send(hour_of(hour), START + hour + 2)
    house.round()
    house.settle()
    day = from_hour(START)
    with psycopg.connect(house.room.database_url) as connection:
        connection.execute(
            "INSERT INTO day_ahead_score (series_key, day, gate, starts_at, rung, hours, absolute_error,"
            " absolute_actual, percentage_error, percentage_hours, signed_error, naive_error, daily_naive_error,"
            " naive_hours, naive_actual, model_error_where_naive, covered, pinball)"
            " SELECT series_key, %s, '11:00', %s, 0, 24, 1, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 FROM series",
            [day.date(), day],
        )
        keys = [key for (key,) in connection.execute("SELECT source_key FROM source").fetchall()]
        windows = [SourceWindow(key, day, day) for key in keys]
        errors = {
            one.area: one.sums["absolute_error"] for one in read_gate_group_sums(connection, "11:00", windows, None)
        }
    assert len(keys) == 2
    assert errors == {None: len(IDS), "DK1": errors["DK1"], "DK2": errors["DK2"], "test-totals": 3}
    assert sum(errors[area] or 0 for area in ("DK1", "DK2")) == len(IDS)


def test_totals_end_with_the_setting_or_the_source_and_begin_again(house: House) -> None:
    def is_removed() -> bool:
        with psycopg.connect(house.room.database_url) as connection:
            return load_sources(connection)["test-totals"].removed_at is not None

    def registered(**changes: Any) -> None:
        with psycopg.connect(house.room.database_url) as connection:
            register_source(connection, SUMMED.model_copy(update=changes))

    house.send(hour_of(0), START + 2)
    house.settle()
    registered(totals=False)
    assert house.totals.round() == 0
    assert is_removed()
    registered(horizon_h=72)
    house.send(hour_of(1), START + 3)
    house.settle()
    assert not is_removed()
    assert sorted(house.of(WHOLE)) == [0, 1]
    assert house.room.query("SELECT definition->>'horizon_h' FROM source WHERE name = 'test-totals'") == [("72",)]
    with psycopg.connect(house.room.database_url) as connection:
        remove_source(connection, "test")
    house.totals.round()
    assert is_removed()


def test_a_name_that_another_source_has_is_refused_and_its_rows_stay(house: House) -> None:
    with psycopg.connect(house.room.database_url) as connection:
        register_source(connection, SOURCE.model_copy(update={"name": "test-totals", "title": "Mine"}))
    house.send(hour_of(0), START + 2)
    assert house.round() == 0
    assert house.room.query("SELECT definition->>'title' FROM source WHERE name = 'test-totals'") == [("Mine",)]


def test_one_process_makes_the_totals_of_a_source_at_a_time(house: House) -> None:
    house.send(hour_of(0), START + 2)
    house.drain()
    (key,) = house.room.query("SELECT source_key FROM source WHERE name = 'test'")
    with psycopg.connect(house.room.database_url, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s, %s)", [LOCK, key[0]])
        assert house.totals.round() == 0
    with closing(house.maker()) as other:
        assert other.round() == 3


COMMAND = [sys.executable, "-c", "from dayahead.cli import main; main()"]
RESTING = """
name: resting
kind: file
title: A meter that is read once an hour
path: meter.csv
time_column: hour
key_columns: [site]
value_column: kwh
unit: kWh
history_h: 17520
poll_interval_s: 3600
"""


def environment(house: House) -> dict[str, str]:
    """The environment of a process that makes totals."""
    return {
        **os.environ,
        "DAYAHEAD_DATABASE_URL": house.room.database_url,
        "DAYAHEAD_KAFKA_BOOTSTRAP": house.room.topics.bootstrap,
        "DAYAHEAD_TOPIC_PREFIX": house.room.topics.prefix,
        "DAYAHEAD_METRICS_PORT": "0",
        "DAYAHEAD_TOTALS_INTERVAL_S": "0.2",
    }


def test_the_command_makes_what_is_due(house: House) -> None:
    house.send(hour_of(0), START + 2)
    house.drain()
    done = subprocess.run([*COMMAND, "totals"], env=environment(house), capture_output=True, text=True, check=True)
    assert "3 hours of totals published" in done.stdout
    house.drain()
    assert house.of(WHOLE) == {0: total(0)}


@pytest.mark.parametrize("arguments", [["totals", "--repeat"], ["ingest", "--source", "resting.yaml"]])
def test_a_process_makes_totals_of_every_source_until_it_is_asked_to_end(
    house: House, arguments: list[str], tmp_path: Path
) -> None:
    (tmp_path / "resting.yaml").write_text(RESTING)
    (tmp_path / "meter.csv").write_text(f"hour,site,kwh\n{wall_clock():%Y-%m-%dT%H}:00:00,north,1.5\n")
    process = subprocess.Popen([*COMMAND, *arguments], env=environment(house), cwd=tmp_path)
    try:
        for hour in range(2):
            house.send(hour_of(hour), START + hour + 2)

            def arrived(newest: int = hour) -> bool:
                house.drain()
                return sorted(house.of(WHOLE)) == list(range(newest + 1))

            wait_until(arrived, 60, f"the totals of hour {hour}")
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
    assert house.of(WHOLE) == {0: total(0), 1: total(1)}
