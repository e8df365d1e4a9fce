import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

import pytest

from api.cache_reader import CacheReader

T = TypeVar("T")


@dataclass
class GatedCache:
    """A cache that answers once its gate is open, and remembers what it was asked."""

    gate: threading.Event = field(default_factory=threading.Event)
    asked: list[list[str]] = field(default_factory=list)
    failure: Exception | None = None
    away: bool = False

    def get(self, series_ids: list[str]) -> list[bytes | None] | None:
        self.asked.append(series_ids)
        assert self.gate.wait(30)
        if self.failure:
            raise self.failure
        return None if self.away else [None if name == "none" else name.encode() for name in series_ids]

    def ping(self) -> bool:
        return True


def in_a_loop(cache: GatedCache, work: Callable[[CacheReader], Awaitable[T]]) -> T:
    async def run() -> T:
        with CacheReader(cache, asyncio.get_running_loop()) as reader:
            return await work(reader)

    with ThreadPoolExecutor(1) as thread:  # this one may have the event loop of a browser
        return thread.submit(asyncio.run, run()).result(60)


def test_requests_that_wait_together_are_one_question_and_each_gets_its_own_part():
    cache = GatedCache()

    async def work(reader: CacheReader) -> list[list[bytes | None] | None]:
        waiting = [asyncio.ensure_future(reader.get([str(number), "none"])) for number in range(100)]
        await asyncio.sleep(0)  # each has put its question
        cache.gate.set()
        return await asyncio.gather(*waiting)

    assert in_a_loop(cache, work) == [[str(number).encode(), None] for number in range(100)]
    assert len(cache.asked) <= 3  # the first may have been taken alone
    assert sum(len(asked) for asked in cache.asked) == 200


def test_a_caller_that_is_gone_takes_nothing_from_the_others():
    cache = GatedCache()

    async def work(reader: CacheReader) -> list[bytes | None] | None:
        gone, stays = (asyncio.ensure_future(reader.get([name])) for name in ("a", "b"))
        await asyncio.sleep(0)
        gone.cancel()
        cache.gate.set()
        return await stays

    assert in_a_loop(cache, work) == [b"b"]


def test_a_cache_that_is_away_is_none_and_an_error_is_raised_in_the_request_and_not_kept():
    cache = GatedCache(away=True)
    cache.gate.set()

    async def work(reader: CacheReader) -> list[list[bytes | None] | None]:
        found = [await reader.get(["a"])]
        cache.failure = ValueError("a mistake of ours")
        with pytest.raises(ValueError, match="a mistake of ours"):
            await reader.get(["a"])
        cache.failure, cache.away = None, False
        return [*found, await reader.get(["a"])]

    assert in_a_loop(cache, work) == [None, [b"a"]]
