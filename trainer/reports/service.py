"""The reports of the trainer as a service: of each training, and each week of the release that serves."""

import threading
from functools import partial

import psycopg
import structlog
from pydantic import SecretStr

from dayahead.hours import Clock
from dayahead.storage.database import connect
from dayahead.storage.tables.model_report import ReportKind, newest_weekly
from dayahead.storage.tables.promotion import champion, first_promoted_at
from trainer.lock import REPORT_LOCK_KEY, training_lock
from trainer.reports.making import Reporter, ReportThread
from trainer.reports.task import ReportTask, rows_or_error
from trainer.reports.weekly import is_due, weekly_rows
from trainer.settings import TrainingSettings

log = structlog.get_logger()

WAIT_S = 2.0


class Reports:
    """Makes reports on a thread of its own: no training, and no look at what is due, waits for one."""

    def __init__(
        self, database_url: SecretStr, training: TrainingSettings, clock: Clock, stop: threading.Event
    ) -> None:
        """Prepare.

        Args:
            database_url: of TimescaleDB.
            training: settings of reports, and the seed of their samples.
            clock: the present moment.
            stop: set when the process is stopping.
        """
        self._database_url, self._training, self._clock = database_url, training, clock
        self._thread = ReportThread(Reporter(database_url, training.report, clock, stop))

    def of_training(self, task: ReportTask | None) -> None:
        """Make the report of a training soon."""
        if task is not None:
            self._thread.submit(lambda reporter: reporter.make(task))

    def look(self, connection: psycopg.Connection) -> None:
        """Make the weekly report soon if it is due."""
        if not self._thread.is_busy and self._is_due(connection):
            self._thread.submit(self._weekly)

    def close(self) -> None:
        """Wait for the report that is being made, which the stop signal ends."""
        self._thread.close()

    def _is_due(self, connection: psycopg.Connection) -> bool:
        return is_due(newest_weekly(connection), first_promoted_at(connection), self._training.report, self._clock())

    def _weekly(self, reporter: Reporter) -> None:
        """Make the weekly report, unless another trainer does or has done it."""
        with (
            connect(self._database_url, wait_s=WAIT_S, autocommit=True) as lock,
            training_lock(lock, REPORT_LOCK_KEY) as held,
            connect(self._database_url, wait_s=WAIT_S) as connection,
        ):
            serving = champion(connection)
            if not held or serving is None or not self._is_due(connection):
                return
            read = partial(weekly_rows, connection, serving.release, self._training.report, self._training.seed)
            rows = rows_or_error(read)
            connection.rollback()
            reporter.make(ReportTask(serving.release, ReportKind.WEEKLY, rows))
