"""Opens, stops and deletes the stack configured in a folder."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from dayahead.errors import StackError
from dayahead.settings import load_settings
from deploy.compose import Compose
from deploy.local.assembly import Assembly, assemble
from deploy.local.places import Places
from deploy.local.preflight import docker_answers, machine_obstacles, refuse
from deploy.local.services import DAYAHEAD
from deploy.local.steps import Steps
from deploy.settings import StackSettings


def end_in_order() -> None:
    """Handle SIGTERM and SIGHUP like Ctrl-C: stop what this process started, then exit."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _: sys.exit(128 + received))


def terminal() -> Console:
    """The console of commands."""
    return Console(soft_wrap=True)


def compose(console: Console) -> Compose | None:
    """The containers, if a Docker engine answers."""
    return Compose(console, Path.cwd()) if docker_answers() else None


def open_stack(places: Places | None = None) -> Assembly:
    """The stack configured in this folder.

    Raises:
        StackError: this machine cannot run it; the message has one sentence per problem.
    """
    places = places or Places()
    refuse(machine_obstacles(places, user_id=os.geteuid()))
    return assemble(load_settings(StackSettings), places, Path.cwd())


def run_dayahead(*arguments: str) -> list[str]:
    """Run a `dayahead` command to its end.

    Returns:
        The printed lines, at least one.

    Raises:
        StackError: it failed; the message has its last lines.
    """
    done = subprocess.run([DAYAHEAD, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        said = "\n  ".join((done.stdout + done.stderr).strip().splitlines()[-12:])
        raise StackError(f"`dayahead {' '.join(arguments)}` failed (exit {done.returncode}):\n  {said}")
    return done.stdout.strip().splitlines() or [""]


def stop(assembly: Assembly, console: Console) -> None:
    """Stop the services, then the servers, even if their supervisord was killed; data is kept."""
    if not assembly.stack.is_running() and not assembly.stack.strays():
        console.print("Nothing was running.")
        return
    with Steps(console).step("services stopped, then servers") as step:
        step.outcome = strays_sentence(assembly.stack.stop())


def strays_sentence(names: Sequence[str]) -> str:
    """Describe the stray processes that were stopped; empty if there were none."""
    return f"their supervisord had been killed, and these were still running: {', '.join(names)}" if names else ""


def forget(assembly: Assembly, console: Console, *, everything: bool) -> None:
    """Stop everything and delete the data; with `everything` also the build results."""
    with Steps(console).step("everything stopped, the data of the local stack deleted") as step:
        step.outcome = strays_sentence(assembly.stack.remove())
        if everything:
            shutil.rmtree(assembly.stack.places.tree, ignore_errors=True)
            shutil.rmtree(assembly.stack.places.kafka_libs, ignore_errors=True)
