"""Forecasts out of the cache for the event loop: requests that come together are one question."""

import asyncio
from collections.abc import Awaitable, Callable

MAX_AT_ONCE = 500
"""Requests that one question answers at most."""

Found = list[bytes | None] | None
Ask = Callable[[list[str]], Awaitable[Found]]


class CacheReader:
    """Asks the cache one question at a time; belongs to one event loop.

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
        """The forecast of each series, None where there is none; None for all if the cache is away."""
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
        """Ask for the requests that have arrived, if any have."""
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
