"""Many forecasts go to Redis in one call, guarded by the number of the claim and by the sequence."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from pydantic import SecretStr

from dayahead.errors import FencedError
from dayahead.storage.forecast_cache import forecast_key, sequence_key
from dayahead.storage.tables.worker_offset import Claim
from stream.commit.redis_mirror import KEYS_AT_ONCE, NOTHING, CachePosition, RedisMirror, Written

pytestmark = pytest.mark.servers

TOPIC = "observations"


def claim(number: int) -> Claim:
    return Claim(TOPIC, 0, number, 0, 0, None, None)


@pytest.fixture
def mirror(redis_url: str) -> Iterator[RedisMirror]:
    one = RedisMirror(SecretStr(redis_url))
    yield one
    one.close()


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url, decode_responses=True) as one:
        yield one


def test_every_forecast_arrives_and_an_older_claim_writes_none(mirror: RedisMirror, client: redis.Redis) -> None:
    count = 2 * KEYS_AT_ONCE + 1
    forecasts = [(f"DK1/{number}", b"%d" % number) for number in range(count)]
    assert mirror.introduce(claim(7)) == NOTHING
    assert mirror.write(claim(7), 0, 1, forecasts) is Written.BEHIND
    assert client.get(forecast_key("DK1/0")) is None
    assert mirror.write(claim(7), None, 1, forecasts) is Written.DONE
    assert client.mget([forecast_key(f"DK1/{number}") for number in range(count)]) == [str(n) for n in range(count)]
    assert mirror.look([claim(7)]) == [CachePosition(7, 1)]
    # the same once more, as after an answer that was lost, and the one after
    for after, sequence in ((0, 1), (1, 2)):
        assert mirror.write(claim(7), after, sequence, forecasts[:1]) is Written.DONE
    with pytest.raises(FencedError, match="newer claim on partition 0"):
        mirror.write(claim(6), 2, 3, [("DK1/0", b"older"), ("DK1/new", b"older")])
    with pytest.raises(FencedError, match="newer claim on partition 0"):
        mirror.write(claim(6), None, 3, [("DK1/0", b"older"), ("DK1/new", b"older")])
    with pytest.raises(FencedError, match="newer claim on partition 0"):
        mirror.introduce(claim(6))
    assert client.mget([forecast_key("DK1/0"), forecast_key("DK1/new")]) == ["0", None]
    assert mirror.introduce(claim(8)) == 2
    assert mirror.look([claim(8)]) == [CachePosition(8, 2)]


class _Interrupted(RedisMirror):
    """Keeps the parts of a write back, as a network does that delivers them late."""

    def __init__(self, redis_url: SecretStr, at_once: int) -> None:
        super().__init__(redis_url)
        self.at_once, self.late = at_once, list[tuple[list[str], list[Any]]]()
        script = self._write

        def write(keys: list[str], args: list[Any]) -> object:
            if self.at_once:
                self.at_once -= 1
                return script(keys=keys, args=args)
            self.late.append((keys, args))
            return 1

        self._write = write  # type: ignore[assignment]
        self.deliver: Callable[[], list[object]] = lambda: [script(keys=keys, args=args) for keys, args in self.late]


@pytest.mark.parametrize("at_once", [0, 1, 2])
def test_a_fill_that_arrives_late_never_passes_for_the_newest(
    redis_url: str, mirror: RedisMirror, client: redis.Redis, at_once: int
) -> None:
    count = 2 * KEYS_AT_ONCE + 1
    late = _Interrupted(SecretStr(redis_url), at_once)
    late.write(claim(1), None, 5, [(f"DK1/{number}", b"old") for number in range(count)])
    assert mirror.write(claim(1), None, 6, [(f"DK1/{number}", b"new") for number in range(count)]) is Written.DONE
    late.deliver()
    late.close()
    has_sequence = client.get(sequence_key(TOPIC, 0)) == "6"
    has_old = "old" in client.mget([forecast_key(f"DK1/{number}") for number in range(count)])
    assert has_sequence is (at_once > 0)
    assert has_old is not has_sequence
    if not has_sequence:
        assert mirror.look([claim(1)]) == [CachePosition(1, 5)]


def test_a_redis_that_rejects_writes_is_unavailable_until_it_accepts_them(
    mirror: RedisMirror, client: redis.Redis
) -> None:
    assert mirror.write(claim(1), None, 1, [("DK1/0", b"1")]) is Written.DONE
    client.config_set("maxmemory", "1")
    try:
        assert mirror.write(claim(1), 1, 2, [("DK1/0", b"2")]) is Written.AWAY
        assert mirror.look([claim(1)]) is None
        assert "OutOfMemory" in str(mirror.trouble)
    finally:
        client.config_set("maxmemory", "0")
    # not tried before it has been looked at
    assert mirror.write(claim(1), 1, 2, [("DK1/0", b"2")]) is Written.AWAY
    assert mirror.look([claim(1)]) == [CachePosition(1, 1)]
    assert mirror.write(claim(1), 1, 2, [("DK1/0", b"2")]) is Written.DONE
