"""The newest forecast of every series in Redis, guarded by the claim on the partition and by a sequence.

No call waits for Redis. A failed write marks it as away, and every later call returns AWAY at once until `look` reaches
it again: a Redis that hangs costs one timeout, not one a batch.
"""

import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import redis
import structlog
from pydantic import SecretStr
from redis.backoff import NoBackoff
from redis.retry import Retry

from dayahead.errors import FencedError
from dayahead.storage.forecast_cache import claim_key, forecast_key, sequence_key
from dayahead.storage.tables.worker_offset import Claim
from stream.partition import metrics

log = structlog.get_logger()

CONNECT_S = 1.0
ANSWER_S = 2.0
KEYS_AT_ONCE = 500
ALIVE_KEY = "dayahead:v1:alive"
ALIVE_S = 60

# One MSET, since a call for each key takes longer than the write. `unpack` takes 8,000 arguments at most.
# A worker whose partition was taken over must not overwrite its successor: only the greatest claim may write.
# A write after a checkpoint that Redis has not seen is rejected: Redis was emptied, restored, or unreachable. A write
# that timed out may still arrive minutes later: it finds another sequence, or another fill, and is rejected as well.
# ARGV: claim, two sequences of which Redis must have one (ANY for none), the one to set ('' for none), pairs.
WRITE = """
local claim = tonumber(ARGV[1])
local seen = tonumber(redis.call('GET', KEYS[1]) or '-1')
if seen > claim then return -1 end
if seen < claim then redis.call('SET', KEYS[1], ARGV[1]) end
local sequence = redis.call('GET', KEYS[2])
if ARGV[2] ~= '*' and sequence ~= ARGV[2] and sequence ~= ARGV[3] then return 0 end
if #ARGV > 4 then redis.call('MSET', unpack(ARGV, 5)) end
if ARGV[4] ~= '' then redis.call('SET', KEYS[2], ARGV[4]) end
return 1
"""
ANY = "*"

INTRODUCE = """
local seen = tonumber(redis.call('GET', KEYS[1]) or '-1')
if seen > tonumber(ARGV[1]) then return -2 end
redis.call('SET', KEYS[1], ARGV[1])
return tonumber(redis.call('GET', KEYS[2]) or '-1') or -1
"""
FENCED = -2
NOTHING = -1


class Written(IntEnum):
    """Outcome of a write."""

    BEHIND = 0
    """Redis does not have the sequence before, so nothing was written: it was emptied, restored, or unreachable."""
    DONE = 1
    AWAY = 2
    """Redis did not answer, or rejected the write; whether it has the write is unknown."""


@dataclass(frozen=True)
class CachePosition:
    """Claim and sequence of a partition in Redis, -1 where it has none."""

    claim: int
    sequence: int


class RedisMirror:
    """Writes forecasts of partitions to Redis. Thread-safe."""

    def __init__(self, redis_url: SecretStr) -> None:
        self._client = redis.Redis.from_url(
            redis_url.get_secret_value(),
            socket_timeout=ANSWER_S,
            socket_connect_timeout=CONNECT_S,
            health_check_interval=30,
            retry=Retry(NoBackoff(), 0),
        )
        self._write = self._client.register_script(WRITE)
        self._introduce = self._client.register_script(INTRODUCE)
        self._lock = threading.Lock()
        self._trouble: str | None = None
        metrics.REDIS_AWAY.set(0)

    @property
    def is_away(self) -> bool:
        """Whether the last call did not reach Redis."""
        return self._trouble is not None

    @property
    def trouble(self) -> str | None:
        """The last error of Redis or of the connection to it; None where it is reachable."""
        return self._trouble

    def write(self, claim: Claim, after: int | None, sequence: int, forecasts: Sequence[tuple[str, bytes]]) -> Written:
        """Set the newest forecasts of some series.

        Args:
            claim: of the worker, on the partition that all the series belong to.
            after: the sequence that Redis must have already; None to fill it with all series, whatever it has.
            sequence: that it has afterwards.
            forecasts: pairs of series_id and the bytes of its newest forecast.

        Raises:
            FencedError: another worker has taken the partition over.
        """
        if self.is_away:
            return Written.AWAY
        starts = range(0, max(1, len(forecasts)), KEYS_AT_ONCE)
        fill = f"fill-{secrets.token_hex(8)}"
        for start in starts:
            is_first, is_last = start == 0, start == starts[-1]
            if after is not None:
                guard = [after, sequence, sequence if is_last else ""]
            else:
                # no number while it is being filled: the API then reads TimescaleDB
                guard = [ANY if is_first else fill, fill, sequence if is_last else fill]
            written = self._write_part(claim, guard, forecasts[start : start + KEYS_AT_ONCE])
            if written is not Written.DONE:
                return written
        return Written.DONE

    def _write_part(self, claim: Claim, guard: list[str | int], forecasts: Sequence[tuple[str, bytes]]) -> Written:
        pairs = [text for series_id, value in forecasts for text in (forecast_key(series_id), value)]
        try:
            answer = self._write(keys=_keys_of(claim), args=[claim.number, *guard, *pairs])
        except redis.RedisError as error:
            self._note(error)
            return Written.AWAY
        if answer < 0:
            raise _fenced(claim)
        return Written(answer)

    def introduce(self, claim: Claim) -> int | None:
        """Register a claim in Redis, so that the former owner is fenced there too.

        Returns:
            The sequence that Redis has of the partition, -1 where it has none; None where it is unreachable.

        Raises:
            FencedError: another worker has taken the partition over.
        """
        if self.is_away:
            return None
        try:
            answer = int(self._introduce(keys=_keys_of(claim), args=[claim.number]))
        except redis.RedisError as error:
            self._note(error)
            return None
        if answer == FENCED:
            raise _fenced(claim)
        return answer

    def look(self, claims: Sequence[Claim]) -> list[CachePosition] | None:
        """Read what Redis has of partitions; None where it is unreachable. Only this call retries."""
        keys = [key for one in claims for key in _keys_of(one)]
        try:
            # a write as well: a Redis that is full or a replica answers reads and rejects every write
            self._client.set(ALIVE_KEY, 1, ex=ALIVE_S)
            found = self._client.mget(keys) if keys else []
        except redis.RedisError as error:
            self._note(error)
            return None
        self._note(None)
        numbers = [int(value) if value is not None and value.isdigit() else NOTHING for value in found]
        return [CachePosition(*pair) for pair in zip(numbers[::2], numbers[1::2], strict=True)]

    def _note(self, error: redis.RedisError | None) -> None:
        trouble = None if error is None else f"{type(error).__name__}: {error}".strip()[:300]
        with self._lock:
            before, self._trouble = self._trouble, trouble
        metrics.REDIS_AWAY.set(trouble is not None)
        if trouble is not None and before is None:
            log.warning(
                "redis_unavailable", error=trouble, next="forecasts go to TimescaleDB and Kafka; Redis is filled later"
            )
        if trouble is None and before is not None:
            log.info("redis_recovered")

    def close(self) -> None:
        """Close the connection to Redis."""
        self._client.close()


def _keys_of(claim: Claim) -> list[str]:
    return [claim_key(claim.topic, claim.partition), sequence_key(claim.topic, claim.partition)]


def _fenced(claim: Claim) -> FencedError:
    key = claim_key(claim.topic, claim.partition)
    return FencedError(
        f"Redis has a newer claim on partition {claim.partition} of {claim.topic} than {claim.number}: another worker "
        "has taken it over, so this one exits and is restarted. If TimescaleDB was restored from a backup, "
        f"delete the key {key} of Redis"
    )
