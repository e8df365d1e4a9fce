"""Reads which series have values rejected by the limits of their sources, in the poller or a worker."""

from collections.abc import Collection

import psycopg

from dayahead.storage.tables.limit_loss import StoredLoss, read_polled_losses
from dayahead.storage.tables.limit_rejection import read_rejected_losses


def read_losses(connection: psycopg.Connection, series_keys: Collection[int] | None = None) -> list[StoredLoss]:
    """Read the rejected values of series in their newest week, largest share first.

    The poller and the worker count separately; for a series in both counts, the greater one is returned.

    Args:
        connection: an open connection.
        series_keys: only these; None for all.
    """
    found: dict[tuple[str, str], StoredLoss] = {}
    for loss in (
        *read_polled_losses(connection, series_keys),
        *read_rejected_losses(connection, series_keys=series_keys),
    ):
        place = (loss.source, loss.series_id)
        found[place] = max(found.get(place, loss), loss, key=lambda one: one.outside_hours)
    return sorted(found.values(), key=lambda one: (-one.outside_hours / one.given_hours, one.series_id))
