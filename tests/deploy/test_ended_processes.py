"""A service that ends again and again is named at once, with its last log line, in `make up` and in `make status`."""

import io
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from rich.console import Console

from deploy.local.assembly import Assembly
from deploy.local.passwords import Passwords
from deploy.local.places import Places
from deploy.local.ports import ServerPorts
from deploy.local.services import Readiness
from deploy.local.stack import LocalStack
from deploy.local.supervision import Program, Supervisor
from deploy.status import process_rows
from deploy.up import Up
from tests.waiting import wait_until

CRASHES = Program("worker-1", ["sh", "-c", "echo starting; echo 'no such setting: X'; exit 3"], settle_s=5)
STAYS = Program("api", ["sleep", "600"], settle_s=0)


@pytest.fixture
def assembly(tmp_path: Path) -> Iterator[Assembly]:
    """A stack without servers, of one service that ends at once and one that stays."""
    stack = LocalStack("ended", ServerPorts.free(), Passwords.random(), places=Places(tmp_path))
    stack.servers = ()
    stack.folder.mkdir(parents=True)
    supervisor = Supervisor(stack.folder)
    supervisor.start([CRASHES, STAYS], dies_with_parent=True)
    services = [
        SimpleNamespace(name=program.name, job=program.name, readiness=lambda: Readiness(True, "works"))
        for program in (CRASHES, STAYS)
    ]
    settings = SimpleNamespace(stalled_after_s=60.0)
    try:
        yield cast("Assembly", SimpleNamespace(stack=stack, services=services, settings=settings))
    finally:
        supervisor.shutdown()


def test_up_names_a_service_that_ended_while_it_still_waits(assembly: Assembly) -> None:
    console = Console(width=200, file=io.StringIO(), record=True)
    up = Up(assembly, console)
    assembly.stack.start_services(["worker-1", "api"])
    said: list[str] = []

    def named() -> bool:
        said.append(console.export_text(clear=False))
        return "worker-1 ended" in said[-1]

    up._await(named, lambda: 0, "a forecast", "worker-1", "api")
    assert "worker-1 ended and is restarted. Its last log line: no such setting: X" in said[-1]
    assert "api" not in said[-1]
    assert said[-1].count("worker-1") == 1


def test_status_names_a_service_that_ended_with_its_last_log_line(assembly: Assembly) -> None:
    assembly.stack.start_services(["worker-1", "api"])
    wait_until(lambda: assembly.stack.ends().get("worker-1", 0) >= 2, 60, "the service to end twice")
    wait_until(lambda: assembly.stack.states()["worker-1"].state != "RUNNING", 60, "it not to run")
    crashed, stays = process_rows(assembly)
    assert not crashed.ready
    assert "times in the last 10 min; last log line: no such setting: X" in crashed.says
    assert (stays.ready, stays.says) == (True, "works")


def test_a_service_that_is_stopped_has_not_ended_by_itself(assembly: Assembly) -> None:
    assembly.stack.start_services(["api"])
    wait_until(lambda: assembly.stack.states()["api"].state == "RUNNING", 60, "the service to run")
    Supervisor(assembly.stack.folder).stop(["api"])
    assert assembly.stack.ends() == {}
