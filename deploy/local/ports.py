"""The ports of a stack: the usual ones for the user's, free ones for tests; and who listens on one that is taken."""

import os
import socket
from dataclasses import dataclass, fields
from pathlib import Path

HOST = "127.0.0.1"
LISTENING = "0A"  # the state's code in /proc/net/tcp


@dataclass(frozen=True)
class ServerPorts:
    """A TCP port on 127.0.0.1 for each server of the stack."""

    postgres: int = 5432
    redis: int = 6379
    kafka: int = 9092
    kafka_controller: int = 9193
    prometheus: int = 9090
    alertmanager: int = 9093

    @classmethod
    def free(cls) -> "ServerPorts":
        """Ports that nobody listens on now, for a stack of one's own."""
        return cls(*free_ports(len(fields(cls))))


def free_ports(count: int) -> list[int]:
    """Distinct ports that nobody listens on now.

    They are held open together, so that the kernel gives each only once.
    """
    sockets = [socket.socket() for _ in range(count)]
    try:
        for held in sockets:
            held.bind((HOST, 0))
        return [held.getsockname()[1] for held in sockets]
    finally:
        for held in sockets:
            held.close()


def is_taken(port: int) -> bool:
    """Whether binding the port on 127.0.0.1 would fail."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
        return False


def listener(port: int) -> str | None:
    """Name and pid of the process that listens on a port, where this user may know it."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        if not Path(table).exists():
            continue
        for line in Path(table).read_text().splitlines()[1:]:
            columns = line.split()
            if columns[3] == LISTENING and int(columns[1].rpartition(":")[2], 16) == port:
                inodes.add(f"socket:[{columns[9]}]")
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(os.readlink(fd) in inodes for fd in (process / "fd").iterdir()):
                return f"{(process / 'comm').read_text().strip()} (pid {process.name})"
        except OSError:
            continue  # it ended meanwhile, or belongs to somebody else
    return None
