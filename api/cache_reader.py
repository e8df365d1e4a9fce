"""Reads forecasts from the cache in the event loop: concurrent requests share one query."""

import asyncio
from collections.abc import Awaitable, Callable

MAX_AT_ONCE = 500
"""Limit of requests in one query."""

Found = list[bytes | None] | None
Ask = Callable[[list[str]], Awaitable[Found]]


class CacheReader:
    """Sends one query at a time to the cache; belongs to one event loop.

    The requests that arrive while a question is under way form the next one. So many requests at once cost few
    questions, and a single one costs nothing more than its own.

    Args:
        ask: gives the forecast of each series, None where there is none; None for all if the cache is away.
    """

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._asking = False
        self._waiting: list[tuple[list[str], asyncio.Future[Found]]] = []
        self._task: asyncio.Task[None] | None = None  # held, so that it is not collected while it runs

    async def get(self, series_ids: list[str]) -> Found:
        """Get the forecast of each series, None where there is none; None for all if the cache is unreachable."""
        if self._asking:
            answer: asyncio.Future[Found] = asyncio.get_running_loop().create_future()
            self._waiting.append((series_ids, answer))
            return await answer
        self._asking = True
        try:
            return await self._ask(series_ids)
        finally:
            self._go_on()

    def _go_on(self) -> None:
        """Query the cache for the waiting requests, if there are any."""
        questions, self._waiting = self._waiting[:MAX_AT_ONCE], self._waiting[MAX_AT_ONCE:]
        self._asking = bool(questions)
        if questions:
            self._task = asyncio.get_running_loop().create_task(self._answer(questions))

    async def _answer(self, questions: list[tuple[list[str], asyncio.Future[Found]]]) -> None:
        found: Found = None
        failure: Exception | None = None
        try:
            found = await self._ask([series_id for series_ids, _ in questions for series_id in series_ids])
        except Exception as error:  # noqa: BLE001 - raised in each of the requests
            failure = error
        end = 0
        for series_ids, answer in questions:
            start, end = end, end + len(series_ids)
            if answer.done():  # its caller is gone
                continue
            if failure is not None:
                answer.set_exception(failure)
            else:
                answer.set_result(None if found is None else found[start:end])
        self._go_on()
