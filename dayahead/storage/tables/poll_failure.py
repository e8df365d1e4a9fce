"""Table `poll_failure`: sources whose polls fail at the moment, and since when; for the API."""

from dataclasses import dataclass
from datetime import datetime

import psycopg


@dataclass(frozen=True)
class PollFailure:
    """The polls of a source that have failed since the newest one that succeeded.

    Attributes:
        failing_since: when the first of them failed, UTC.
        error: why the newest of them failed, in a sentence.
        retry_at: when the poller tries again, UTC.
    """

    failing_since: datetime
    error: str
    retry_at: datetime


def read_failure(connection: psycopg.Connection, source_key: int) -> PollFailure | None:
    """Read the failure of a source; None where its newest poll succeeded."""
    row = connection.execute(
        "SELECT failing_since, error, retry_at FROM poll_failure WHERE source_key = %s", [source_key]
    ).fetchone()
    return None if row is None else PollFailure(*row)


def record_failure(connection: psycopg.Connection, source_key: int, failure: PollFailure) -> None:
    """Write or replace the failure of a source; the caller commits."""
    connection.execute(
        """
        INSERT INTO poll_failure (source_key, failing_since, error, retry_at)
        VALUES (%(source)s, %(since)s, %(error)s, %(retry)s)
        ON CONFLICT (source_key) DO UPDATE SET
            failing_since = excluded.failing_since, error = excluded.error, retry_at = excluded.retry_at
        """,
        # an answer may contain NUL, which PostgreSQL text cannot hold
        {
            "source": source_key,
            "since": failure.failing_since,
            "error": failure.error.replace("\0", "\N{REPLACEMENT CHARACTER}"),
            "retry": failure.retry_at,
        },
    )


def clear_failure(connection: psycopg.Connection, source_key: int) -> None:
    """Delete the failure of a source after a poll that succeeded; the caller commits."""
    connection.execute("DELETE FROM poll_failure WHERE source_key = %s", [source_key])
