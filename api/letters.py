"""Caches the newest dead letters without their values: reads all once, then only new ones."""

import threading
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from dayahead.dead_letter_box import DeadLetterBox

KEPT = 1_000
ANSWER_S = 3.0


@dataclass(frozen=True)
class Letter:
    """The cached part of a dead letter.

    Attributes:
        offset: its place in the topic.
        written_at: when it was written, UTC.
        fields: all but the value, see `KeptLetter.fields`.
    """

    offset: int
    written_at: datetime
    fields: dict[str, Any]


class Letters(Protocol):
    """Interface of dead letters, which tests replace by a fake."""

    @property
    def topic(self) -> str:
        """Full name of their topic."""

    def newest(self) -> list[Letter]:
        """Read the newest dead letters, newest first."""

    def whole(self, offset: int) -> dict[str, Any]:
        """One letter with its value."""


class NewestLetters:
    """The newest dead letters of the topic. Thread-safe.

    Args:
        bootstrap: brokers, host:port separated by commas.
        topic_prefix: put before the name of the topic.
    """

    def __init__(self, bootstrap: str, topic_prefix: str) -> None:
        self._box = DeadLetterBox(bootstrap, topic_prefix, ANSWER_S)
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, ...], Letter] = {}
        self._end = 0

    @property
    def topic(self) -> str:
        """Full name of their topic."""
        return self._box.topic

    def newest(self) -> list[Letter]:
        """Read the newest 1,000 dead letters, newest first.

        Raises:
            BrokerUnavailable: Kafka did not answer.
        """
        with self._lock:
            low, high = self._box.bounds()
            if high < self._end:  # the topic was created again
                self._kept.clear()
                self._end = 0
            for letter in self._box.scan(KEPT, start=self._end, end=high):
                self._kept.setdefault(letter.origin, Letter(letter.offset, letter.written_at, letter.fields()))
            self._end = high
            gone = [origin for origin, one in self._kept.items() if one.offset < max(low, high - KEPT)]
            for origin in gone:
                del self._kept[origin]
            return sorted(self._kept.values(), key=lambda one: -one.offset)

    def whole(self, offset: int) -> dict[str, Any]:
        """One letter with its value.

        Raises:
            SettingsError: there is none at this offset.
            BrokerUnavailable: Kafka did not answer.
        """
        letter = self._box.at(offset)
        return {**letter.fields(), **letter.value_fields()}
