"""The virtual clock of the replay: which hours of the data have been published by now."""

import os
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson
import structlog

from dayahead.errors import SettingsError
from dayahead.hours import Hour, format_utc, from_hour, parse_utc, to_hour

log = structlog.get_logger()


@dataclass(frozen=True)
class Pace:
    """How quickly hours are published.

    Attributes:
        seconds_per_hour: real seconds from one hour to the next.
        fast_hours: hours at the beginning that have a pace of their own.
        fast_seconds_per_hour: real seconds for each of those.
        wait_for_poll: an hour is held back until a poll has been answered since the one before was published.
    """

    seconds_per_hour: float = 5.0
    fast_hours: int = 0
    fast_seconds_per_hour: float = 0.0
    wait_for_poll: bool = False


class ReplayClock:
    """Publishes the hours of a data file one by one, as their publisher once did. Thread-safe."""

    def __init__(
        self,
        hours: Sequence[Hour],
        first_hour: Hour,
        pace: Pace,
        *,
        state: Path | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start, or go on where the state file says that it stood.

        Args:
            hours: hours that the data have, ascending.
            first_hour: the first hour that is not yet published at the very start.
            pace: how quickly it goes.
            state: file that remembers the hour reached.
            monotonic: seconds of a clock that only goes forward.

        Raises:
            SettingsError: the state file is not one of ours.
        """
        self._hours, self._pace, self._state, self._monotonic = hours, pace, state, monotonic
        self._first = bisect_left(hours, first_hour)
        self._published = max(self._first, bisect_left(hours, _remembered(state)))
        self._since = monotonic()
        self._fetched = True
        self._lock = threading.Lock()

    @property
    def end(self) -> Hour:
        """The hour after the newest that is published: the virtual present."""
        with self._lock:
            self._advance()
            return self._end()

    @property
    def is_over(self) -> bool:
        """Whether all hours are published."""
        with self._lock:
            return self._published == len(self._hours)

    def fetched(self) -> None:
        """A poll that asked for the newest hours has been answered: in lockstep the next one may come."""
        with self._lock:
            self._fetched = True

    def move_to(self, end: Hour) -> None:
        """Publish every hour before `end` at once (for tests and for people in a hurry)."""
        with self._lock:
            self._published = max(self._published, bisect_left(self._hours, end))
            self._since, self._fetched = self._monotonic(), False
            self._remember()

    def _end(self) -> Hour:
        return self._hours[self._published - 1] + 1 if self._published else self._hours[0]

    def _advance(self) -> None:
        before = self._published
        now = self._monotonic()
        while self._published < len(self._hours) and (self._fetched or not self._pace.wait_for_poll):
            needed_s = self._seconds_for(self._published)
            if now - self._since < needed_s:
                break
            self._published += 1
            self._fetched = False
            # In lockstep the next hour's time starts with its publication, else the schedule is kept.
            self._since = now if self._pace.wait_for_poll else self._since + needed_s
        if self._published != before:
            self._remember()

    def _seconds_for(self, index: int) -> float:
        fast = index - self._first < self._pace.fast_hours
        return self._pace.fast_seconds_per_hour if fast else self._pace.seconds_per_hour

    def _remember(self) -> None:
        log.info("replayed", until=format_utc(from_hour(self._end())), left=len(self._hours) - self._published)
        if self._state is None:
            return
        self._state.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self._state.with_name(self._state.name + ".unfinished")
        unfinished.write_bytes(orjson.dumps({"end": format_utc(from_hour(self._end()))}))
        os.replace(unfinished, self._state)


def _remembered(state: Path | None) -> Hour:
    if state is None or not state.exists():
        return 0
    try:
        return to_hour(parse_utc(orjson.loads(state.read_bytes())["end"]))
    except (ValueError, KeyError, TypeError) as error:
        raise SettingsError(
            f"{state} is not the state of a replay ({error}): remove it, or name another --state"
        ) from error
