"""A worker process that is measured, and waiting for what it does."""

import os
import re
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

SERVICE = Path(__file__).parents[1] / ".venv/bin/dayahead"
"""The service runs in its own environment: with the peers' packages installed its imports take twice as long."""
ANSWER_S = 3600.0
LOOK_S = 0.03
STAGE = re.compile(r'^dayahead_(?:stage|forecasting)_seconds_sum\{(?:stage|part)="(\w+)"\} (\S+)$', re.MULTILINE)
TREES = re.compile(r"^dayahead_tree_seconds_total (\S+)$", re.MULTILINE)


class RunningWorker:
    """A worker process, measured by its /metrics and by the kernel."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process = process
        self._port = port

    def stages(self) -> dict[str, float]:
        """Seconds that it has spent in each stage so far."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/metrics", timeout=30) as answer:
            page = answer.read().decode()
        stages = {name: float(seconds) for name, seconds in STAGE.findall(page)}
        return {**stages, "trees": sum(float(seconds) for seconds in TREES.findall(page))}

    def cpu_s(self) -> float:
        """Seconds of processor time so far."""
        return cpu_seconds(self.process.pid)

    def peak_gb(self) -> float:
        """The most memory that it ever had, in GB."""
        return self._status_gb("VmHWM")

    def memory_gb(self) -> float:
        """The memory that it has, in GB."""
        return self._status_gb("VmRSS")

    def _status_gb(self, field: str) -> float:
        found = re.search(rf"{field}:\s+(\d+) kB", Path(f"/proc/{self.process.pid}/status").read_text())
        assert found is not None
        return int(found[1]) / 1e6


def descendants(pid: int) -> list[int]:
    """Processes that a process started, and those that they started."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(") ", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has just ended
        children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found, waiting = [], [pid]
    while waiting:
        mine = children.get(waiting.pop(), [])
        found += mine
        waiting += mine
    return found


def cpu_seconds(pid: int) -> float:
    """Seconds of processor time of a process so far, with those of its children that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")


def until(condition: Callable[[], bool], what: str, worker: RunningWorker | None = None) -> None:
    """Wait until a condition holds.

    Raises:
        TimeoutError: it does not within an hour, or the worker that is to bring it about has ended.
    """
    end = time.monotonic() + ANSWER_S
    while not condition():
        if worker and worker.process.poll() is not None:
            raise TimeoutError(f"the worker ended with {worker.process.returncode} before {what}")
        if time.monotonic() > end:
            raise TimeoutError(f"waited {ANSWER_S:.0f} s for {what}")
        time.sleep(LOOK_S)
