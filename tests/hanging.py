"""Servers that hang: they take connections, or keep those they have, and answer nothing."""

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from deploy.local.stack import LocalStack
from deploy.local.supervision import Supervisor


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
