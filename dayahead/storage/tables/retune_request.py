"""Requests for a training that were received (table `retune_request`), and which of them wait."""

from dataclasses import dataclass
from datetime import datetime

import psycopg

from dayahead.contracts import RetuneRequest
from dayahead.storage.tables.tuning_run import OWN_INITIATIVE

WAITING = """
    SELECT requested_at, requested_by, reason, received_at FROM retune_request
    WHERE received_at > coalesce(
        (SELECT max(started_at) FROM tuning_run
         WHERE outcome IN ('promoted', 'kept', 'saved', 'unchanged') AND requested_by <> ALL(%s)),
        '-infinity')
    ORDER BY received_at, retune_request_key
"""


@dataclass(frozen=True)
class WaitingRequest:
    """A request that no retune has answered.

    Attributes:
        requested_at: when it was made, UTC.
        requested_by: who asks.
        reason: why, in a sentence.
        received_at: when a trainer took it from Kafka, UTC.
    """

    requested_at: datetime
    requested_by: str
    reason: str
    received_at: datetime


def keep_request(connection: psycopg.Connection, request: RetuneRequest, received_at: datetime) -> bool:
    """Write a request down; the caller commits, and only then commits its offset.

    Returns:
        Whether it is new; False where Kafka gave it a second time.
    """
    written = connection.execute(
        """
        INSERT INTO retune_request (requested_at, requested_by, reason, received_at)
        VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING
        """,
        [request.requested_at, _text(request.requested_by), _text(request.reason), received_at],
    )
    return written.rowcount == 1


def waiting_requests(connection: psycopg.Connection) -> list[WaitingRequest]:
    """Requests that were received after the newest retune that trained had started, oldest first."""
    return [WaitingRequest(*row) for row in connection.execute(WAITING, [sorted(OWN_INITIATIVE)]).fetchall()]


def _text(text: str) -> str:
    """PostgreSQL's text holds no NUL, JSON's may."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")
