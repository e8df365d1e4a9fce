"""Makes reports in a process of their own, within limits, and stores them; a failure is stored, counted and logged."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import IO

import structlog
from pydantic import SecretStr, ValidationError

from dayahead.drift.report_summary import ReportSummary
from dayahead.errors import DayaheadError, ReportError, Stopped
from dayahead.hours import Clock
from dayahead.storage.database import connect
from dayahead.storage.tables.model_report import NewReport, save_report
from dayahead.tracing import spans
from trainer.metrics import REPORT_SECONDS, REPORTS
from trainer.reports.rows import ReportRows
from trainer.reports.task import ReportTask
from trainer.settings import ReportSettings

log = structlog.get_logger()

LOOK_S = 0.5
"""Seconds between two looks whether a report must be given up."""
SAVE_WAIT_S = 60.0
MEBIBYTE = 1024 * 1024
LONGEST = 300
"""Characters of an error of the process that are stored."""

QUIET = {
    # Evidently reports its use to its makers otherwise
    "DO_NOT_TRACK": "1",
    # a report is no reason to take the processors from a fit
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


@dataclass(frozen=True)
class MadeReport:
    """A stored report.

    Attributes:
        report: its number; None where TimescaleDB did not take it.
        summary: what it says; None where it could not be made.
        failure: why it could not be made, in a sentence.
    """

    report: int | None
    summary: ReportSummary | None
    failure: str | None


class Reporter:
    """Makes one report after the other; never raises because of what is in one."""

    def __init__(
        self, database_url: SecretStr, settings: ReportSettings, clock: Clock, stop: threading.Event | None = None
    ) -> None:
        """Prepare.

        Args:
            database_url: of TimescaleDB.
            settings: limits and what counts as drift.
            clock: the present moment.
            stop: set to give up the report that is being made.
        """
        self._database_url, self._settings, self._clock = database_url, settings, clock
        self._stop = stop or threading.Event()

    def make(self, task: ReportTask) -> MadeReport:
        """Make a report and store it, or why it could not be made.

        Raises:
            Stopped: the process is stopping; nothing is stored.
        """
        begun = time.monotonic()
        summary, page, failure = None, "", None
        with spans.span("report", {"dayahead.release": task.release, "dayahead.kind": task.kind.value}):
            try:
                summary, page = self._draw(task.rows())
            except Stopped:
                raise
            except DayaheadError as error:
                failure = str(error)
                log.warning("report_failed", release=task.release, kind=task.kind, reason=failure)
            except Exception as error:
                failure = f"{type(error).__name__}: {error}"
                log.exception("report_failed", release=task.release, kind=task.kind)
            number = self._save(task, summary, page, failure)
        seconds = time.monotonic() - begun
        made = summary is not None and number is not None
        REPORTS.labels(task.kind, "made" if made else "failed").inc()
        if summary is not None and number is not None:
            REPORT_SECONDS.observe(seconds)
            log.info(
                "report_made",
                report=number,
                release=task.release,
                kind=task.kind,
                drifted_areas=summary.drifted_areas,
                page_bytes=len(page),
                seconds=round(seconds, 1),
            )
        return MadeReport(number, summary, failure)

    def _save(self, task: ReportTask, summary: ReportSummary | None, page: str, failure: str | None) -> int | None:
        new = NewReport(
            release=task.release,
            kind=task.kind,
            tuning_run_key=task.tuning_run_key,
            made_at=self._clock(),
            summary=None if summary is None else summary.model_dump(mode="json"),
            page=page,
            failure=failure,
        )
        try:
            with connect(self._database_url, wait_s=SAVE_WAIT_S) as connection:
                return save_report(connection, new)
        except Exception:
            log.exception("report_not_stored", release=task.release, kind=task.kind)
            return None

    def _draw(self, rows: ReportRows) -> tuple[ReportSummary, str]:
        """Run the process that draws a report.

        Raises:
            ReportError: it failed, took too long, or its page is too large.
        """
        limits = (self._settings.drift_distance, self._settings.memory_mb)
        command = [sys.executable, "-m", "trainer.reports.page", *map(str, limits)]
        # files, not pipes: a process that reads late, or writes megabytes, blocks nothing
        with TemporaryFile() as given, TemporaryFile() as drawn, TemporaryFile() as said:
            given.write(rows.to_bytes())
            given.seek(0)
            environment = {**os.environ, **QUIET}
            with subprocess.Popen(command, stdin=given, stdout=drawn, stderr=said, env=environment) as process:
                self._wait_for(process)
            answer, errors = (_content(file) for file in (drawn, said))
        if process.returncode != 0:
            lines = errors.decode(errors="replace").strip().splitlines() or ["it said nothing"]
            raise ReportError(f"the process that draws reports ended with {process.returncode}: {lines[-1][:LONGEST]}")
        line, _, page = answer.partition(b"\n")
        if len(page) > self._settings.page_mb * MEBIBYTE:
            raise ReportError(
                f"its page has {len(page):,} bytes, more than report.page_mb={self._settings.page_mb:g}: lower rows"
            )
        try:
            return ReportSummary.model_validate_json(line), page.decode()
        except ValidationError as error:
            raise ReportError(f"the process that draws reports wrote no summary: {error}") from error

    def _wait_for(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + self._settings.timeout_s
        while True:
            with suppress(subprocess.TimeoutExpired):
                process.wait(LOOK_S)
                return
            if self._stop.is_set():
                process.kill()
                raise Stopped("the trainer is stopping")
            if time.monotonic() > deadline:
                process.kill()
                raise ReportError(
                    f"it took more than report.timeout_s={self._settings.timeout_s:g}: raise that, or lower report.rows"
                )


def _content(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()


class ReportThread:
    """Makes reports on a thread of its own, so that no training waits for one."""

    def __init__(self, reporter: Reporter) -> None:
        """Prepare; the first report starts the thread."""
        self._reporter = reporter
        self._pool = ThreadPoolExecutor(1, "report")
        self._last: Future[None] | None = None

    @property
    def is_busy(self) -> bool:
        """Whether a report is being made."""
        return self._last is not None and not self._last.done()

    def submit(self, work: Callable[[Reporter], object]) -> None:
        """Do some work after what was submitted before."""
        self._last = self._pool.submit(self._do, work)

    def close(self) -> None:
        """Drop what has not begun, and wait for what has; the stop signal of the reporter ends it."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _do(self, work: Callable[[Reporter], object]) -> None:
        try:
            work(self._reporter)
        except Stopped:
            log.info("report_stopped")
        except Exception:
            log.exception("report_failed")
