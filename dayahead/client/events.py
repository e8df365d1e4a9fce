"""The stream of forecasts: its events, and what to do when it ends."""

from dataclasses import dataclass

import httpx
import orjson
from httpx_sse import ServerSentEvent
from pydantic import TypeAdapter, ValidationError

from dayahead.client import answers
from dayahead.client.errors import UnexpectedAnswer, Unreachable

PATH = "/v1/forecasts/stream"
SILENCE_S = 60.0
"""The server sends a comment every 15 s: a longer silence is a broken connection."""

_FORECAST = TypeAdapter(answers.ForecastAnswer)


@dataclass(frozen=True)
class Status:
    """Whether the server can read new forecasts.

    Attributes:
        state: such as `reading` or `kafka-away`.
        detail: in a sentence.
    """

    state: str
    detail: str


@dataclass(frozen=True)
class Missed:
    """Forecasts were missed that the stream cannot send again: read `queries.forecasts()`, and keep listening.

    Attributes:
        reason: in a sentence.
    """

    reason: str


Event = answers.ForecastAnswer | Status | Missed
"""What `Client.stream` gives."""


class Position:
    """Where a stream has got to, so that it resumes there on a new connection."""

    def __init__(self) -> None:
        self._last_id = ""

    @property
    def headers(self) -> dict[str, str]:
        """Headers of the next connection."""
        return {"Last-Event-ID": self._last_id} if self._last_id else {}

    def take(self, event: ServerSentEvent) -> Event | None:
        """Read an event; None for one that only concerns the connection.

        Raises:
            UnexpectedAnswer: it is not what the API sends.
        """
        self._last_id = event.id or self._last_id
        try:
            if event.event == "forecast":
                return _FORECAST.validate_json(event.data)
            if event.event == "status":
                said = orjson.loads(event.data)
                return Status(said["state"], said["detail"])
            if event.event == "reset":
                return Missed(orjson.loads(event.data)["reason"])
        except (ValidationError, orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise UnexpectedAnswer(f"{PATH} sent an event {event.event!r} that is not understood: {error}") from error
        return None


def stream_query(area: str | None, series_ids: tuple[str, ...]) -> httpx.QueryParams:
    """Return the parameters of the stream."""
    return httpx.QueryParams({"series_id": series_ids} | ({"area": area} if area else {}))


def asked(base_url: httpx.URL) -> str:
    """Return the request of the stream as errors name it."""
    return f"GET {str(base_url).rstrip('/')}{PATH}"


def ended() -> Unreachable:
    """Return the error of a stream that the server has ended."""
    return Unreachable(f"GET {PATH}: the server ended the stream, and does not take it up again")
