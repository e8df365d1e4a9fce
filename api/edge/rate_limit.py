"""Limits the rate of requests by client address, where the settings have a limit."""

import math
import time

from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.types import ASGIApp, Receive, Scope, Send

from api.problems import Problem

EXEMPT = ("/health/", "/metrics")
"""Paths of monitoring, which have no limit."""


class RateLimit:
    """Reject requests over the limit with 429 and the seconds to wait.

    Args:
        app: what answers.
        rate: such as `600/minute`.
    """

    def __init__(self, app: ASGIApp, rate: str) -> None:
        self._app = app
        self._rate = rate
        self._limit = parse(rate)
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] == "http" and not scope["path"].startswith(EXEMPT):
            client = scope["client"][0] if scope.get("client") else ""
            if not self._limiter.hit(self._limit, client):
                await self._refusal(client).response(scope["path"])(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refusal(self, client: str) -> Problem:
        free_at = self._limiter.get_window_stats(self._limit, client).reset_time
        wait_s = max(1, math.ceil(free_at - time.time()))
        return Problem(
            429,
            "too-many-requests",
            "Too many requests",
            f"{client} sent more than {self._rate} (DAYAHEAD_API_RATE_LIMIT): try again in {wait_s} s.",
            headers={"Retry-After": str(wait_s)},
        )
