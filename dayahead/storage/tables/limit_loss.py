"""Table `limit_loss`: values of series that the poller rejected by the limits of their source."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import class_row

from dayahead.reading.limits import LimitLoss


@dataclass(frozen=True)
class StoredLoss:
    """Recently rejected values of one series.

    Attributes:
        source: name of its source.
        series_id: the series.
        outside_hours: number of values outside the limits.
        given_hours: number of all values in the same time.
        extreme: the rejected value farthest from 0, in the unit of the source.
    """

    source: str
    series_id: str
    outside_hours: int
    given_hours: int
    extreme: float


def replace_losses(connection: psycopg.Connection, source_key: int, losses: Sequence[LimitLoss], now: datetime) -> None:
    """Replace the losses of a source.

    Args:
        connection: an open connection.
        source_key: the source.
        losses: of its series.
        now: the present moment.
    """
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM limit_loss WHERE source_key = %s", [source_key])
        cursor.executemany(
            """
            INSERT INTO limit_loss (source_key, series_id, outside_hours, given_hours, extreme, updated_at)
            VALUES (%s, %s, %s, %s, %s, %s)
            """,
            [[source_key, loss.series_id, loss.outside, loss.given, loss.extreme, now] for loss in losses],
        )


def read_polled_losses(connection: psycopg.Connection, series_keys: Collection[int] | None = None) -> list[StoredLoss]:
    """Read the values recently rejected by the poller.

    Args:
        connection: an open connection.
        series_keys: only these; None for all, also series that have no key since all of their values are lost.
    """
    with connection.cursor(row_factory=class_row(StoredLoss)) as cursor:
        return cursor.execute(
            """
            SELECT source.name AS source, series_id, outside_hours, given_hours, extreme
            FROM limit_loss JOIN source USING (source_key) LEFT JOIN series USING (source_key, series_id)
            WHERE %(keys)s::integer[] IS NULL OR series_key = ANY(%(keys)s)
            """,
            {"keys": None if series_keys is None else list(series_keys)},
        ).fetchall()
