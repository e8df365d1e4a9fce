"""TimescaleDB and Kafka are waited for, Redis is not; nothing is skipped meanwhile."""

import time

import httpx
import psycopg
import pytest
from psycopg import sql

from deploy.local.ports import free_ports
from deploy.local.servers.server import Server
from deploy.local.stack import LocalStack
from deploy.local.supervision import Supervisor
from tests.away import hanging, wait_until_back
from tests.conftest import FreshDatabase
from tests.stream.conftest import WorkerRoom
from tests.stream.logs import eventful_log
from tests.stream.unbroken import unbroken
from tests.waiting import wait_until

pytestmark = pytest.mark.servers

OUTAGE_S = 20.0


def reason(port: int) -> str:
    """The reason of /health/ready, empty while it does not answer."""
    try:
        return str(httpx.get(f"http://127.0.0.1:{port}/health/ready").json()["reason"])
    except httpx.HTTPError:
        return ""


def make_commits_last(database: FreshDatabase) -> None:
    """The test stack forgets its last commits when it is stopped; a real one does not."""
    with psycopg.connect(database.owner_url, autocommit=True) as connection:
        name = sql.Identifier(database.name)
        connection.execute(sql.SQL("ALTER DATABASE {} SET synchronous_commit TO on").format(name))


class Outage:
    """Servers that are stopped one after the other while messages wait, each for as long."""

    def __init__(self, stack: LocalStack) -> None:
        self._supervisor = Supervisor(stack.folder)
        self._stopped: dict[str, float] = {}

    def stop(self, server: Server) -> None:
        self._supervisor.stop([server.name])
        self._stopped[server.name] = time.monotonic()

    def end(self, server: Server) -> None:
        back_at = self._stopped[server.name] + OUTAGE_S
        wait_until(lambda: time.monotonic() >= back_at, OUTAGE_S + 1, f"{server.name} to have been away long enough")
        self._supervisor.start_programs([server.name])
        wait_until_back(server)

    def end_all(self) -> None:
        self._supervisor.start_programs(list(self._stopped))


def test_a_worker_waits_for_each_server_and_continues(
    room: WorkerRoom, stack: LocalStack, database: FreshDatabase
) -> None:
    make_commits_last(database)
    log = eventful_log(0, 90)
    expected = unbroken(room, {0: log})
    outage = Outage(stack)
    (port,) = free_ports(1)
    waiting = list(log)

    def send(count: int) -> None:
        room.send(0, waiting[:count])
        del waiting[:count]

    def arrived() -> None:
        room.wait_for(0, len(log) - len(waiting))

    def expect_waiting_for(server: str) -> None:
        wait_until(lambda: reason(port) == f"waiting for {server}", 30, f"the worker to wait for {server}")
        live = httpx.get(f"http://127.0.0.1:{port}/health/live")
        assert live.status_code == 200, live.text

    process = room.start(metrics_port=port, worker_batch_rows=10)
    send(20)
    arrived()
    try:
        # each goes while messages wait and comes back after 20 s, when the next one has long been gone
        outage.stop(stack.redis)
        send(15)
        arrived()
        wait_until(lambda: "Redis is away" in reason(port), 30, "the worker to say that Redis is away")
        wait_until(lambda: room.kept_messages() == room.all_forecasts(), 30, "Kafka to have all without Redis")
        outage.stop(stack.postgres)
        send(15)
        outage.end(stack.redis)
        expect_waiting_for("TimescaleDB")
        outage.stop(stack.kafka)
        outage.end(stack.postgres)
        outage.end(stack.kafka)
    finally:
        outage.end_all()
    arrived()
    room.forget_redis()
    send(len(waiting))
    arrived()
    assert process.poll() is None
    assert room.tables() == expected
    wait_until(lambda: room.redis() == room.newest_forecasts(), 30, "Redis to follow")
    wait_until(lambda: room.kept_messages() == room.all_forecasts(), 30, "Kafka to follow")


def test_an_idle_worker_says_that_kafka_hangs_and_is_ready_again_when_it_answers(
    room: WorkerRoom, stack: LocalStack
) -> None:
    (port,) = free_ports(1)
    process = room.start(metrics_port=port)

    def status(path: str) -> int:
        return httpx.get(f"http://127.0.0.1:{port}/{path}").status_code

    wait_until(lambda: "0 messages waiting" in reason(port), 60, "an idle worker")
    with hanging(stack, [stack.kafka.name]):
        wait_until(lambda: reason(port).startswith("waiting for Kafka"), 60, "the worker to miss Kafka")
        assert status("health/ready") == 503
        assert status("health/live") == 200
        assert 'dayahead_ready{service="worker"} 0.0' in httpx.get(f"http://127.0.0.1:{port}/metrics").text
    wait_until(lambda: "0 messages waiting" in reason(port), 60, "the worker to continue")
    assert status("health/ready") == 200
    assert process.poll() is None
