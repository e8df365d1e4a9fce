"""How many requests a publisher allows in which time, and how a source file writes it."""

import re
from dataclasses import dataclass
from typing import Self

UNIT_S = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
WRITTEN = re.compile(r"(\d{1,5})/(?:(\d{1,5})-)?(second|minute|hour|day)")
MOST_REQUESTS = 10_000
LONGEST_S = UNIT_S["day"]


@dataclass(frozen=True)
class Rate:
    """At most `requests` requests within any `seconds` seconds."""

    requests: int
    seconds: float

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a rate of a source file: `400/minute`, `1/10-second`.

        Raises:
            ValueError: it is not written so, or not between 1 and 10,000 requests within a day.
        """
        if match := WRITTEN.fullmatch(text):
            requests, seconds = int(match[1]), int(match[2] or 1) * UNIT_S[match[3]]
            if 1 <= requests <= MOST_REQUESTS and 1 <= seconds <= LONGEST_S:
                return cls(requests, seconds)
        raise ValueError(
            f"{text!r} is no rate: write requests/unit with 1 to {MOST_REQUESTS} requests in at most a day, like "
            "400/minute or 1/10-second"
        )

    def __str__(self) -> str:
        """The rate in words, for messages."""
        return f"{self.requests} request{'s' * (self.requests > 1)} in {self.seconds:g} s"
