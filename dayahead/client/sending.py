"""What both clients do alike: build requests, decide on retries, find the next page, read tables."""

from dataclasses import dataclass
from typing import TypeVar

import httpx
import pyarrow as pa
from pydantic import BaseModel, SecretStr

from dayahead.client.errors import AnsweredError, ClientError, ServerFailed, TooManyRequests, Unreachable, error_of
from dayahead.client.query import Query
from dayahead.retry import Backoff

A = TypeVar("A", bound=BaseModel)

JSON = "application/json"
ARROW = "application/vnd.apache.arrow.stream"


def address_of(base_url: str) -> httpx.URL:
    """The address of the API.

    Raises:
        ValueError: it is no http:// or https:// URL with a host.
    """
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL as error:
        raise ValueError(f"{base_url!r} is no address of the API: {error}") from error
    if url.scheme not in {"http", "https"} or not url.host:
        raise ValueError(f"{base_url!r} is no address of the API: write it like http://localhost:8000")
    return url


@dataclass(frozen=True)
class Sending:
    """How requests are sent.

    Attributes:
        token: for changes, None without.
        timeout_s: for each part of a request: connect, send, wait for bytes.
        attempts: failures of one request after which its error is raised.
        longest_wait_s: a Retry-After beyond this is not waited for: the error is raised, and says how long.
    """

    token: SecretStr | None = None
    timeout_s: float = 30.0
    attempts: int = 5
    longest_wait_s: float = 60.0

    @property
    def headers(self) -> dict[str, str]:
        """Headers of every request."""
        return {"Authorization": f"Bearer {self.token.get_secret_value()}"} if self.token else {}

    def request(self, client: httpx.Client | httpx.AsyncClient, query: Query[A], accept: str) -> httpx.Request:
        """Build the request of a query."""
        return client.build_request(
            query.method, query.path, params=dict(query.parameters), json=query.body, headers={"Accept": accept}
        )


class Attempts:
    """The retries of one request."""

    def __init__(self, sending: Sending, *, is_repeatable: bool) -> None:
        self._sending, self._is_repeatable = sending, is_repeatable
        self._backoff = Backoff(first_s=0.5, longest_s=10.0)
        self._failures = 0

    def pause_s(self, error: ClientError) -> float | None:
        """Return the seconds after which to try again; None where the error is to be raised."""
        self._failures += 1
        if self._failures >= self._sending.attempts or not self._may_succeed_later(error):
            return None
        asked_s = error.retry_after_s if isinstance(error, AnsweredError) else None
        if asked_s is not None and asked_s > self._sending.longest_wait_s:
            return None
        return self._backoff.next_pause_s(asked_s)

    def reset(self) -> None:
        """Start again after a success."""
        self._backoff.reset()
        self._failures = 0

    def _may_succeed_later(self, error: ClientError) -> bool:
        if isinstance(error, TooManyRequests):
            return True  # refused before it had an effect
        return self._is_repeatable and (
            isinstance(error, Unreachable) or (isinstance(error, ServerFailed) and error.status in {502, 503, 504})
        )


def unreachable(error: httpx.TransportError, request: str) -> Unreachable:
    """Return the error of a request without an answer.

    Args:
        error: of httpx.
        request: its method and address.
    """
    reason = str(error) or type(error).__name__
    return Unreachable(f"{request}: no answer ({reason}): is `dayahead api` running there?")


def check(response: httpx.Response) -> None:
    """Raise for an answer that is no success.

    Raises:
        ClientError: of the class that fits.
    """
    if not response.is_success:
        raise error_of(response)


def next_page(query: Query[A], answer: BaseModel) -> Query[A] | None:
    """Return the query of the next page; None after the last one."""
    cursor = getattr(answer, "next_cursor", None)
    return query.with_parameter("cursor", cursor) if cursor else None


def next_table(query: Query[A], response: httpx.Response) -> Query[A] | None:
    """Return the query of the next page of a table, from the `Link` header; None after the last one."""
    link = response.links.get("next")
    return query.with_parameter("cursor", httpx.URL(link["url"]).params["cursor"]) if link else None


def read_table(response: httpx.Response) -> pa.Table:
    """Read the body of an answer in Arrow."""
    return pa.ipc.open_stream(response.content).read_all()
