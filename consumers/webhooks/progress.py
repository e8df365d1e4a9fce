"""What of a receiver's messages is done: what may be committed, and what waits."""

import threading
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Place:
    """Where a message is: topic, partition, offset."""

    topic: str
    partition: int
    offset: int


class Progress:
    """Messages that were taken up and are not all done; for several threads.

    An offset may be committed when all messages before it are done.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[Place, float] = {}
        self._next: dict[tuple[str, int], int] = {}

    def start(self, offsets: Mapping[tuple[str, int], int]) -> None:
        """Begin to read partitions.

        Args:
            offsets: of the first message that is not done, by topic and partition.
        """
        with self._lock:
            self._next.update(offsets)

    def begin(self, places: Collection[Place], now_s: float) -> None:
        """Take up messages.

        Args:
            places: of the messages.
            now_s: the present moment, seconds since 1970.
        """
        with self._lock:
            self._open.update(dict.fromkeys(places, now_s))
            for place in places:
                at = (place.topic, place.partition)
                self._next[at] = max(place.offset + 1, self._next.get(at, 0))

    def done(self, place: Place) -> None:
        """Note that a message needs nothing more."""
        with self._lock:
            self._open.pop(place, None)

    def is_open(self, place: Place) -> bool:
        """Whether a message was taken up, is not done, and belongs to this process."""
        with self._lock:
            return place in self._open

    def committable(self) -> dict[tuple[str, int], int]:
        """Return the offset that may be committed, by topic and partition."""
        with self._lock:
            found = dict(self._next)
            for place in self._open:
                at = (place.topic, place.partition)
                found[at] = min(found[at], place.offset)
            return found

    def oldest(self) -> float:
        """Return when the first message was taken up that is not done, seconds since 1970; 0 without any."""
        with self._lock:
            return min(self._open.values(), default=0.0)

    def forget(self, places: Iterable[tuple[str, int]]) -> None:
        """Forget partitions that belong to another process now."""
        gone = set(places)
        with self._lock:
            self._open = {one: at for one, at in self._open.items() if (one.topic, one.partition) not in gone}
            self._next = {at: offset for at, offset in self._next.items() if at not in gone}
