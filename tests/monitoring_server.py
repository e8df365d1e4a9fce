"""Prometheus or Alertmanager alone, run from the Debian tree for the length of a test."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from deploy.local.places import Places
from deploy.local.ports import free_ports
from deploy.local.tree import DebianTree
from deploy.monitoring import MonitoringFiles
from tests.waiting import wait_until

Prepare = Callable[[MonitoringFiles, str], Sequence[str]]
"""Writes the files for a server at host:port and gives its command, as it stands in the tree."""


@contextmanager
def monitoring_server(name: str, prepare: Prepare) -> Iterator[str]:
    """Start it, wait until it is ready, yield its URL, and leave nothing behind; it dies with this process."""
    places = Places()
    DebianTree(places).ensure()
    (port,) = free_ports(1)
    folder = places.stacks / f"{name}-{os.getpid()}-{port}"  # a session may run several
    inside = f"/{folder.relative_to(places.tree)}"
    address = f"127.0.0.1:{port}"
    command = [*prepare(MonitoringFiles(folder, inside), address), f"--web.listen-address={address}"]
    log_file = folder / "log"
    with log_file.open("w") as log:
        die_with_us = ["setpriv", "--pdeathsig", "KILL"]
        process = subprocess.Popen([*die_with_us, "chroot", places.tree, *command], stdout=log, stderr=log)
    try:
        wait_until(lambda: is_ready(address, process, log_file), 30, f"{name} to answer on {address}")
        yield f"http://{address}"
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder)


def is_ready(address: str, process: subprocess.Popen[bytes], log: Path) -> bool:
    assert process.poll() is None, f"it ended:\n{log.read_text()}"
    try:
        return httpx.get(f"http://{address}/-/ready").is_success
    except httpx.TransportError:
        return False
