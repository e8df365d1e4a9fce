"""Servers that are away for a while: stopped, so that they refuse connections, or hanging: they answer nothing."""

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from deploy.local.servers.server import Server
from deploy.local.stack import LocalStack
from deploy.local.supervision import Supervisor
from tests.waiting import wait_until

BACK_WITHIN_S = 60.0
"""A killed Kafka needs 8 s on an idle machine, most of them until its session has expired."""


def wait_until_back(server: Server) -> None:
    """Wait until a server that was started again answers."""
    wait_until(server.is_ready, BACK_WITHIN_S, f"{server.name} to be back")


@contextmanager
def stopped(stack: LocalStack, names: Sequence[str] = ()) -> Iterator[None]:
    """Stop servers; at the end of the block start them again, and wait until they answer.

    Args:
        stack: whose servers.
        names: of the servers; empty for all.
    """
    servers = [server for server in stack.servers if not names or server.name in names]
    supervisor = Supervisor(stack.folder)
    supervisor.stop([server.name for server in servers])
    try:
        yield
    finally:
        supervisor.start_programs([server.name for server in servers])
        for server in servers:
            wait_until_back(server)


@contextmanager
def hanging(stack: LocalStack, names: Sequence[str] = ()) -> Iterator[None]:
    """Suspend all processes of servers, and resume them at the end of the block.

    Args:
        stack: whose servers.
        names: of the servers; empty for all.
    """
    states = Supervisor(stack.folder).states()
    servers = names or [server.name for server in stack.servers]
    pids = [pid for name in servers for pid in family(states[name].pid)]
    try:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def family(pid: int) -> list[int]:
    """A process and those that it started, and so on."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(one for child in children for one in family(int(child)))]
