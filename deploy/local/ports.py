"""The ports of a stack: the default ones for the user's, free ones for tests; and which process holds a port."""

import os
import random
import socket
from contextlib import ExitStack
from dataclasses import dataclass, fields
from pathlib import Path

from dayahead.errors import StackError

HOST = "127.0.0.1"
LISTENING = "0A"  # code of the state in /proc/net/tcp
OUTGOING_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
UNPRIVILEGED = range(10_000, 65_536)
_claims: list[ExitStack] = []  # never closed: a claim lasts as long as its socket


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
        """Find free ports, for a private stack."""
        return cls(*free_ports(len(fields(cls))))


def free_ports(count: int) -> list[int]:
    """Return neighbouring free ports that no other caller of this function gets.

    A server may take seconds to bind its port. So the ports lie outside the kernel's range of
    ephemeral ports, which an outgoing connection could take in the meantime, and each is claimed for as
    long as this process lives.

    Raises:
        StackError: there are not enough free ports.
    """
    starts = _unassigned_ports()
    random.SystemRandom().shuffle(starts)
    for start in starts:
        ports = list(range(start, start + count))
        if ports[-1] in UNPRIVILEGED and not any(is_taken(port) for port in ports) and _claim(ports):
            return ports
    raise StackError(
        f"no {count} neighbouring TCP ports are free on {HOST}: stop a process that listens on one of them"
    )


def _unassigned_ports() -> list[int]:
    """The unprivileged ports outside the kernel's ephemeral range; all of them if there is no other."""
    low, high = map(int, OUTGOING_RANGE.read_text().split())
    return [port for port in UNPRIVILEGED if not low <= port <= high] or list(UNPRIVILEGED)


def _claim(ports: list[int]) -> bool:
    """Claim ports among all processes of this network namespace until this one ends.

    A claim is an abstract unix socket: the kernel removes it when the process ends for any reason.
    """
    with ExitStack() as claimed:
        for port in ports:
            claim = claimed.enter_context(socket.socket(socket.AF_UNIX))
            try:
                claim.bind(f"\0dayahead-port-{port}")
            except OSError:
                return False
        _claims.append(claimed.pop_all())
    return True


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
    """Name and pid of the process that listens on a port; None if this user may not see it."""
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
            if any(_target(fd) in inodes for fd in (process / "fd").iterdir()):
                return f"{(process / 'comm').read_text().strip()} (pid {process.name})"
        except OSError:
            continue  # it ended in the meantime, or belongs to another user
    return None


def _target(descriptor: Path) -> str:
    """What a descriptor of a process refers to; empty where it was closed in the meantime."""
    try:
        return os.readlink(descriptor)
    except OSError:
        return ""
