"""Table `model_report`: reports of drift and accuracy, kept with their release."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from dayahead.errors import ReportError
from dayahead.storage.tables.report_piece import load_pieces, save_pieces

COLUMNS = "report, release, kind, tuning_run_key, made_at, summary, page_bytes, failure"


class ReportKind(StrEnum):
    """What a report is about; also a metric label."""

    TRAINING = "training"
    WEEKLY = "weekly"


@dataclass(frozen=True)
class NewReport:
    """A report to store.

    Attributes:
        release: id of the release that it is kept with.
        kind: of a training, or of the last week of service.
        tuning_run_key: the training; None for a weekly one.
        made_at: when.
        summary: what it says in numbers; None where it could not be made.
        page: HTML that loads nothing; empty where it could not be made.
        failure: why it could not be made, in a sentence.
    """

    release: str
    kind: ReportKind
    tuning_run_key: int | None
    made_at: datetime
    summary: Mapping[str, Any] | None = None
    page: str = ""
    failure: str | None = None


@dataclass(frozen=True)
class ReportRecord:
    """A stored report without its page.

    Attributes:
        report: its number.
        release: id of the release that it is kept with.
        kind: of a training, or of the last week of service.
        tuning_run_key: the training; None for a weekly one.
        made_at: when.
        summary: what it says in numbers; None where it could not be made.
        page_bytes: size of the page in bytes; 0 where it could not be made.
        failure: why it could not be made, in a sentence; None where it was.
    """

    report: int
    release: str
    kind: ReportKind
    tuning_run_key: int | None
    made_at: datetime
    summary: Mapping[str, Any] | None
    page_bytes: int
    failure: str | None


def save_report(connection: psycopg.Connection, new: NewReport) -> int:
    """Store a report; the caller commits.

    Returns:
        Its number.
    """
    row = connection.execute(
        """
        INSERT INTO model_report (release, kind, tuning_run_key, made_at, summary, pieces, page_bytes, failure)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s) RETURNING report
        """,
        [
            new.release,
            new.kind,
            new.tuning_run_key,
            new.made_at,
            None if new.summary is None else Jsonb(dict(new.summary)),
            save_pieces(connection, new.page),
            len(new.page.encode()),
            new.failure,
        ],
    ).fetchone()
    assert row is not None
    return int(row[0])


def reports_of_release(connection: psycopg.Connection, release: str, limit: int) -> list[ReportRecord]:
    """Read the newest reports of a release, newest first."""
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM model_report WHERE release = %s ORDER BY report DESC LIMIT %s",  # noqa: S608
        [release, limit],
    ).fetchall()
    return [_record(row) for row in rows]


def load_report(connection: psycopg.Connection, report: int) -> ReportRecord:
    """Read a report without its page.

    Raises:
        ReportError: no report has this number.
    """
    row = connection.execute(
        f"SELECT {COLUMNS} FROM model_report WHERE report = %s",  # noqa: S608
        [report],
    ).fetchone()
    if row is None:
        raise ReportError(f"no report {report}: GET /v1/releases/{{release}}/reports lists those of a release")
    return _record(row)


def load_page(connection: psycopg.Connection, report: int) -> str:
    """Read the page of a report; empty where it could not be made, or where no report has this number."""
    row = connection.execute("SELECT pieces FROM model_report WHERE report = %s", [report]).fetchone()
    return "" if row is None else load_pieces(connection, [bytes(digest) for digest in row[0]])


def newest_pages(connection: psycopg.Connection, releases: Sequence[str]) -> dict[str, int]:
    """Read the newest report with a page of each release; releases without one are left out."""
    rows = connection.execute(
        "SELECT release, max(report) FROM model_report WHERE release = ANY (%s) AND page_bytes > 0 GROUP BY release",
        [list(releases)],
    )
    return dict(rows.fetchall())


def reports_of_runs(connection: psycopg.Connection, runs: Sequence[int]) -> dict[int, ReportRecord]:
    """Read the newest report of each training, by the number of the training."""
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM model_report WHERE tuning_run_key = ANY (%s) ORDER BY report",  # noqa: S608
        [list(runs)],
    ).fetchall()
    return {record.tuning_run_key: record for record in map(_record, rows) if record.tuning_run_key is not None}


def newest_weekly(connection: psycopg.Connection) -> ReportRecord | None:
    """Read the newest weekly report of any release, also one that failed; None without one."""
    row = connection.execute(
        f"SELECT {COLUMNS} FROM model_report WHERE kind = 'weekly' ORDER BY made_at DESC LIMIT 1"  # noqa: S608
    ).fetchone()
    return None if row is None else _record(row)


def delete_old_weekly(connection: psycopg.Connection, before: datetime, limit: int) -> int:
    """Delete weekly reports that were made before a moment, at most so many.

    Returns:
        How many.
    """
    return connection.execute(
        """
        DELETE FROM model_report WHERE report = ANY(ARRAY(
            SELECT report FROM model_report WHERE kind = 'weekly' AND made_at < %s ORDER BY made_at LIMIT %s
        ))
        """,
        [before, limit],
    ).rowcount


def _record(row: tuple[Any, ...]) -> ReportRecord:
    report, release, kind, tuning_run_key, made_at, summary, page_bytes, failure = row
    return ReportRecord(report, release, ReportKind(kind), tuning_run_key, made_at, summary, page_bytes, failure)
