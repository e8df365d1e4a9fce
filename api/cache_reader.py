"""Forecasts out of Redis for the event loop: requests that come together are one question to Redis."""

import asyncio
import queue
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from api.backends import ForecastCache

MAX_AT_ONCE = 500
"""Requests that one question to Redis answers at most."""


@dataclass(frozen=True, slots=True)
class _Question:
    """One request that waits: its series, and where its answer belongs."""

    series_ids: Sequence[str]
    answer: "asyncio.Future[list[bytes | None] | None]"


class CacheReader:
    """Asks the cache in a thread of its own, for all requests that wait at once.

    While one question is under way, the requests that arrive form the next one. So a request costs one hand-over
    between threads, the event loop never waits for Redis, and many requests at once cost few questions.
    """

    def __init__(self, cache: ForecastCache, loop: asyncio.AbstractEventLoop) -> None:
        self._cache, self._loop = cache, loop
        self._waiting: queue.SimpleQueue[_Question | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._answer_all, name="cache-reader", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._waiting.put(None)
        self._thread.join(timeout=5)

    async def get(self, series_ids: Sequence[str]) -> list[bytes | None] | None:
        """The forecast of each series, None where there is none; None for all if the cache is away.

        To be awaited in the event loop that the reader was made for.
        """
        answer: asyncio.Future[list[bytes | None] | None] = self._loop.create_future()
        self._waiting.put(_Question(series_ids, answer))
        return await answer

    def _answer_all(self) -> None:
        ended = False
        while not ended:
            waiting = [self._waiting.get()]
            while not self._waiting.empty() and len(waiting) < MAX_AT_ONCE:
                waiting.append(self._waiting.get())
            questions = [question for question in waiting if question is not None]
            ended = len(questions) < len(waiting)
            if questions:
                self._answer(questions)

    def _answer(self, questions: list[_Question]) -> None:
        found: list[bytes | None] | None = None
        failure: Exception | None = None
        try:
            found = self._cache.get([series_id for question in questions for series_id in question.series_ids])
        except Exception as error:  # noqa: BLE001 - raised in each of the requests
            failure = error
        self._loop.call_soon_threadsafe(_hand_over, questions, found, failure)


def _hand_over(questions: list[_Question], found: list[bytes | None] | None, failure: Exception | None) -> None:
    """Give each request its part of what was found; called in the event loop."""
    end = 0
    for question in questions:
        start, end = end, end + len(question.series_ids)
        if question.answer.done():  # its caller is gone
            continue
        if failure is not None:
            question.answer.set_exception(failure)
        else:
            question.answer.set_result(None if found is None else found[start:end])
