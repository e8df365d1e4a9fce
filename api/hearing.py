"""Subscriptions of stream clients: forecasts, the status of the reader, and missed forecasts."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from api.positions import Positions

HELD_BACK = 10_000
"""Forecasts that wait for a slow client before it is disconnected."""


class ReaderState(StrEnum):
    """State of the reader of the topic."""

    STARTING = "starting"
    READING = "reading"
    AWAY = "kafka-away"
    NO_TOPIC = "no-topic"
    UNREADABLE = "cannot-decode"


@dataclass(frozen=True)
class Status:
    """Status of the reader.

    Attributes:
        state: in one word.
        detail: in a sentence, with what to do about it.
    """

    state: ReaderState
    detail: str


@dataclass(frozen=True)
class Made:
    """A new forecast.

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
    """Forecasts that the stream can no longer send to a client.

    Attributes:
        reason: why, in a sentence.
    """

    reason: str


Heard = Made | Missed | Status | None
"""An item of the queue of a client; None means that it was too slow and is disconnected."""

LAGGED: Heard = None


@dataclass(eq=False)
class Subscription:
    """The subscription of one client.

    Attributes:
        loop: the event loop that serves the client.
        wanted: selects its series.
        queue: items that it has not read yet.
        began: position at which its live forecasts begin; None before the reader has found the end of the topic.
        position: its position once its queue is empty; None before the reader has found the end of the topic.
    """

    loop: asyncio.AbstractEventLoop
    wanted: Callable[[str], bool]
    queue: asyncio.Queue[Heard] = field(default_factory=lambda: asyncio.Queue(HELD_BACK + 1))
    began: Positions | None = None
    position: Positions | None = None

    def put(self, items: Sequence[Heard], position: Positions | None) -> None:
        """Queue items; call this in the event loop of the client."""
        self.began = self.began or position
        for item in items:
            if isinstance(item, Made) and not self.wanted(item.series_id):
                continue
            if self.queue.qsize() < HELD_BACK:
                self.queue.put_nowait(item)
            elif self.queue.qsize() == HELD_BACK:
                self.queue.put_nowait(LAGGED)
        self.position = position
