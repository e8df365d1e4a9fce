"""Runs periodic work of a service on a separate thread."""

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import structlog
from prometheus_client import Counter, Gauge

log = structlog.get_logger()

ROUNDS = Counter(
    "dayahead_task_rounds_total", "Rounds of repeated work, by whether they were finished", ["task", "outcome"]
)
LAST_DONE = Gauge("dayahead_task_done_timestamp_seconds", "When a round of repeated work was finished last", ["task"])
INTERVAL = Gauge("dayahead_task_interval_seconds", "Seconds between two rounds of repeated work", ["task"])
ALIVE = Gauge("dayahead_task_alive", "1 while the thread of repeated work runs, 0 once it has ended", ["task"])

DONE, FAILED = "done", "failed"

SAME_ERROR_S = 60.0
"""Seconds after which an expected error that repeats is logged again."""


class RepeatingThread:
    """Runs a round of work at an interval until the context is left. An error ends the round, never the thread.

    Args:
        task: name of the work, in metrics and log: `task_failed` with the error of a round.
        work: one round; whatever it raises is counted and logged.
        every_s: seconds from the end of a round to the next; 0: no rounds at all.
        expected: errors that say that a server is away, logged as a sentence; all others come with their traceback.
        close: called on the thread after its last round.
        ended: set when the thread is left, for work that can be cut short.
        at_once: whether the first round begins at once, not after the first interval.
    """

    def __init__(
        self,
        task: str,
        work: Callable[[], None],
        every_s: float,
        *,
        expected: tuple[type[Exception], ...] = (),
        close: Callable[[], None] | None = None,
        ended: threading.Event | None = None,
        at_once: bool = False,
    ) -> None:
        self._task, self._work, self._every_s = task, work, every_s
        self._expected, self._close, self._at_once = expected, close, at_once
        self._ended = ended or threading.Event()
        self._reported: str | None = None
        self._reported_at = 0.0
        self._thread = threading.Thread(target=self._run, name=task, daemon=True)

    def __enter__(self) -> Self:
        if self._every_s:
            for outcome in (DONE, FAILED):
                ROUNDS.labels(self._task, outcome)
            INTERVAL.labels(self._task).set(self._every_s)
            ALIVE.labels(self._task).set_function(lambda: float(self._thread.is_alive()))
            # a first round that never ends counts from here
            LAST_DONE.labels(self._task).set_to_current_time()
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()

    def join(self, timeout_s: float) -> None:
        """Wait until the thread has ended, up to a timeout in seconds."""
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def round(self) -> None:
        """Run and count one round of the work."""
        try:
            self._work()
        except self._expected as error:
            self._count_failed()
            if not self._ended.is_set():  # a round that is cut short by the end is no failure to report
                self._report(f"{type(error).__name__}: {error}".strip()[:300])
        except Exception:
            self._count_failed()
            log.exception("task_failed", task=self._task)
        else:
            self._reported = None
            ROUNDS.labels(self._task, DONE).inc()
            LAST_DONE.labels(self._task).set_to_current_time()

    def _report(self, error: str) -> None:
        """Log an expected error: at once where it is new, every minute while it stays the same."""
        now = time.monotonic()
        if error != self._reported or now - self._reported_at >= SAME_ERROR_S:
            self._reported, self._reported_at = error, now
            log.warning("task_failed", task=self._task, error=error)

    def _count_failed(self) -> None:
        ROUNDS.labels(self._task, FAILED).inc()

    def _run(self) -> None:
        if self._at_once:
            self.round()
        while not self._ended.wait(self._every_s):
            self.round()
        if self._close is not None:
            self._close()


class Repeating:
    """What repeats its work on a thread while its context is open."""

    def __init__(self, thread: RepeatingThread, *, leave_s: float = 0.0) -> None:
        """Make it; entering the context starts the thread.

        Args:
            thread: repeats the work.
            leave_s: how long leaving the context waits for a round that runs, seconds.
        """
        self._thread, self._leave_s = thread, leave_s

    def __enter__(self) -> Self:
        self._thread.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.__exit__(kind, error, trace)
        self._thread.join(self._leave_s)
