"""Many forecasts go to Redis in one call, guarded by the number of the claim."""

import pytest
import redis
from pydantic import SecretStr

from dayahead.errors import FencedError
from stream.patience import Patience
from stream.redis_mirror import KEYS_AT_ONCE, Memory, RedisMirror

pytestmark = pytest.mark.servers


def test_every_forecast_arrives_and_an_older_claim_writes_none(redis_url: str) -> None:
    count = 2 * KEYS_AT_ONCE + 1
    forecasts = [(f"DK1/{number}", b"%d" % number) for number in range(count)]
    mirror = RedisMirror(SecretStr(redis_url), Patience())
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        client.flushdb()
        assert mirror.write("observations", 0, 7, forecasts) is Memory.EMPTY
        names = [f"dayahead:v1:forecast:DK1/{number}" for number in range(count)]
        assert client.mget(names) == [str(number) for number in range(count)]
        assert mirror.write("observations", 0, 7, forecasts[:1]) is Memory.KEPT
        with pytest.raises(FencedError, match="newer claim on partition 0"):
            mirror.write("observations", 0, 6, [("DK1/0", b"older"), ("DK1/new", b"older")])
        assert client.get("dayahead:v1:forecast:DK1/0") == "0"
        assert client.get("dayahead:v1:forecast:DK1/new") is None
        assert mirror.write("observations", 0, 8, []) is Memory.KEPT
    mirror.close()
