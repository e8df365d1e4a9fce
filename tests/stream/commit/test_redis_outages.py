"""Redis is a cache: workers continue without it, and forecasts that it lacks are served from TimescaleDB."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from api.app import create_app
from api.settings import ApiSettings
from dayahead.hours import wall_clock
from deploy.local.ports import free_ports
from stream.assembly import build_auditor
from stream.audit.auditor import Finding, Outcome
from stream.servers.log_reader import LogMessage
from stream.settings import WorkerSettings
from tests.stream.conftest import WorkerRoom
from tests.stream.logs import eventful_log, in_log
from tests.stream.redis_server import hanging, kill, save
from tests.stream.test_outages import reason
from tests.stream.unbroken import unbroken
from tests.waiting import wait_until

pytestmark = pytest.mark.servers

SERVED_BY = "Dayahead-Served-By"


@contextmanager
def api_of(room: WorkerRoom) -> Iterator[TestClient]:
    settings = ApiSettings(
        _env_file=None,
        database_url=room.database_url,
        redis_url=room.redis_url,
        kafka_bootstrap=room.topics.bootstrap,
        topic_prefix=room.topics.prefix,
    )
    with TestClient(create_app(settings, wall_clock)) as client:
        yield client


def served(client: TestClient, series_ids: Iterable[str]) -> tuple[dict[str, bytes], set[str]]:
    """What the API answers for each series, without whether it is stale, and from which servers."""
    answers = {series_id: client.get(f"/v1/forecasts/{series_id}") for series_id in series_ids}
    assert {answer.status_code for answer in answers.values()} == {200}
    bodies = {series_id: answer.content.partition(b',"stale":')[0] + b"}" for series_id, answer in answers.items()}
    return bodies, {answer.headers[SERVED_BY] for answer in answers.values()}


def audited(room: WorkerRoom) -> list[Finding]:
    environment: dict[str, Any] = {
        "database_url": room.database_url,
        "redis_url": room.redis_url,
        "kafka_bootstrap": room.topics.bootstrap,
        "topic_prefix": room.topics.prefix,
    }
    auditor = build_auditor(WorkerSettings(**environment))
    try:
        return auditor.audit_all()
    finally:
        auditor.close()


def metric(port: int, name: str) -> float:
    text = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == name:
                return sample.value
    raise AssertionError(f"no metric {name}")


class Feeding:
    """A log that is given to a worker by hand, part by part."""

    def __init__(self, room: WorkerRoom, process: Callable[[int, list[LogMessage]], object]) -> None:
        self._messages, self._process, self._at = in_log(eventful_log(0)), process, 0
        room.send(0, eventful_log(0))

    def up_to(self, offset: int) -> None:
        self._process(0, self._messages[self._at : offset])
        self._at = offset


def test_a_worker_continues_while_redis_hangs_and_fills_it_when_it_answers(room: WorkerRoom) -> None:
    log = eventful_log(0, 90)
    expected = unbroken(room, {0: log})
    (port,) = free_ports(1)
    process = room.start(metrics_port=port, worker_batch_rows=10)
    room.send(0, log[:20])
    room.wait_for(0, 20)
    wait_until(lambda: room.redis() == room.newest_forecasts(), 30, "Redis to follow")
    before = room.redis()
    with hanging(room.redis_url):
        room.send(0, log[20:60])
        room.wait_for(0, 60)
        wait_until(lambda: room.kept_messages() == room.all_forecasts(), 30, "Kafka to have all without Redis")
        wait_until(lambda: "Redis is away" in reason(port), 30, "the worker to say that Redis is away")
        assert httpx.get(f"http://127.0.0.1:{port}/health/ready").status_code == 200
        wait_until(lambda: metric(port, "dayahead_redis_behind_partitions") >= 1, 30, "the metric to say so")
        assert metric(port, "dayahead_redis_away") == 1
    assert room.newest_forecasts() != before
    # no message arrives, and Redis is still filled
    wait_until(lambda: room.redis() == room.newest_forecasts(), 30, "Redis to be filled")
    wait_until(lambda: "Redis" not in reason(port), 30, "the worker to be content")
    metrics = ("dayahead_redis_away", "dayahead_redis_behind_partitions")
    wait_until(lambda: all(metric(port, name) == 0 for name in metrics), 30, "the metrics to say so")
    room.send(0, log[60:])
    room.wait_for(0, len(log))
    assert process.poll() is None
    assert room.tables() == expected
    wait_until(lambda: room.redis() == room.newest_forecasts(), 30, "Redis to follow")


def test_a_restored_redis_is_filled_within_seconds_and_never_served_before(room: WorkerRoom) -> None:
    log = eventful_log(0)
    process = room.start()
    room.send(0, log[:30])
    room.wait_for(0, 30)
    wait_until(lambda: room.redis() == room.newest_forecasts(), 30, "Redis to follow")
    save(room.redis_url)
    old = room.redis()
    with api_of(room) as client:
        room.send(0, log[30:])
        room.wait_for(0, len(log))
        newest = room.newest_forecasts()
        assert all(old[series_id] != newest[series_id] for series_id in old)
        wait_until(lambda: served(client, newest) == (newest, {"redis"}), 30, "the API to serve the newest from Redis")
        kill(room.redis_url)
        seen: list[tuple[dict[str, bytes], set[str]]] = []

        def is_filled() -> bool:
            seen.append(served(client, newest))
            return room.redis() == newest and seen[-1][1] == {"redis"}

        wait_until(is_filled, 30, "the worker to fill Redis, and the API to read it again")
    assert all(bodies == newest for bodies, _ in seen)
    assert process.poll() is None
    assert {finding.outcome for finding in audited(room)} == {Outcome.MATCH}


def test_the_api_answers_from_timescaledb_as_long_as_no_worker_fills_a_restored_redis(room: WorkerRoom) -> None:
    worker = room.worker()
    feed = Feeding(room, worker.process)
    worker.assign([0])
    feed.up_to(30)
    save(room.redis_url)
    old = room.redis()
    feed.up_to(60)
    newest = room.newest_forecasts()
    kill(room.redis_url)
    assert room.redis() == old != newest
    with api_of(room) as client:
        assert served(client, newest) == (newest, {"database"})
        ready = client.get("/health/ready")
        assert ready.status_code == 200
        wait_until(
            lambda: "Redis does not have all forecasts of partitions 0" in client.get("/health/ready").json()["reason"],
            30,
            "the API to say that Redis is behind",
        )
        findings = audited(room)
        assert {finding.outcome for finding in findings} <= {Outcome.SKIPPED, Outcome.MATCH}
        assert sum("Redis lacks forecasts of partition 0" in finding.message for finding in findings) == len(newest)
        worker.look_at_redis()
        assert "filled" in str(worker.redis_trouble)
        worker.run_maintenance()
        assert worker.redis_trouble is None
        assert served(client, newest) == (newest, {"redis"})
    assert room.redis() == newest
    assert {finding.outcome for finding in audited(room)} == {Outcome.MATCH}


def test_what_redis_missed_is_written_by_the_next_worker(room: WorkerRoom) -> None:
    worker = room.worker()
    feed = Feeding(room, worker.process)
    worker.assign([0])
    feed.up_to(30)
    with hanging(room.redis_url):
        feed.up_to(50)
    worker.close()
    room.workers.remove(worker)
    room.worker().assign([0])
    assert room.redis() == room.newest_forecasts()


def test_a_write_that_redis_takes_late_does_not_pass_for_the_successors(room: WorkerRoom) -> None:
    old, successor = room.worker(), room.worker()
    feed = Feeding(room, old.process)
    old.assign([0])
    feed.up_to(30)
    with hanging(room.redis_url):
        # its requests wait in Redis's socket and are processed when Redis resumes
        feed.up_to(40)
        successor.assign([0])
        successor.process(0, in_log(eventful_log(0))[40:60])
    successor.look_at_redis()
    successor.run_maintenance()
    assert room.redis() == room.newest_forecasts()
