"""Which series have values rejected by the limits of their source: logged, counted, and stored for the page."""

from collections.abc import Iterable
from datetime import datetime

import psycopg

from dayahead.errors import DeadLetterCode
from dayahead.limit_metrics import LossWarnings
from dayahead.reading.limits import LimitLoss
from dayahead.reading.records import Rejection, Row
from dayahead.record_format import HOUR_MINUTES
from dayahead.source import Source
from dayahead.storage.tables.limit_loss import replace_losses

WATCHED_H = 168
"""Hours up to the newest of a series over which a share is taken."""


class LimitWatch:
    """The values of one source outside its limits, over the last week of each series that has any."""

    def __init__(self, source: Source) -> None:
        """Start with no rejected values.

        Args:
            source: whose limits.
        """
        self._source = source
        self._outside: dict[str, dict[int, float]] = {}
        self._given: dict[str, set[int]] = {}
        self._stored: list[LimitLoss] | None = None
        self._warnings = LossWarnings(source.name)

    def see(self, rejections: Iterable[Rejection], rows: Iterable[Row]) -> None:
        """Add the values of one answer; an hour counts once, however often it is read."""
        lost = [one for one in rejections if one.code is DeadLetterCode.ABSURD_VALUE and one.value is not None]
        for one in lost:
            hour = one.minute // HOUR_MINUTES
            self._outside.setdefault(one.series_id, {})[hour] = one.value or 0.0
            self._given.setdefault(one.series_id, set()).add(hour)
        if not self._outside:
            return
        places = {(one.series_id, one.minute // HOUR_MINUTES) for one in lost}
        for row in rows:
            if row.series_id in self._given:
                self._given[row.series_id].add(row.hour)
                if (row.series_id, row.hour) not in places:  # the publisher replaced the value
                    self._outside[row.series_id].pop(row.hour, None)

    def report(self, connection: psycopg.Connection, source_key: int, now: datetime) -> None:
        """Log, count and store the losses if they changed.

        Args:
            connection: an autocommit connection.
            source_key: the source.
            now: the present moment.
        """
        self._forget()
        losses = [
            LimitLoss(name, len(hours), len(self._given[name]), max(hours.values(), key=abs), self._source)
            for name, hours in sorted(self._outside.items())
        ]
        self._warnings.show(losses)
        if losses != self._stored:
            replace_losses(connection, source_key, losses, now)
            self._stored = losses

    def _forget(self) -> None:
        for name in list(self._outside):
            since = max(self._given[name]) - WATCHED_H
            self._given[name] = {hour for hour in self._given[name] if hour > since}
            self._outside[name] = {hour: value for hour, value in self._outside[name].items() if hour > since}
            if not self._outside[name]:
                del self._outside[name], self._given[name]
