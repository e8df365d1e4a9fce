"""Messages that wait until their partition is processed: one task a partition, independent of the others."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any


class Inbox:
    """Queues messages by partition and starts the processing of each partition; call it from the event loop.

    A partition that was idle waits a moment for more messages. One that is busy takes all that has come meanwhile as
    its next batch, whatever the other partitions do.
    """

    def __init__(
        self,
        *,
        process: Callable[[int], Awaitable[None]],
        start: Callable[[Coroutine[Any, Any, None]], object],
        limit: int,
        within_s: float,
    ) -> None:
        """Make an empty inbox.

        Args:
            process: takes the messages of a partition with `take` and processes them.
            start: runs a task in the background; an error in it crashes the process.
            limit: messages that wait at most, over all partitions.
            within_s: seconds that an idle partition waits for more messages.
        """
        self._process, self._start = process, start
        self._limit, self._within_s = limit, within_s
        self._waiting: dict[int, list[Any]] = {}
        self._count = 0
        self._busy: set[int] = set()
        self._taken = asyncio.Event()

    async def put(self, partition: int, message: Any) -> None:
        """Queue a message; wait while as many as the limit are waiting."""
        while self._count >= self._limit:
            self._taken.clear()
            await self._taken.wait()
        self._waiting.setdefault(partition, []).append(message)
        self._count += 1
        if partition not in self._busy:
            self._busy.add(partition)
            self._start(self._work(partition))

    def has(self, partition: int) -> bool:
        """Whether messages of a partition wait."""
        return partition in self._waiting

    def take(self, partition: int) -> list[Any]:
        """Remove the waiting messages of a partition, in their order."""
        taken = self._waiting.pop(partition, [])
        self._count -= len(taken)
        self._taken.set()
        return taken

    async def _work(self, partition: int) -> None:
        try:
            await asyncio.sleep(self._within_s)
            while self.has(partition):
                await self._process(partition)
        finally:
            self._busy.discard(partition)
