"""What the stack knows of a server: how its data is laid out, how it is started, and when it is ready."""

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
    """What the servers of one stack stand on.

    Attributes:
        folder: data, logs and configuration of this stack, inside the Debian tree.
        durable: whether a power cut must lose nothing; a test's stack trades that for speed.
        kafka_login: whether clients of Kafka log in with a password.
    """

    places: Places
    folder: Path
    ports: ServerPorts
    passwords: Passwords
    durable: bool
    kafka_login: bool = False

    def inside(self, path: Path) -> str:
        """A path of the stack as a server sees it from within the Debian tree."""
        return f"/{path.relative_to(self.places.tree)}"

    def chroot(self, *command: str, user: str | None = None) -> list[str]:
        """A command line that runs in the Debian tree."""
        as_user = [f"--userspec={user}:{user}"] if user else []
        return ["chroot", *as_user, str(self.places.tree), *command]

    def stop_signal(self, orderly: str) -> str:
        """The signal that ends a server; data that is thrown away next needs no farewell."""
        return orderly if self.durable else "KILL"


def fingerprint_of(*paths: Path) -> str:
    """One text that changes with the content of any of these files; those that are missing count as empty."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(path.read_bytes() if path.exists() else b"")
        digest.update(path.name.encode())
    return digest.hexdigest()[:16]


class Server(Protocol):
    """A server of the stack."""

    @property
    def name(self) -> str:
        """Its name in `dayahead status`, in the logs and in supervisord."""
        ...

    @property
    def ready_within_s(self) -> float:
        """Seconds that it may neither answer nor write to its log after its start."""
        ...

    def prepare(self) -> None:
        """Lay out configuration and, the first time, the data folder; harmless while the server runs."""
        ...

    def program(self) -> Program:
        """The process that supervisord runs."""
        ...

    def is_ready(self) -> bool:
        """Whether it answers what its clients will ask."""
        ...
