"""A worker as a separate process that a test can end at a given step, as a power cut would.

Usage: python worker_process.py [STEP:N]  - killed when STEP is reached for the Nth time; settings as ever.
"""

import os
import signal
import sys

from dayahead.hours import wall_clock
from dayahead.settings import load_settings
from dayahead.telemetry import configure_logging
from stream.assembly import run_worker
from stream.servers.probe import NoProbe, Step
from stream.settings import WorkerSettings


class KillingProbe:
    """Kills its own process at a step."""

    def __init__(self, step: Step, count: int) -> None:
        self._step, self._left = step, count

    def reached(self, step: Step) -> None:
        if step is self._step:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    step, _, count = (sys.argv[1] if len(sys.argv) > 1 else "").partition(":")
    settings = load_settings(WorkerSettings)
    configure_logging("worker", settings.log_level)
    run_worker(settings, wall_clock, KillingProbe(Step(step), int(count)) if step else NoProbe())
