"""What a client of the stream hears: forecasts, how their reader is, and what it has missed."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from api.positions import Positions

HELD_BACK = 10_000
"""Forecasts that wait for a slow client before it is disconnected."""


class ReaderState(StrEnum):
    """What the reader of the topic does."""

    STARTING = "starting"
    READING = "reading"
    AWAY = "kafka-away"
    NO_TOPIC = "no-topic"
    UNREADABLE = "cannot-decode"


@dataclass(frozen=True)
class Status:
    """How the reader is.

    Attributes:
        state: in a word.
        detail: in a sentence, with what to do about it.
    """

    state: ReaderState
    detail: str


@dataclass(frozen=True)
class Made:
    """A forecast that was made.

    Attributes:
        series_id: its series.
        body: its bytes.
        position: where a reader stands behind it.
    """

    series_id: str
    body: bytes
    position: Positions


@dataclass(frozen=True)
class Missed:
    """Forecasts that a client cannot get from the stream any more.

    Attributes:
        reason: why, in a sentence.
    """

    reason: str


Heard = Made | Missed | Status | None
"""What a client hears; None says that it was too slow and hears no more."""

LAGGED: Heard = None


@dataclass(eq=False)
class Subscription:
    """What one client hears.

    Attributes:
        loop: the event loop that the client is served by.
        wanted: which series it listens to.
        queue: what it has not read yet.
        began: where its live forecasts begin; None before the reader has found the end of the topic.
        position: where it stands when its queue is empty; None likewise.
    """

    loop: asyncio.AbstractEventLoop
    wanted: Callable[[str], bool]
    queue: asyncio.Queue[Heard] = field(default_factory=lambda: asyncio.Queue(HELD_BACK + 1))
    began: Positions | None = None
    position: Positions | None = None

    def put(self, items: Sequence[Heard], position: Positions | None) -> None:
        """Hand over; called in the client's loop."""
        self.began = self.began or position
        for item in items:
            if isinstance(item, Made) and not self.wanted(item.series_id):
                continue
            if self.queue.qsize() < HELD_BACK:
                self.queue.put_nowait(item)
            elif self.queue.qsize() == HELD_BACK:
                self.queue.put_nowait(LAGGED)
        self.position = position
