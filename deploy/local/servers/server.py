"""The interface of a server to the stack: how to prepare it, start it, and check that it is ready."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from deploy.local.passwords import Passwords
from deploy.local.places import Places
from deploy.local.ports import ServerPorts
from deploy.local.supervision import Program


@dataclass(frozen=True)
class Ground:
    """The context shared by the servers of one stack.

    Attributes:
        folder: data, logs and configuration of this stack, inside the Debian tree.
        durable: whether data must survive a power cut; a test's stack trades that for speed.
        kafka_login: whether clients of Kafka log in with a password.
    """

    places: Places
    folder: Path
    ports: ServerPorts
    passwords: Passwords
    durable: bool
    kafka_login: bool = False

    def inside(self, path: Path) -> str:
        """A path of the stack as seen by a server inside the chroot."""
        return f"/{path.relative_to(self.places.tree)}"

    def chroot(self, *command: str, user: str | None = None) -> list[str]:
        """A command line that runs in the Debian tree."""
        as_user = [f"--userspec={user}:{user}"] if user else []
        return ["chroot", *as_user, str(self.places.tree), *command]

    def stop_signal(self, orderly: str) -> str:
        """The stop signal of a server: SIGKILL if its data is discarded anyway."""
        return orderly if self.durable else "KILL"


def fingerprint_of(*paths: Path) -> str:
    """A string that changes with the content of any of these files; missing ones count as empty."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(path.read_bytes() if path.exists() else b"")
        digest.update(path.name.encode())
    return digest.hexdigest()[:16]


class Server(Protocol):
    """A server of the stack."""

    @property
    def name(self) -> str:
        """Name in `dayahead status`, in the logs and in supervisord."""
        ...

    @property
    def ready_within_s(self) -> float:
        """Start timeout in seconds, extended while it writes to its log."""
        ...

    def prepare(self) -> None:
        """Write the configuration and, the first time, the data folder; safe while the server runs."""
        ...

    def program(self) -> Program:
        """The process that supervisord runs."""
        ...

    def is_ready(self) -> bool:
        """Whether it answers the requests of its clients."""
        ...
