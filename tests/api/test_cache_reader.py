import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest

from api.cache_reader import MAX_AT_ONCE, CacheReader

T = TypeVar("T")


@dataclass
class GatedCache:
    """A cache that answers once its gate is open, and remembers what it was asked."""

    gate: asyncio.Event = field(default_factory=asyncio.Event)
    asked: list[list[str]] = field(default_factory=list)
    failure: Exception | None = None
    away: bool = False

    async def get(self, series_ids: list[str]) -> list[bytes | None] | None:
        self.asked.append(series_ids)
        await asyncio.wait_for(self.gate.wait(), 30)
        if self.failure:
            raise self.failure
        return None if self.away else [None if name == "none" else name.encode() for name in series_ids]


def in_a_loop(cache: GatedCache, work: Callable[[CacheReader], Coroutine[Any, Any, T]]) -> T:
    async def run() -> T:
        return await work(CacheReader(cache.get))

    with ThreadPoolExecutor(1) as thread:  # this one may have the event loop of a browser
        return thread.submit(asyncio.run, run()).result(60)


def test_requests_that_wait_together_are_one_question_and_each_gets_its_own_part() -> None:
    cache = GatedCache()

    async def work(reader: CacheReader) -> list[list[bytes | None] | None]:
        waiting = [asyncio.ensure_future(reader.get([str(number), "none"])) for number in range(100)]
        await asyncio.sleep(0)  # each has put its question
        cache.gate.set()
        return await asyncio.gather(*waiting)

    assert in_a_loop(cache, work) == [[str(number).encode(), None] for number in range(100)]
    assert [len(asked) for asked in cache.asked] == [2, 198]


def test_a_caller_that_is_gone_takes_nothing_from_the_others() -> None:
    cache = GatedCache()

    async def work(reader: CacheReader) -> list[bytes | None] | None:
        gone, stays = (asyncio.ensure_future(reader.get([name])) for name in ("a", "b"))
        await asyncio.sleep(0)
        gone.cancel()
        cache.gate.set()
        return await stays

    assert in_a_loop(cache, work) == [b"b"]


def test_more_requests_than_one_question_answers_are_asked_for_in_parts() -> None:
    cache = GatedCache()
    cache.gate.set()

    async def work(reader: CacheReader) -> list[list[bytes | None] | None]:
        return await asyncio.gather(*(reader.get([str(number)]) for number in range(1 + MAX_AT_ONCE + 3)))

    assert in_a_loop(cache, work) == [[str(number).encode()] for number in range(1 + MAX_AT_ONCE + 3)]
    assert [len(asked) for asked in cache.asked] == [1, MAX_AT_ONCE, 3]


def test_an_error_reaches_each_request_that_waited_for_it() -> None:
    cache = GatedCache(failure=ValueError("a mistake of ours"))

    async def work(reader: CacheReader) -> list[object]:
        waiting = [asyncio.ensure_future(reader.get([name])) for name in ("a", "b", "c")]
        await asyncio.sleep(0)
        cache.gate.set()
        return await asyncio.gather(*waiting, return_exceptions=True)

    assert [str(error) for error in in_a_loop(cache, work)] == ["a mistake of ours"] * 3


def test_an_unavailable_cache_is_none_and_an_error_is_raised_in_the_request_and_not_kept() -> None:
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
