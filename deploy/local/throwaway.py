"""A temporary stack for a test run or a benchmark: free ports, separate folder, removed afterwards."""

import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from deploy.local.build import build
from deploy.local.passwords import Passwords
from deploy.local.places import Places, locked
from deploy.local.ports import ServerPorts
from deploy.local.servers.server import Ground, Server
from deploy.local.stack import LocalStack

PREFIX = "throwaway-"
SWEEP_LOCK = "throwaway.lock"
OWNER_LOCK = "owner.lock"  # held while the owner process is alive


@contextmanager
def throwaway_stack(
    places: Places | None = None,
    more_servers: Callable[[Ground], Sequence[Server]] = lambda ground: (),
) -> Iterator[LocalStack]:
    """A stack whose servers run until the block or this process ends, even by SIGKILL.

    Raises:
        StackError: a server does not start.
    """
    places = places or Places()
    build(places, announce=lambda line: print(line, flush=True))
    sweep(places)
    stack = LocalStack(
        f"{PREFIX}{os.getpid()}",
        ServerPorts.free(),
        Passwords.random(),
        places=places,
        durable=False,
        dies_with_parent=True,
        more_servers=more_servers,
    )
    with owned(places, stack.name):
        try:
            stack.start_servers()
            yield stack
        finally:
            stack.remove()


@contextmanager
def owned(places: Places, name: str) -> Iterator[Path]:
    """Create the folder of a throwaway stack and own it during the block, safe from sweeps.

    Args:
        places: with a built tree.
        name: of the stack; begins with `PREFIX`.
    """
    folder = places.stacks / name
    with ExitStack() as held:
        with locked(places.root / SWEEP_LOCK):  # a sweep must not see the folder before it has an owner
            folder.mkdir(mode=0o711, parents=True)
            lock = held.enter_context((folder / OWNER_LOCK).open("w"))
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


def sweep(places: Places) -> list[str]:
    """Remove the throwaway stacks whose owner process has ended.

    Returns:
        Their names.
    """
    swept = []
    with locked(places.root / SWEEP_LOCK):
        for folder in sorted(places.stacks.glob(f"{PREFIX}*")):
            if not _is_owned(folder / OWNER_LOCK):
                LocalStack(folder.name, ServerPorts(), Passwords.random(), places=places).remove()
                swept.append(folder.name)
    return swept


def _is_owned(lock: Path) -> bool:
    if not lock.exists():
        return False
    with lock.open("r") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False
