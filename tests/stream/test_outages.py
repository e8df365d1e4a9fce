"""Servers that go away are waited for, and nothing is skipped meanwhile."""

import httpx
import psycopg
import pytest
from psycopg import sql

from deploy.local.ports import free_ports
from deploy.local.stack import LocalStack
from deploy.local.supervision import Supervisor
from tests.conftest import FreshDatabase
from tests.stream.conftest import WorkerRoom
from tests.stream.logs import eventful_log
from tests.stream.unbroken import unbroken
from tests.waiting import wait_until

pytestmark = pytest.mark.servers


def reason(port: int) -> str:
    """What /health/ready says, empty while nobody answers."""
    try:
        return str(httpx.get(f"http://127.0.0.1:{port}/health/ready").json()["reason"])
    except httpx.HTTPError:
        return ""


def make_commits_last(database: FreshDatabase) -> None:
    """The test stack forgets its last commits when it is stopped; a real one does not."""
    with psycopg.connect(database.owner_url, autocommit=True) as connection:
        name = sql.Identifier(database.name)
        connection.execute(sql.SQL("ALTER DATABASE {} SET synchronous_commit TO on").format(name))


def test_a_worker_waits_for_each_server_and_goes_on(
    room: WorkerRoom, stack: LocalStack, database: FreshDatabase
) -> None:
    make_commits_last(database)
    log = eventful_log(0, 90)
    expected = unbroken(room, {0: log})
    supervisor = Supervisor(stack.folder)
    (port,) = free_ports(1)
    waiting = list(log)

    def send(count: int) -> None:
        room.send(0, waiting[:count])
        del waiting[:count]

    def arrived() -> None:
        room.wait_for(0, len(log) - len(waiting))

    process = room.start(metrics_port=port, worker_batch_rows=10)
    send(30)
    arrived()
    for server, told in ((stack.postgres, "TimescaleDB"), (stack.redis, "Redis")):
        supervisor.stop([server.name])
        try:
            send(10)
            wait_until(lambda told=told: reason(port) == f"waiting for {told}", 30, f"the worker to wait for {told}")
            live = httpx.get(f"http://127.0.0.1:{port}/health/live")
            assert live.status_code == 200, live.text
        finally:
            supervisor.start_programs([server.name])
            wait_until(server.is_ready, 60, f"{server.name} to be back")
        arrived()
        wait_until(lambda: room.redis() == room.newest_forecasts(), 30, "Redis to follow")
    room.forget_redis()
    send(20)
    # in the midst of them
    supervisor.stop([stack.kafka.name])
    supervisor.start_programs([stack.kafka.name])
    wait_until(stack.kafka.is_ready, 60, "Kafka to be back")
    send(len(waiting))
    arrived()
    assert process.poll() is None
    assert room.tables() == expected
    wait_until(lambda: room.redis() == room.newest_forecasts(), 30, "Redis to follow")
    wait_until(lambda: room.newest_messages() == room.newest_forecasts(), 30, "Kafka to follow")
