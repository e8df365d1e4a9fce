"""The requests of all processes to one publisher, counted in Redis.

Redis is neither waited for nor believed (decision 76): a process also counts its own requests, asks with a short
timeout, and leaves Redis alone for a while after an error.
"""

import time
from collections.abc import Callable, Sequence

import redis
import structlog
from pydantic import SecretStr
from redis.backoff import NoBackoff
from redis.retry import Retry

from dayahead.reading.http.rate import LONGEST_S, MOST_REQUESTS, Rate

log = structlog.get_logger()

ANSWER_S = 1.0
AWAY_S = 30.0
"""Seconds after an error in which Redis is not asked."""

# KEYS: the times of the newest requests, microseconds; and the key that exists while the publisher wants no request.
# ARGV: how many times to keep, their lifetime in ms, then requests and microseconds of each rate.
# A request is counted only where every rate has room for it. Returns the microseconds to wait, 0: go.
TAKE = """
local closed_ms = redis.call('PTTL', KEYS[2])
if closed_ms > 0 then return closed_ms * 1000 end
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local wait = 0
for i = 3, #ARGV, 2 do
  local oldest = redis.call('LINDEX', KEYS[1], -ARGV[i])
  if oldest then wait = math.max(wait, oldest + ARGV[i + 1] - now) end
end
if wait > 0 then return wait end
redis.call('RPUSH', KEYS[1], string.format('%.0f', now))
redis.call('LTRIM', KEYS[1], -ARGV[1], -1)
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 0
"""

# A later end wins: another process may have been asked to stay away for longer.
CLOSE = """
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], '1', 'PX', ARGV[1]) end
return 0
"""


class SharedBudget:
    """Counts requests in Redis, exactly: no window of a rate ever has more requests than the rate. Thread-safe."""

    def __init__(self, redis_url: SecretStr, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Connect with the first request.

        Args:
            redis_url: as a redis:// URL.
            monotonic: monotonic clock, in seconds.
        """
        client = redis.Redis.from_url(
            redis_url.get_secret_value(),
            socket_timeout=ANSWER_S,
            socket_connect_timeout=ANSWER_S,
            retry=Retry(NoBackoff(), 0),
        )
        self._take, self._close = client.register_script(TAKE), client.register_script(CLOSE)
        self._monotonic = monotonic
        self._away_until: float | None = None

    def take(self, name: str, rates: Sequence[Rate]) -> float | None:
        """Count a request if every rate has room for it.

        Args:
            name: of the budget.
            rates: of the publisher.

        Returns:
            Seconds to wait before asking again; 0: the request is counted, send it; None: Redis does not answer.
        """
        limits = [number for rate in rates for number in (rate.requests, round(rate.seconds * 1e6))]
        wait_us = self._ask(lambda: self._take(_keys(name), [MOST_REQUESTS, LONGEST_S * 1000, *limits]))
        return wait_us / 1e6 if isinstance(wait_us, int) else None

    def close(self, name: str, seconds: float) -> None:
        """Allow no request for a while, in no process.

        Args:
            name: of the budget.
            seconds: from now.
        """
        if seconds > 0:
            self._ask(lambda: self._close(_keys(name)[1:], [round(seconds * 1000) or 1]))

    def _ask(self, script: Callable[[], object]) -> object:
        if self._away_until is not None and self._monotonic() < self._away_until:
            return None
        try:
            answer = script()
        except redis.RedisError as error:
            if self._away_until is None:
                log.warning(
                    "request_budget_of_this_process_only",
                    reason=f"Redis: {error}",
                    remedy="requests of other processes are not counted until Redis answers: check DAYAHEAD_REDIS_URL",
                )
            self._away_until = self._monotonic() + AWAY_S
            return None
        if self._away_until is not None:
            log.info("request_budget_shared_again")
            self._away_until = None
        return answer


def _keys(name: str) -> list[str]:
    slot = f"request-budget:1:{{{name}}}"  # both keys in one slot of a cluster
    return [f"{slot}:sent", f"{slot}:closed"]
