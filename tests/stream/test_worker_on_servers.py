"""The worker as a process, on real Kafka, TimescaleDB and Redis."""

import math
import signal
from typing import Any

import httpx
import orjson
import pytest
from prometheus_client.parser import text_string_to_metric_families

from dayahead.contracts import ForecastMessage, Rung
from deploy.local.ports import free_ports
from stream.group.faust_app import EXIT_BROKEN
from tests.conftest import TopicRoom
from tests.stream.conftest import WorkerRoom, make_room
from tests.stream.logs import SOURCE, START, batch, eventful_log, in_log, series_of
from tests.stream.unbroken import unbroken
from tests.waiting import wait_until

pytestmark = pytest.mark.servers


def hourly(series: list[str], hours: int, *, start: int = START) -> list[bytes]:
    """One message an hour, each with all the series."""
    return [
        batch(
            [
                (one, hour, round(100 + 40 * math.sin(hour / 24 * 2 * math.pi + number) + number, 3))
                for number, one in enumerate(series)
            ],
            hour + 2,
        )
        for hour in range(start, start + hours)
    ]


def test_observations_become_forecasts_in_timescaledb_redis_and_kafka_until_the_worker_is_asked_to_end(
    room: WorkerRoom,
) -> None:
    series = {partition: series_of(partition, 3) for partition in (0, 1)}
    for partition, ids in series.items():
        room.send(partition, hourly(ids, 60))
    (port,) = free_ports(1)
    process = room.start(metrics_port=port, worker_audit_every_s=0.2)
    for partition in series:
        room.wait_for(partition, 60)
    everyone = sorted(series[0] + series[1])
    tables = room.tables()
    assert len(tables["observation"]) == 6 * 60
    # a forecast for each hour of each series, and a score where its first 24 hours are over
    assert len(tables["forecast"]) == 6 * 60
    assert len(tables["feature_snapshot"]) == 6 * 60
    assert {row[3] for row in tables["forecast"][:23]} == {Rung.NONE}
    assert len(tables["score"]) == 6 * (60 - 24 - 23)
    wait_until(lambda: sum(room.end_of("forecasts", partition) for partition in (0, 1)) == 360, 30, "all forecasts")
    mirrored = room.redis()
    assert sorted(mirrored) == everyone
    last = {key.decode(): value for key, value, _ in room.read("forecasts") if key}
    assert last == mirrored
    for series_id, value in mirrored.items():
        message = ForecastMessage.model_validate(orjson.loads(value))
        assert message.series_id == series_id
        assert message.leads == SOURCE.leads == 50
        assert message.day_rungs == [Rung.PROFILE] * 3
        assert message.rung is Rung.PROFILE
    # it also audits its forecasts, and finds no mismatch
    wait_until(lambda: audited(port).get("match", 0) >= 12, 30, "forecasts to be audited")
    assert audited(port)["mismatch"] == 0
    # what alert PartitionStopped is judged by
    offsets = {str(partition): float(offset) for partition, offset in room.offsets().items()}
    wait_until(lambda: measured(port, "dayahead_next_offset", "partition") == offsets, 30, f"the offsets {offsets}")
    assert set(measured(port, "dayahead_lag_messages", "partition").values()) == {0.0}
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0


def audited(port: int) -> dict[str, float]:
    """What a worker's auditor has counted, by outcome."""
    return measured(port, "dayahead_audit_total", "outcome")


def measured(port: int, name: str, label: str) -> dict[str, float]:
    """A metric of a worker, by one of its labels."""
    families = text_string_to_metric_families(httpx.get(f"http://127.0.0.1:{port}/metrics").text)
    return {
        sample.labels[label]: sample.value for family in families for sample in family.samples if sample.name == name
    }


def test_a_paused_worker_whose_partitions_were_taken_over_writes_nothing_and_ends(room: WorkerRoom) -> None:
    log = hourly(series_of(0, 2), 40)
    room.send(0, log[:20])
    paused = room.start()
    room.wait_for(0, 20)
    paused.send_signal(signal.SIGSTOP)
    # it held both partitions; another process takes them over, as Kafka has it when a worker is silent for too long
    successor = room.worker()
    offsets = successor.assign([0, 1])
    assert offsets[0] == 20
    room.send(0, log[20:])
    before = room.tables()
    paused.send_signal(signal.SIGCONT)
    assert paused.wait(60) == EXIT_BROKEN
    assert room.tables() == before
    successor.process(0, in_log(log)[20:])
    assert room.offsets()[0] == 40
    assert room.redis() == room.newest_forecasts()


