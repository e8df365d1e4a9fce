"""Messages wait by partition, and a busy partition holds up no other."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from stream.group.inbox import Inbox
from tests.event_loop import in_own_loop


class Room:
    """An inbox whose partitions are processed as far as a test lets them."""

    def __init__(self, limit: int = 100) -> None:
        self.done: list[tuple[int, list[str]]] = []
        self.held = {number: asyncio.Event() for number in (1, 2)}
        self.tasks: list[asyncio.Task[None]] = []
        self.inbox = Inbox(process=self._process, start=self._start, limit=limit, within_s=0.001)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        self.tasks.append(asyncio.ensure_future(work))

    async def _process(self, partition: int) -> None:
        taken = self.inbox.take(partition)
        await self.held[partition].wait()
        self.done.append((partition, taken))

    async def end(self) -> None:
        for held in self.held.values():
            held.set()
        async with asyncio.timeout(10):
            await asyncio.gather(*self.tasks)


def test_messages_of_an_idle_partition_that_come_together_are_one_batch_in_their_order() -> None:
    async def scenario() -> Room:
        room = Room()
        for message in "abc":
            await room.inbox.put(1, message)
        await room.end()
        return room

    assert in_own_loop(scenario()).done == [(1, ["a", "b", "c"])]


def test_a_busy_partition_holds_up_no_other_and_takes_what_has_come_meanwhile_as_its_next_batch() -> None:
    async def scenario() -> Room:
        room = Room()
        await room.inbox.put(1, "a")
        async with asyncio.timeout(10):
            while room.inbox.has(1):
                await asyncio.sleep(0)
        await room.inbox.put(1, "b")
        await room.inbox.put(2, "c")
        await room.inbox.put(1, "d")
        room.held[2].set()
        async with asyncio.timeout(10):
            await room.tasks[1]
        assert room.done == [(2, ["c"])]
        await room.end()
        return room

    assert in_own_loop(scenario()).done == [(2, ["c"]), (1, ["a"]), (1, ["b", "d"])]


def test_an_idle_partition_starts_again_with_its_next_message() -> None:
    async def scenario() -> Room:
        room = Room()
        room.held[1].set()
        for message in "ab":
            await room.inbox.put(1, message)
            await asyncio.gather(*room.tasks)
        return room

    assert in_own_loop(scenario()).done == [(1, ["a"]), (1, ["b"])]


def test_a_full_inbox_takes_no_message_until_some_are_taken() -> None:
    async def scenario() -> None:
        room = Room(limit=2)
        await room.inbox.put(1, "a")
        await room.inbox.put(1, "b")
        third = asyncio.ensure_future(room.inbox.put(2, "c"))
        await asyncio.sleep(0)
        assert not third.done()
        async with asyncio.timeout(10):
            await third
        await room.end()
        assert room.done == [(1, ["a", "b"]), (2, ["c"])]

    in_own_loop(scenario())
