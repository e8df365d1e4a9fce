"""Rebuilds the states of claimed partitions while ready partitions process messages."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

import structlog

from dayahead.errors import FencedError, Stopped
from stream.worker import Worker

log = structlog.get_logger()

YIELD_S = 0.01


class RestoreQueue:
    """Restores one partition at a time on each free thread; call everything here from the event loop.

    Args:
        worker: that holds the partitions.
        threads: to restore on.
        slots: as many as there are threads; one is held while a partition is restored.
        is_ours: whether a partition is currently assigned to this process.
        end: ends the process.
    """

    def __init__(
        self,
        *,
        worker: Worker,
        threads: Executor,
        slots: asyncio.Semaphore,
        is_ours: Callable[[int], bool],
        end: Callable[[BaseException], None],
    ) -> None:
        self._worker, self._threads, self._slots = worker, threads, slots
        self._is_ours, self._end = is_ours, end
        self._waiting: list[int] = []
        self._running: set[asyncio.Future[Any]] = set()
        self._changed = asyncio.Condition()

    @property
    def is_busy(self) -> bool:
        """Whether a state is being rebuilt or waits to be rebuilt."""
        return bool(self._waiting) or not all(future.done() for future in self._running)

    def begin(self) -> None:
        """Queue the partitions to restore; `work` restores them."""
        self._waiting = self._worker.to_restore()

    async def work(self) -> None:
        """Restore queued partitions until the queue is empty; run once for each thread."""
        while self._waiting:
            async with self._slots:
                if self._waiting:
                    await self._restore(self._waiting.pop(0))
            # messages that waited for this partition get the slot first
            await asyncio.sleep(YIELD_S)

    async def _restore(self, partition: int) -> None:
        future = asyncio.get_running_loop().run_in_executor(self._threads, self._worker.restore, partition)
        self._running.add(future)
        try:
            await asyncio.shield(future)
        except (asyncio.CancelledError, Stopped):
            raise
        except FencedError as error:
            if self._is_ours(partition):
                self._end(error)
            log.warning("partition_lost_while_restored", partition=partition, error=str(error))
        except BaseException as error:
            self._end(error)
            raise
        finally:
            future.add_done_callback(self._running.discard)
            await self.look_again()

    async def until_ready(self, partition: int, given_up: Callable[[], bool]) -> None:
        """Wait until the state of a partition is rebuilt, or the wait is given up."""
        if not self._worker.is_ready(partition):
            async with self._changed:
                await self._changed.wait_for(lambda: self._worker.is_ready(partition) or given_up())

    async def look_again(self) -> None:
        """Wake up all waiting tasks, so that they check their condition again."""
        async with self._changed:
            self._changed.notify_all()

    async def finish(self, timeout_s: float | None = None) -> None:
        """Empty the queue and wait for running restores."""
        self._waiting = []
        while self._running:
            _, late = await asyncio.wait(set(self._running), timeout=timeout_s)
            if late and timeout_s is not None:
                return
