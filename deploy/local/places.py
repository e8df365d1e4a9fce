"""Folders of the local stack, all in `.local/` of the checkout."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Places:
    """The folders of the local stack.

    Attributes:
        root: `.local` of the checkout, unless a test passes another.
    """

    root: Path = CHECKOUT / ".local"

    @property
    def tree(self) -> Path:
        """The private Debian tree in which the servers run by chroot."""
        return self.root / "debian"

    @property
    def kafka_libs(self) -> Path:
        """The jars of the Kafka broker."""
        return self.root / "kafka" / "libs"

    @property
    def stacks(self) -> Path:
        """Data, logs and configuration of every stack, inside the tree: since a chrooted server sees nothing else."""
        return self.tree / "srv"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file: a second run waits until the first one and its `Builders` have finished."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as lock:
        os.set_inheritable(lock.fileno(), True)
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
