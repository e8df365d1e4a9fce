"""The virtual clock of the replay: which hours of the data are published so far."""

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
    """How fast hours are published.

    Attributes:
        seconds_per_hour: real seconds from one hour to the next.
        fast_hours: number of hours at the start that use the fast pace.
        fast_seconds_per_hour: real seconds for each of those.
        wait_for_poll: publish an hour only after a poll has fetched the one before.
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
        """Start, or continue from the hour in the state file.

        Args:
            hours: the hours of the data, ascending.
            first_hour: the first hour that is not published at the start.
            pace: how fast hours are published.
            state: file that stores the hour reached.
            monotonic: monotonic clock, in seconds.

        Raises:
            SettingsError: the file is not the state of a replay.
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
        """Record that a poll fetched the newest hours: in lockstep the next hour may be published."""
        with self._lock:
            self._fetched = True

    def move_to(self, end: Hour) -> None:
        """Publish every hour before `end` immediately."""
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
            # In lockstep the next interval starts at the publication; otherwise the schedule is kept.
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
            f"{state} is not the state of a replay ({error}): remove it, or pass another --state"
        ) from error
