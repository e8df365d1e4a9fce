"""Rows already published from the revision window, so that only new and changed ones are sent."""

from collections.abc import Iterable
from hashlib import blake2b

from dayahead.hours import Hour
from dayahead.reading.records import Rejection, Row


class Known:
    """Remembers values and rejections of the revision window, in memory only.

    It is empty after a restart, so the window is published again; the worker drops the duplicates.
    """

    def __init__(self) -> None:
        self._values: dict[tuple[str, Hour], float] = {}
        self._oldest: Hour = 0
        self._rejected: set[bytes] = set()

    def news(self, rows: Iterable[Row]) -> list[Row]:
        """The rows that are new or whose value changed."""
        return [row for row in rows if self._values.get((row.series_id, row.hour)) != row.value]

    def new_rejections(self, rejections: Iterable[Rejection]) -> list[Rejection]:
        """The rejections that are new."""
        return [rejection for rejection in rejections if _mark(rejection) not in self._rejected]

    def remember(self, rows: Iterable[Row], rejections: Iterable[Rejection]) -> None:
        """Store what Kafka acknowledged."""
        self._values.update(((row.series_id, row.hour), row.value) for row in rows)
        self._rejected.update(map(_mark, rejections))

    def forget_before(self, oldest: Hour) -> None:
        """Drop the values of hours that will not be read again."""
        if oldest > self._oldest:
            self._oldest = oldest
            self._values = {place: value for place, value in self._values.items() if place[1] >= oldest}

    def forget_rejections_but(self, rejections: Iterable[Rejection]) -> None:
        """Drop the rejections that the source no longer shows."""
        self._rejected.intersection_update(map(_mark, rejections))


def _mark(rejection: Rejection) -> bytes:
    return blake2b(rejection.code.encode() + rejection.raw(), digest_size=16).digest()
