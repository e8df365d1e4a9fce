"""What `dayahead up`, `servers`, `down` and `clean` do on the local stack."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from dayahead.errors import StackError
from dayahead.settings import load_settings
from deploy.local.assembly import Assembly, assemble
from deploy.local.build import build
from deploy.local.places import Places
from deploy.local.preflight import machine_obstacles, port_obstacles
from deploy.local.services import DAYAHEAD
from deploy.local.steps import Steps
from deploy.settings import StackSettings


def open_stack(places: Places | None = None) -> Assembly:
    """The stack that the settings of this folder describe.

    Raises:
        StackError: this machine cannot run it; the message has a sentence for each obstacle.
    """
    places = places or Places()
    refuse(machine_obstacles(places, user_id=os.geteuid()))
    return assemble(load_settings(StackSettings), places, Path.cwd())


def refuse(obstacles: Sequence[str]) -> None:
    """End here if there are obstacles, before anything is touched.

    Raises:
        StackError: there are; all of them are told at once.
    """
    if obstacles:
        raise StackError("nothing was started:\n  " + "\n  ".join(obstacles))


class Up:
    """Brings the stack up from wherever it stands."""

    def __init__(self, assembly: Assembly, console: Console | None = None) -> None:
        self.assembly = assembly
        self.stack = assembly.stack
        self.steps = Steps(console or Console(soft_wrap=True))

    def servers_only(self) -> None:
        """Build what is missing, start the servers and migrate; a running stack is left as it is.

        Raises:
            StackError: something stands in the way.
        """
        if not self.stack.is_running():
            refuse(port_obstacles(self.assembly.ports()))
        with self.steps.step("Debian tree and Kafka jars") as step:
            built = build(self.stack.places, self.steps.console.print)
            step.outcome = f"built {' and '.join(built)}" if built else "already built"
        with self.steps.step(f"servers: {', '.join(server.name for server in self.stack.servers)}") as step:
            was_running = self.stack.is_running()
            self.stack.start_servers()
            self.assembly.write_addresses()
            step.outcome = "were running" if was_running else "ready"
        with self.steps.step("tables, roles and topics") as step:
            step.outcome = run_dayahead("migrate").strip()


def run_dayahead(*arguments: str) -> str:
    """Run a command of `dayahead` to its end.

    Returns:
        What it printed.

    Raises:
        StackError: it failed; the message has its last lines.
    """
    done = subprocess.run([DAYAHEAD, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        said = "\n  ".join((done.stdout + done.stderr).strip().splitlines()[-12:])
        raise StackError(f"`dayahead {' '.join(arguments)}` failed (exit {done.returncode}):\n  {said}")
    return done.stdout


def stop(assembly: Assembly, console: Console | None = None) -> None:
    """Stop the services, then the servers; data stays."""
    console = console or Console(soft_wrap=True)
    if not assembly.stack.is_running():
        console.print("Nothing was running.")
    with Steps(console).step("stopping services, then servers"):
        assembly.stack.stop()


def forget(assembly: Assembly, *, everything: bool, console: Console | None = None) -> None:
    """Stop everything and delete the data; with `everything` also what was built."""
    console = console or Console(soft_wrap=True)
    with Steps(console).step("stopping everything and deleting the data of the local stack"):
        assembly.stack.remove()
        if everything:
            places = assembly.stack.places
            shutil.rmtree(places.tree, ignore_errors=True)
            shutil.rmtree(places.kafka_libs, ignore_errors=True)
