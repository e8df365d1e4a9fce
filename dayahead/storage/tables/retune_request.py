"""Table `retune_request`: received requests for a training, and which of them are pending."""

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
    """A pending request: no retune has answered it.

    Attributes:
        requested_at: when it was made, UTC.
        requested_by: the requester.
        reason: why, in a sentence.
        received_at: when a trainer took it from Kafka, UTC.
    """

    requested_at: datetime
    requested_by: str
    reason: str
    received_at: datetime


def keep_request(connection: psycopg.Connection, request: RetuneRequest, received_at: datetime) -> bool:
    """Write a request; the caller commits, and only then commits its offset.

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
    """Read requests received after the start of the newest retune that trained, oldest first."""
    return [WaitingRequest(*row) for row in connection.execute(WAITING, [sorted(OWN_INITIATIVE)]).fetchall()]


def _text(text: str) -> str:
    """Remove NUL, which JSON text may contain but PostgreSQL text cannot."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")