def test_a_third_worker_joins_and_leaves_and_a_worker_without_partitions_says_so(room: WorkerRoom) -> None:
    logs = {partition: eventful_log(partition, 60) for partition in (0, 1)}
    expected = unbroken(room, logs)

    def send(first: int, end: int) -> None:
        for partition, log in logs.items():
            room.send(partition, log[first:end])

    def arrived(end: int) -> None:
        for partition, log in logs.items():
            room.wait_for(partition, min(end, len(log)))

    ports = free_ports(3)
    workers = [room.start(metrics_port=port, worker_stalled_after_s=5) for port in ports[:2]]
    wait_until(lambda: len(room.owners()) == 2, 60, "the two workers to share the partitions")
    send(0, 20)
    arrived(20)
    workers.append(room.start(metrics_port=ports[2], worker_stalled_after_s=5))
    # there is a partition for two of the three: the spare one is up, answers, and says that it does nothing
    spare = wait_until(lambda: unassigned(ports), 60, "a worker to say that it has no partition")
    send(20, 40)
    arrived(40)
    leaving = workers.pop(next(place for place, port in enumerate(ports) if port != spare))
    leaving.send_signal(signal.SIGTERM)
    send(40, 1000)
    assert leaving.wait(30) == 0
    for partition, log in logs.items():
        room.wait_for(partition, len(log))
    assert room.tables() == expected
    # no worker was evicted from the group
    assert [worker.poll() for worker in workers] == [None, None]
    wait_until(lambda: room.newest_messages() == room.newest_forecasts() == room.redis(), 30, "the outputs to follow")


def test_a_third_worker_shares_six_partitions_and_leaves_them_again(
    topics: TopicRoom, database_url: str, redis_url: str
) -> None:
    room = make_room(topics, database_url, redis_url, partitions=6)
    try:
        logs = {partition: eventful_log(partition, 66, room.partitions) for partition in range(room.partitions)}
        expected = unbroken(room, logs)

        def send(first: int, end: int) -> None:
            for partition, log in logs.items():
                room.send(partition, log[first:end])

        def shared(*counts: int) -> None:
            wait_until(lambda: sorted(room.owners().values()) == list(counts), 60, f"shares of {counts} partitions")

        workers = [room.start(worker_batch_rows=20) for _ in range(2)]
        shared(3, 3)
        send(0, 20)
        workers.append(room.start(worker_batch_rows=20))
        shared(2, 2, 2)
        send(20, 35)
        workers[0].send_signal(signal.SIGTERM)
        send(35, 1000)
        assert workers[0].wait(30) == 0
        for partition, log in logs.items():
            room.wait_for(partition, len(log))
        assert sorted(room.owners().values()) == [3, 3]
        # no worker was evicted from the group
        assert [worker.poll() for worker in workers] == [0, None, None]
        assert room.tables() == expected
        wait_until(lambda: room.redis() == room.newest_forecasts(), 30, "Redis to follow")
        wait_until(lambda: room.kept_messages() == room.all_forecasts(), 30, "Kafka to follow")
    finally:
        room.close()


def test_a_worker_that_ends_in_order_leaves_a_copy_of_its_windows_at_once(room: WorkerRoom) -> None:
    room.send(0, hourly(series_of(0, 2), 20))
    # longer than the test, so that no copy is written while it runs
    worker = room.start(worker_release_poll_s=1000)
    room.wait_for(0, 20)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(30) == 0
    assert all(name for (name,) in room.query("SELECT window_copy FROM worker_offset WHERE partition = 0"))


def test_a_killed_worker_that_restarts_under_its_name_has_its_partitions_at_once(room: WorkerRoom) -> None:
    log = hourly(series_of(0, 2), 40)
    room.send(0, log[:20])
    # Kafka would give the partitions to another member only when more than the deadline has passed
    named: dict[str, Any] = {"worker_instance": "one", "worker_session_timeout_s": 80}
    killed = room.start(**named)
    room.wait_for(0, 20)
    killed.kill()
    killed.wait()
    room.send(0, log[20:])
    room.start(**named)
    room.wait_for(0, 40, deadline_s=60)


def unassigned(ports: list[int]) -> int | None:
    """The port of a worker that is not live for want of a partition."""
    for port in ports:
        try:
            answer = httpx.get(f"http://127.0.0.1:{port}/health/live")
        except httpx.HTTPError:
            continue
        if answer.status_code == 503 and "no partition" in answer.json()["reason"]:
            return port
    return None
