"""One budget in several processes: each `Budgets` here is what one process has."""

import socket
import threading
from collections.abc import Iterator

import pytest
import redis
from pydantic import SecretStr

from dayahead.errors import SourceUnavailable
from dayahead.reading.http.budget import Budgets
from dayahead.reading.http.rate import Rate
from dayahead.reading.http.shared_budget import AWAY_S, SharedBudget
from tests.ingest.building import ManualTime
from tests.logged import logged_here

SLOW = [Rate(1, 60)]


def process(url: str, time: ManualTime | None = None) -> Budgets:
    """What one process has; its clock stands, that of Redis does not."""
    time = time or ManualTime()
    return Budgets(SharedBudget(SecretStr(url), time.monotonic), time.monotonic)


def pauses_of(budgets: Budgets, rates: list[Rate], host: str = "host") -> list[float]:
    """How long a request would wait."""
    found: list[float] = []

    def pause(seconds: float) -> bool:
        found.append(seconds)
        raise SourceUnavailable("waits")

    try:
        budgets.of(host).wait_turn(rates, pause)
    except SourceUnavailable as error:
        return found or [error.retry_after_s or 0]
    return found


@pytest.mark.servers
def test_two_processes_share_the_rate_of_a_publisher(redis_url: str) -> None:
    one, other = process(redis_url), process(redis_url)
    assert pauses_of(one, SLOW) == []
    (wait_s,) = pauses_of(other, SLOW)
    assert 0 < wait_s <= 60
    assert pauses_of(other, SLOW, "elsewhere") == []


@pytest.mark.servers
def test_many_processes_never_send_more_than_the_rate(redis_url: str) -> None:
    sent: list[int] = []

    def run() -> None:
        budgets = process(redis_url)
        sent.extend(1 for _ in range(20) if pauses_of(budgets, [Rate(30, 600)]) == [])

    threads = [threading.Thread(target=run) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sent) == 30


@pytest.mark.servers
def test_a_429_closes_the_budget_in_all_processes_until_its_retry_after(redis_url: str) -> None:
    one, other = process(redis_url), process(redis_url)
    one.of("host").close(900)
    one.of("host").close(5)
    with pytest.raises(SourceUnavailable) as caught:
        other.of("host").wait_turn([Rate(400, 60)], lambda _: False)
    assert caught.value.retry_after_s == pytest.approx(900, abs=30)


@pytest.mark.servers
def test_a_redis_that_was_emptied_is_not_believed(redis_url: str) -> None:
    budgets = process(redis_url)
    assert pauses_of(budgets, SLOW) == []
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()
    assert pauses_of(budgets, SLOW) == [60]


@pytest.mark.servers
def test_what_redis_holds_expires(redis_url: str) -> None:
    budgets = process(redis_url)
    budgets.of("host").wait_turn(SLOW, lambda _: False)
    budgets.of("host").close(10)
    with redis.Redis.from_url(redis_url) as client:
        lifetimes = [client.ttl(key) for key in client.scan_iter()]
    assert len(lifetimes) == 2
    assert all(0 < seconds <= 86400 for seconds in lifetimes)


@pytest.fixture
def silent() -> Iterator[str]:
    """A Redis that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0"


@pytest.mark.parametrize("hangs", [True, False])
def test_without_redis_a_process_counts_its_own_requests_and_says_so_once(hangs: bool, silent: str) -> None:
    time = ManualTime()
    budgets = process(silent if hangs else "redis://127.0.0.1:1/0", time)
    with logged_here() as lines:
        assert pauses_of(budgets, SLOW) == []
        assert pauses_of(budgets, SLOW) == [60]
        time.seconds += AWAY_S + 60  # Redis is asked again
        assert pauses_of(budgets, SLOW) == []
    assert [line["event"] for line in lines] == ["request_budget_of_this_process_only"]


@pytest.mark.servers
def test_a_redis_that_is_back_is_used_again(redis_url: str) -> None:
    time = ManualTime()
    shared = SharedBudget(SecretStr(redis_url), time.monotonic)
    with redis.Redis.from_url(redis_url) as client:
        client.set("request-budget:1:{host}:sent", "a string where a list should be")
        with logged_here() as lines:
            assert shared.take("host", SLOW) is None
            client.flushdb()
            assert shared.take("host", SLOW) is None, "it is left alone for a while"
            time.seconds += AWAY_S
            assert shared.take("host", SLOW) == 0
    assert [line["event"] for line in lines] == ["request_budget_of_this_process_only", "request_budget_shared_again"]
