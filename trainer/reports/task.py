"""A report that is to be made."""

from collections.abc import Callable
from dataclasses import dataclass

from dayahead.storage.tables.model_report import ReportKind
from trainer.reports.rows import ReportRows

RowsReader = Callable[[], ReportRows]
"""Reads the rows of a report."""


@dataclass(frozen=True)
class ReportTask:
    """A report to make.

    Attributes:
        release: id of the release that it is kept with.
        kind: of a training, or of the last week of service.
        rows: reads its rows; called once, where the report is made.
        tuning_run_key: the training; None for a weekly one.
    """

    release: str
    kind: ReportKind
    rows: RowsReader
    tuning_run_key: int | None = None


def rows_or_error(read: RowsReader) -> RowsReader:
    """Read rows now; what goes wrong is raised where the report is made, which reports it."""
    try:
        rows = read()
    except Exception as error:  # noqa: BLE001 - raised later
        raised = error

        def fail() -> ReportRows:
            raise raised

        return fail
    return lambda: rows
