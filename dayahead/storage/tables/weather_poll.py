"""Table `weather_poll`: what the poller of a weather source has published, and whether its polls fail."""

from dataclasses import dataclass
from datetime import datetime

import psycopg

from dayahead.hours import Hour, from_hour, to_hour


@dataclass(frozen=True)
class WeatherPoll:
    """How a weather source fares.

    Attributes:
        newest: start of the newest run that Kafka has acknowledged, or the newest observed hour; None before the first.
        published_at: when that was acknowledged.
        polled_at: when a poll last succeeded.
        missed_runs: runs that were due and were not published.
        failing_since: when the first failed poll in a row was; None while polls succeed.
        error: why the newest of them failed, in a sentence.
        retry_at: when the poller tries again.
    """

    newest: Hour | None = None
    published_at: datetime | None = None
    polled_at: datetime | None = None
    missed_runs: int = 0
    failing_since: datetime | None = None
    error: str | None = None
    retry_at: datetime | None = None


COLUMNS = "newest_time, published_at, polled_at, missed_runs, failing_since, error, retry_at"


def read_weather_poll(connection: psycopg.Connection, source: str) -> WeatherPoll:
    """Read how a weather source fares; nothing is published before its first poll."""
    row = connection.execute(
        f"SELECT {COLUMNS} FROM weather_poll WHERE source = %s".encode(),  # noqa: S608 - the names are the code's own
        [source],
    ).fetchone()
    return WeatherPoll() if row is None else _poll(row)


def read_weather_polls(connection: psycopg.Connection) -> dict[str, WeatherPoll]:
    """Read how every weather source fares that was polled, by name."""
    rows = connection.execute(
        f"SELECT source, {COLUMNS} FROM weather_poll".encode()  # noqa: S608 - the names are the code's own
    ).fetchall()
    return {row[0]: _poll(row[1:]) for row in rows}


def _poll(row: tuple[object, ...]) -> WeatherPoll:
    newest, *others = row
    return WeatherPoll(to_hour(newest) if isinstance(newest, datetime) else None, *others)  # type: ignore[arg-type]


def record_weather_poll(
    connection: psycopg.Connection, source: str, newest: Hour | None, missed_runs: int, now: datetime
) -> None:
    """Record a poll that succeeded; the newest time moves forward, never back. The caller commits.

    Args:
        connection: an open connection.
        source: name of the weather source.
        newest: start of the newest run, or the newest observed hour, that Kafka has acknowledged; None: none yet.
        missed_runs: runs that were due and were not published.
        now: the present moment.
    """
    connection.execute(
        """
        INSERT INTO weather_poll AS poll (source, newest_time, published_at, polled_at, missed_runs)
        VALUES (%(source)s, %(newest)s, %(published)s, %(now)s, %(missed)s)
        ON CONFLICT (source) DO UPDATE SET
            published_at = CASE WHEN poll.newest_time IS NULL OR excluded.newest_time > poll.newest_time
                                THEN excluded.published_at ELSE poll.published_at END,
            newest_time = greatest(poll.newest_time, excluded.newest_time),
            polled_at = excluded.polled_at, missed_runs = excluded.missed_runs,
            failing_since = NULL, error = NULL, retry_at = NULL
        """,
        {
            "source": source,
            "newest": None if newest is None else from_hour(newest),
            "published": None if newest is None else now,
            "now": now,
            "missed": missed_runs,
        },
    )


def record_weather_failure(
    connection: psycopg.Connection, source: str, error: str, missed_runs: int, now: datetime, retry_at: datetime
) -> None:
    """Record a poll that failed; `failing_since` stays that of the first in a row. The caller commits.

    Args:
        connection: an open connection.
        source: name of the weather source.
        error: why it failed, in a sentence.
        missed_runs: runs that were due and were not published.
        now: the present moment.
        retry_at: when the poller tries again.
    """
    connection.execute(
        """
        INSERT INTO weather_poll AS poll (source, missed_runs, failing_since, error, retry_at)
        VALUES (%(source)s, %(missed)s, %(now)s, %(error)s, %(retry)s)
        ON CONFLICT (source) DO UPDATE SET
            missed_runs = excluded.missed_runs, error = excluded.error, retry_at = excluded.retry_at,
            failing_since = coalesce(poll.failing_since, excluded.failing_since)
        """,
        {
            "source": source,
            "missed": missed_runs,
            "now": now,
            # an answer may contain NUL, which PostgreSQL text cannot hold
            "error": error.replace("\0", "\N{REPLACEMENT CHARACTER}"),
            "retry": retry_at,
        },
    )
