"""Table `tuning_run`: the log of trainings with requester, reason and outcome."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

START, SCHEDULE, GROWTH, COMMAND = "start", "schedule", "growth", "command"
OWN_INITIATIVE = frozenset({START, SCHEDULE, GROWTH, COMMAND})
"""`requested_by` of trainings without a message of `retune-requests`; all others are retunes."""

COLUMNS = "tuning_run_key, started_at, finished_at, requested_by, reason, release, promoted, outcome, details"


class Outcome(StrEnum):
    """Outcome of a training; also a metric label. `refused` is a request that an earlier version rejected."""

    RUNNING = "running"
    PROMOTED = "promoted"
    KEPT = "kept"
    SAVED = "saved"
    UNCHANGED = "unchanged"
    REFUSED = "refused"
    FAILED = "failed"
    INTERRUPTED = "interrupted"

    @property
    def trained(self) -> bool:
        """Whether it made a release."""
        return self in {Outcome.PROMOTED, Outcome.KEPT, Outcome.SAVED, Outcome.UNCHANGED}


@dataclass(frozen=True)
class TuningRun:
    """One row of the log.

    Attributes:
        tuning_run_key: its number.
        started_at: when it started, UTC.
        finished_at: when it ended, UTC; None while it runs.
        requested_by: `start`, `schedule`, `growth`, `command`, or the requester on `retune-requests`.
        reason: why it was requested, in a sentence; of an old refusal, why it was refused.
        release: id of the resulting release, if any.
        promoted: whether it became the champion.
        outcome: the result.
        details: checks of the gate, figures, counts of the quarantine.
    """

    tuning_run_key: int
    started_at: datetime
    finished_at: datetime | None
    requested_by: str
    reason: str
    release: str | None
    promoted: bool
    outcome: Outcome
    details: Mapping[str, Any]


def start_run(connection: psycopg.Connection, requested_by: str, reason: str, now: datetime) -> int:
    """Record the start of a training; the caller commits.

    Returns:
        The number of the run.
    """
    row = connection.execute(
        "INSERT INTO tuning_run (started_at, requested_by, reason) VALUES (%s, %s, %s) RETURNING tuning_run_key",
        [now, requested_by, reason],
    ).fetchone()
    assert row is not None
    return int(row[0])


def finish_run(
    connection: psycopg.Connection,
    tuning_run_key: int,
    outcome: Outcome,
    now: datetime,
    release: str | None = None,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Record the outcome of a training; the caller commits."""
    connection.execute(
        """
        UPDATE tuning_run SET finished_at = %s, outcome = %s, promoted = %s, release = %s, details = %s
        WHERE tuning_run_key = %s
        """,
        [now, outcome, outcome is Outcome.PROMOTED, release, Jsonb(dict(details or {})), tuning_run_key],
    )


def close_interrupted_runs(connection: psycopg.Connection, now: datetime) -> int:
    """Mark runs that a killed trainer left as running; the caller holds the training lock, and commits.

    Returns:
        How many there were.
    """
    return connection.execute(
        "UPDATE tuning_run SET outcome = 'interrupted', finished_at = %s WHERE outcome = 'running'", [now]
    ).rowcount


def recent_runs(connection: psycopg.Connection, limit: int = 100) -> list[TuningRun]:
    """The newest runs and refusals, newest first."""
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM tuning_run ORDER BY started_at DESC, tuning_run_key DESC LIMIT %s",  # noqa: S608
        [limit],
    ).fetchall()
    return [_run(row) for row in rows]


def runs_since(connection: psycopg.Connection, moment: datetime) -> list[TuningRun]:
    """Runs that started at a moment or later, without refusals, newest first."""
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM tuning_run WHERE started_at >= %s AND outcome <> 'refused'"  # noqa: S608
        " ORDER BY started_at DESC, tuning_run_key DESC",
        [moment],
    ).fetchall()
    return [_run(row) for row in rows]


def runs_of_release(connection: psycopg.Connection, release: str) -> list[TuningRun]:
    """The runs that produced a release, newest first: several if the same data were trained on again."""
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM tuning_run WHERE release = %s ORDER BY tuning_run_key DESC",  # noqa: S608
        [release],
    ).fetchall()
    return [_run(row) for row in rows]


def newest_search(connection: psycopg.Connection) -> Mapping[str, Any] | None:
    """Result of the newest search whose release was promoted (`details.tuning` of its run); None without one."""
    row = connection.execute(
        "SELECT details -> 'tuning' FROM tuning_run WHERE promoted AND jsonb_typeof(details -> 'tuning') = 'object'"
        " ORDER BY started_at DESC, tuning_run_key DESC LIMIT 1"
    ).fetchone()
    return None if row is None else row[0]


def _run(row: tuple[Any, ...]) -> TuningRun:
    key, started_at, finished_at, requested_by, reason, release, promoted, outcome, details = row
    return TuningRun(key, started_at, finished_at, requested_by, reason, release, promoted, Outcome(outcome), details)
