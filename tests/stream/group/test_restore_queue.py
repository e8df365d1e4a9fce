"""Partitions are restored one by one, and a caller waits only for its own."""

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from dayahead.errors import FencedError
from stream.group.restore_queue import RestoreQueue

DEADLINE_S = 30
T = TypeVar("T")


class SlowWorker:
    """Restores a partition when it is let."""

    def __init__(self, partitions: list[int]) -> None:
        self.waiting = partitions
        self.let = {partition: threading.Event() for partition in partitions}
        self.ready: set[int] = set()
        self.lost: set[int] = set()

    def to_restore(self) -> list[int]:
        return [partition for partition in self.waiting if partition not in self.ready]

    def is_ready(self, partition: int) -> bool:
        return partition in self.ready

    def restore(self, partition: int) -> None:
        assert self.let[partition].wait(DEADLINE_S)
        if partition in self.lost:
            raise FencedError("taken over")
        self.ready.add(partition)


def in_a_loop(work: Coroutine[Any, Any, T]) -> T:
    """In a new thread: a browser of another test may have left a running loop in this one."""

    async def in_time() -> T:
        return await asyncio.wait_for(work, DEADLINE_S)

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, in_time()).result()


def restoring(worker: SlowWorker, threads: int, ours: set[int], ended: list[BaseException]) -> RestoreQueue:
    return RestoreQueue(
        worker=worker,  # type: ignore[arg-type]
        threads=ThreadPoolExecutor(threads),
        slots=asyncio.Semaphore(threads),
        is_ours=lambda partition: partition in ours,
        end=ended.append,
    )


def test_a_partition_is_worked_on_while_others_are_restored() -> None:
    async def run() -> None:
        worker = SlowWorker([0, 1, 2])
        one = restoring(worker, 2, {0, 1, 2}, [])
        one.begin()
        work = [asyncio.ensure_future(one.work()) for _ in range(2)]
        worker.let[1].set()
        await one.until_ready(1, lambda: False)
        assert worker.ready == {1}
        assert one.is_busy
        worker.let[0].set()
        worker.let[2].set()
        await asyncio.gather(*work)
        assert worker.ready == {0, 1, 2}
        assert not one.is_busy

    in_a_loop(run())


def test_a_new_assignment_waits_for_what_has_begun_and_begins_nothing_further() -> None:
    async def run() -> None:
        worker = SlowWorker([0, 1])
        one = restoring(worker, 1, {0, 1}, [])
        one.begin()
        work = asyncio.ensure_future(one.work())
        await asyncio.sleep(0)
        finish = asyncio.ensure_future(one.finish())
        await asyncio.sleep(0)
        assert not finish.done()
        worker.let[0].set()
        worker.let[1].set()
        await asyncio.gather(finish, work)
        assert worker.ready == {0}

    in_a_loop(run())


def test_a_wait_for_a_revoked_partition_ends() -> None:
    async def run() -> None:
        ours = {0}
        one = restoring(SlowWorker([0]), 1, ours, [])
        waiter = asyncio.ensure_future(one.until_ready(0, lambda: 0 not in ours))
        await asyncio.sleep(0)
        ours.clear()
        await one.look_again()
        await waiter

    in_a_loop(run())


def test_losing_a_partition_while_it_is_restored_ends_the_worker_only_if_nothing_explains_it() -> None:
    async def run(ours: set[int]) -> list[BaseException]:
        worker, ended = SlowWorker([0]), list[BaseException]()
        worker.lost.add(0)
        worker.let[0].set()
        one = restoring(worker, 1, ours, ended)
        one.begin()
        await one.work()
        return ended

    assert in_a_loop(run(set())) == []
    (error,) = in_a_loop(run({0}))
    assert isinstance(error, FencedError)
