"""Finds and stops strays: processes whose supervisord was killed."""

import os
import signal
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dayahead.errors import StackError
from deploy.local.supervision import Program, socket_path
from deploy.local.waiting import wait_until

KILLED_WITHIN_S = 20.0
NAME = b"SUPERVISOR_PROCESS_NAME="


@dataclass(frozen=True)
class Stray:
    """A process that supervisord started, or a child of one.

    Attributes:
        name: of the program that it belongs to.
        parent: pid of its parent.
    """

    pid: int
    parent: int
    name: str


def find_strays(folder: Path) -> list[Stray]:
    """Every process of the stack in a folder; if supervisord is running, also those that are not strays.

    A process started by supervisord has the control socket and its program's name in the environment, and its children
    inherit both, so the match is exact.
    """
    mark = f"SUPERVISOR_SERVER_URL=unix://{socket_path(folder)}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        pid = int(entry.name)
        environment = _environment(pid)
        if mark in environment and pid != os.getpid():
            names = [value.removeprefix(NAME).decode() for value in environment if value.startswith(NAME)]
            found.append(Stray(pid, _parent(pid), names[0] if names else "unknown"))
    return found


def stop_strays(folder: Path, programs: Sequence[Program], servers: Collection[str]) -> list[str]:
    """Stop the strays of the stack in a folder: services first, then servers, each by its stop signal.

    Args:
        folder: of the stack, whose supervisord is not running.
        programs: give the signal and timeout of each; others get SIGTERM and the default timeout.
        servers: names of the programs to stop last.

    Returns:
        Names of the stopped programs, services first; killed ones are marked.

    Raises:
        StackError: a process survives SIGKILL.
    """
    by_name = {program.name: program for program in programs}
    stopped: list[str] = []
    for of_servers in (False, True):
        mine = [stray for stray in find_strays(folder) if (stray.name in servers) == of_servers]
        stopped += _stop(folder, mine, by_name)
    return stopped


def _stop(folder: Path, strays: Sequence[Stray], programs: dict[str, Program]) -> list[str]:
    names = sorted({stray.name for stray in strays})
    if not names:
        return []
    default = Program("unknown", ())
    pids = {stray.pid for stray in strays}
    for stray in strays:
        if stray.parent not in pids:  # its parent stops it: for a child of PostgreSQL, SIGINT only cancels a query
            _signal(stray.pid, signal.Signals[f"SIG{programs.get(stray.name, default).stop_signal}"])

    def alive() -> set[str]:
        return {stray.name for stray in find_strays(folder)} & set(names)

    with suppress(StackError):
        patience_s = max(programs.get(name, default).stop_wait_s for name in names)
        wait_until(lambda: not alive(), patience_s, f"{', '.join(names)} to end")
    killed = alive()
    for stray in find_strays(folder):
        if stray.name in killed:
            _signal(stray.pid, signal.SIGKILL)
    wait_until(lambda: not alive(), KILLED_WITHIN_S, f"{', '.join(sorted(killed))} to end")
    return [f"{name} (killed: it did not end by itself)" if name in killed else name for name in names]


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []  # it has ended


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0  # it has ended
