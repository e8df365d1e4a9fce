import io
import os
import signal
import subprocess
import sys
from io import StringIO
from typing import cast

import psycopg
import pytest
import redis
from confluent_kafka.admin import AdminClient
from rich.console import Console

from deploy.local.assembly import Assembly
from deploy.local.env_file import EnvFile
from deploy.local.passwords import Passwords
from deploy.local.places import Places
from deploy.local.ports import ServerPorts
from deploy.local.stack import LocalStack
from deploy.local.supervision import Supervisor
from deploy.local.throwaway import PREFIX, owned, sweep
from deploy.running import stop
from deploy.settings import StackSettings
from deploy.status import show_status
from tests.conftest import FreshDatabase, TopicRoom
from tests.waiting import wait_until

pytestmark = pytest.mark.servers


def test_a_killed_server_restarts_with_its_data(stack: LocalStack) -> None:
    def pid() -> int:
        return stack.states()["redis"].pid

    before = pid()
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: pid() not in (0, before) and stack.redis.is_ready(), 30, "redis to be back")


def test_every_test_gets_a_migrated_database_that_the_services_may_write(database: FreshDatabase) -> None:
    with psycopg.connect(database.url) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("dayahead_app",)
        assert connection.execute("SELECT count(*) FROM series").fetchone() == (0,)


def test_every_test_gets_an_empty_redis(redis_url: str) -> None:
    assert redis.Redis.from_url(redis_url).dbsize() == 0


def test_every_test_gets_topics_under_its_own_prefix(topics: TopicRoom) -> None:
    topics.create(partitions=2)
    known = AdminClient({"bootstrap.servers": topics.bootstrap}).list_topics(timeout=10).topics
    assert len(known[topics.name("observations")].partitions) == 2


def test_servers_listen_on_this_machine_alone(stack: LocalStack) -> None:
    ports = {stack.ports.postgres, stack.ports.redis, stack.ports.kafka, stack.ports.kafka_controller}
    addresses = set()
    for table, everywhere in (("/proc/net/tcp", "0" * 8), ("/proc/net/tcp6", "0" * 32)):
        with open(table) as lines:
            for line in list(lines)[1:]:
                address, _, port = line.split()[1].rpartition(":")
                if int(port, 16) in ports and line.split()[3] == "0A":
                    addresses.add(address)
                    assert address != everywhere
    assert addresses


def test_servers_whose_supervisord_was_killed_are_named_and_shut_down_cleanly() -> None:
    """As `dayahead status`, `down` and `up` find them."""
    places, said = Places(), Console(file=io.StringIO(), width=200)
    name = f"{PREFIX}strays-{os.getpid()}"
    with owned(places, name) as folder:
        stack = LocalStack(name, ServerPorts.free(), Passwords.random(), places=places)
        assembly = Assembly(StackSettings(_env_file=None), stack, [], EnvFile(folder / ".env"))
        try:
            stack.start_servers()
            os.kill(int((folder / "supervisord.pid").read_text()), signal.SIGKILL)
            wait_until(lambda: not stack.is_running(), 20, "supervisord to be gone")
            assert stack.strays() == ["kafka", "postgres", "redis"]
            assert not show_status(assembly, said)
            stop(assembly, said)
            assert stack.strays() == []
            stop(assembly, said)
        finally:
            stack.remove()
        text = cast(StringIO, said.file).getvalue()
        assert "supervisord was killed, and 3 of its processes still run" in text
        assert "these were still running: kafka, postgres, redis" in text
        assert "(killed" not in text
        assert "Nothing was running." in text.splitlines()[-1]


OWNER = """
import sys
from deploy.local.supervision import Supervisor
from deploy.local.throwaway import throwaway_stack
with throwaway_stack() as stack:
    print(stack.name, flush=True)
    sys.stdin.read()
"""


def test_a_test_run_that_is_killed_leaves_no_server_and_the_next_one_removes_its_data() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", OWNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        name = owner.stdout.readline().strip()
        owner.kill()
    folder = Places().stacks / name
    wait_until(lambda: not Supervisor(folder).is_running(), 30, "the servers to end with their owner")
    assert folder.exists()
    assert name in sweep(Places())
    assert not folder.exists()


def test_a_stack_whose_owner_lives_is_not_swept_away(stack: LocalStack) -> None:
    assert stack.name not in sweep(Places())
    assert stack.is_running()
