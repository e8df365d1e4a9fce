"""Runs the build programs; when the command is interrupted, each is killed with all its child processes."""

import os
import signal
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress

from dayahead.errors import StackError
from deploy.local.waiting import wait_until

ENDS_WITHIN_S = 20.0
KILLED_WITHIN_S = 10.0
LOOK_EVERY_S = 0.2


class Builders:
    """Runs builders and kills them. Thread-safe: each runs in a thread, and another thread may stop them all."""

    def __init__(self) -> None:
        self._ended = threading.Event()

    def run(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """Run a program to its end in a new process group.

        It inherits the locks of `places.locked`: if this process is killed, the next build waits for the program.

        Raises:
            StackError: `end` stopped it; none of its child processes is alive.
        """
        with subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            close_fds=False,
        ) as process:
            try:
                output, errors = self._output_of(process, command[0])
            except BaseException:
                _end_group(process)
                raise
        return subprocess.CompletedProcess(command, process.returncode, output, errors)

    def _output_of(self, process: subprocess.Popen[str], name: str) -> tuple[str, str]:
        while not self._ended.is_set():
            with suppress(subprocess.TimeoutExpired):
                return process.communicate(timeout=LOOK_EVERY_S)
        raise StackError(f"{name} was stopped before it finished: run the command again")

    def end(self) -> None:
        """Stop the running builders, and any started later, with all child processes."""
        self._ended.set()


def _end_group(process: subprocess.Popen[str]) -> None:
    """Send SIGTERM to the group, so that mounts are undone, then SIGKILL to the rest."""

    def is_gone() -> bool:
        process.poll()  # reap the leader, which counts as alive until then
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return True
        return False

    what = f"the processes of {process.args!r} to end"
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        wait_until(is_gone, ENDS_WITHIN_S, what)
    except StackError:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        wait_until(is_gone, KILLED_WITHIN_S, what)
