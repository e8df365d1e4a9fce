"""The newest forecast of every series in Redis, guarded by the number of the partition's claim."""

from collections.abc import Sequence
from enum import IntEnum
from functools import partial

import redis
from pydantic import SecretStr

from dayahead.errors import FencedError
from dayahead.storage.forecasts import forecast_key
from stream.patience import Patience

CLAIM_PREFIX = "dayahead:v1:claim:"
KEYS_AT_ONCE = 500

# One MSET, since a call for each key takes longer than the write. `unpack` takes 8,000 arguments at most.
# A worker whose partition was taken over must not write over its successor: whoever has the greatest claim writes.
SCRIPT = """
local seen = tonumber(redis.call('GET', KEYS[1]) or '-1')
local claim = tonumber(ARGV[1])
if seen > claim then return -1 end
if seen < claim then redis.call('SET', KEYS[1], ARGV[1]) end
if #ARGV > 1 then redis.call('MSET', unpack(ARGV, 2)) end
if seen == -1 then return 0 end
return 1
"""


class Memory(IntEnum):
    """What Redis knew of the partition before a write."""

    EMPTY = 0
    KEPT = 1


class RedisMirror:
    """Writes forecasts of a partition to Redis; waits for a Redis that is away."""

    def __init__(self, redis_url: SecretStr, patience: Patience) -> None:
        self._client = redis.Redis.from_url(
            redis_url.get_secret_value(), socket_timeout=10, socket_connect_timeout=5, health_check_interval=30
        )
        self._script = self._client.register_script(SCRIPT)
        self._patience = patience

    def write(self, topic: str, partition: int, claim: int, forecasts: Sequence[tuple[str, bytes]]) -> Memory:
        """Set the newest forecasts of some series.

        Args:
            topic: full name of the topic of observations.
            partition: number of the partition that all the series belong to.
            claim: number of the worker's claim on it.
            forecasts: pairs of series_id and the bytes of its newest forecast.

        Returns:
            EMPTY where Redis remembered nothing of the partition: it is new or was emptied, so all must be written.

        Raises:
            FencedError: another worker has taken the partition over.
            Stopping: the worker was asked to end while it waited.
        """
        memory = Memory.KEPT
        for start in range(0, max(1, len(forecasts)), KEYS_AT_ONCE):
            part = forecasts[start : start + KEYS_AT_ONCE]
            key = f"{CLAIM_PREFIX}{topic}:{partition}"
            pairs = [text for series_id, value in part for text in (forecast_key(series_id), value)]
            attempt = partial(self._script, keys=[key], args=[claim, *pairs])
            answer = self._patience.insist("Redis", attempt, (redis.RedisError,))
            if answer < 0:
                raise FencedError(
                    f"Redis has a newer claim on partition {partition} of {topic} than {claim}: another worker has "
                    "taken it over, so this one must end (it is started again). If TimescaleDB was restored from a "
                    f"backup, delete the key {key} of Redis"
                )
            if answer == Memory.EMPTY:
                memory = Memory.EMPTY
        return memory

    def close(self) -> None:
        """Leave Redis."""
        self._client.close()
