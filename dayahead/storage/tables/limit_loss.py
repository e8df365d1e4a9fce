"""Which series lose values to the limits of their source: written by the poller, read by the API."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg

from dayahead.reading.limits import LimitLoss


@dataclass(frozen=True)
class StoredLoss:
    """What one series lost lately.

    Attributes:
        outside_hours: values beyond the limits.
        given_hours: values that the poller saw meanwhile, these included.
        extreme: the lost value farthest from 0, in the unit of the source.
    """

    outside_hours: int
    given_hours: int
    extreme: float


def replace_losses(connection: psycopg.Connection, source_key: int, losses: Sequence[LimitLoss], now: datetime) -> None:
    """Write the losses of a source in place of those that were there.

    Args:
        connection: an open connection.
        source_key: the source.
        losses: of its series.
        now: the present moment.
    """
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM limit_loss WHERE source_key = %s", [source_key])
        cursor.executemany(
            "INSERT INTO limit_loss VALUES (%s, %s, %s, %s, %s, %s)",
            [[source_key, loss.series_id, loss.outside, loss.given, loss.extreme, now] for loss in losses],
        )


def read_loss(connection: psycopg.Connection, series_key: int) -> StoredLoss | None:
    """What a series lost lately; None where it lost nothing."""
    row = connection.execute(
        """
        SELECT outside_hours, given_hours, extreme
        FROM limit_loss JOIN series USING (source_key, series_id) WHERE series_key = %s
        """,
        [series_key],
    ).fetchone()
    return None if row is None else StoredLoss(*row)
