"""Retries and errors of both clients, on answers of a server in memory."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx
import pytest

from dayahead.client import AsyncClient, Client, errors, queries
from dayahead.client.query import Query, text_of
from tests.event_loop import in_own_loop

URL = "http://dayahead.test"
PROBLEM = {
    "type": "urn:dayahead:problem:unknown-series",
    "title": "Unknown series",
    "status": 404,
    "detail": "No series 'DK1/112x'. Did you mean DK1/112?",
    "instance": "/v1/series/DK1/112x",
    "close_matches": ["DK1/112"],
}
RETUNE = {"requested_at": "2023-01-01T00:00:00Z", "requested_by": "anna", "reason": "why"}
ALERTS = {"alerts": [], "watchdog": True}


@dataclass
class Server:
    """Gives the answers in order, the last one for ever."""

    answers: list[Callable[[httpx.Request], httpx.Response]]
    requests: list[httpx.Request] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self.answers[min(len(self.requests), len(self.answers)) - 1](request)


def says(status: int, body: object = None, **headers: str) -> Callable[[httpx.Request], httpx.Response]:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda request: httpx.Response(status, json=body, headers=given)


def refuses(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("connection refused", request=request)


def ask_sync(server: Server, query: Query[object], **options: object) -> object:  # type: ignore[type-var]
    transport = httpx.MockTransport(server.answer)
    with Client(URL, transport=transport, sleep=server.waits.append, **options) as client:  # type: ignore[arg-type]
        return client.get(query)  # type: ignore[type-var]


def ask_async(server: Server, query: Query[object], **options: object) -> object:  # type: ignore[type-var]
    async def sleep(seconds: float) -> None:
        server.waits.append(seconds)

    async def ask() -> object:
        transport = httpx.MockTransport(server.answer)
        async with AsyncClient(URL, transport=transport, sleep=sleep, **options) as client:  # type: ignore[arg-type]
            return await client.get(query)  # type: ignore[type-var]

    return in_own_loop(ask())


both = pytest.mark.parametrize("ask", [ask_sync, ask_async])


@both
def test_a_request_that_the_server_puts_off_is_sent_again_after_the_time_that_it_named(ask: Callable) -> None:  # type: ignore[type-arg]
    server = Server([says(429, PROBLEM, retry_after="7"), says(503, PROBLEM), refuses, says(200, ALERTS)])
    assert ask(server, queries.alerts()).watchdog
    assert len(server.requests) == 4
    assert 7 <= server.waits[0] <= 7.5
    assert all(wait <= 2 for wait in server.waits[1:])


@both
def test_what_changes_something_is_sent_again_only_where_it_certainly_had_no_effect(ask: Callable) -> None:  # type: ignore[type-arg]
    wish = queries.request_retune("why", "anna")
    put_off = Server([says(429, PROBLEM, retry_after="1"), says(202, RETUNE)])
    assert ask(put_off, wish).requested_by == "anna"
    for answer, error in ((says(503, PROBLEM), errors.ServerFailed), (refuses, errors.Unreachable)):
        server = Server([answer])
        with pytest.raises(error):
            ask(server, wish)
        assert len(server.requests) == 1


@both
def test_rows_are_sent_again_since_that_changes_nothing(ask: Callable) -> None:  # type: ignore[type-arg]
    taken = {"source": "s", "available_at": "2023-01-01T00:00:00Z", "accepted": 1, "rejected": 0, "errors": []}
    server = Server([says(503, PROBLEM), says(200, taken)])
    rows = [("a/b", datetime(2023, 1, 1, tzinfo=UTC), 1.5)]
    assert ask(server, queries.send_observations("s", rows), token="secret").accepted == 1
    assert server.requests[1].headers["authorization"] == "Bearer secret"
    assert b'["a/b","2023-01-01T00:00:00Z",1.5]' in server.requests[1].content.replace(b" ", b"")


@both
@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (says(404, PROBLEM), errors.NotFound, "Did you mean DK1/112"),
        (says(401, PROBLEM), errors.NotAllowed, "401"),
        (says(422, PROBLEM), errors.Refused, "422"),
        (says(500, PROBLEM), errors.ServerFailed, "500"),
        (says(301, None, location="https://other.test/"), errors.UnexpectedAnswer, "does not redirect"),
        (lambda _: httpx.Response(200, text="<html>login</html>"), errors.UnexpectedAnswer, "check the address"),
        (lambda _: httpx.Response(404, text="<html>nginx</html>"), errors.NotFound, "nginx"),
        (says(429, PROBLEM, retry_after="3600"), errors.TooManyRequests, "429"),
    ],
)
def test_each_failure_has_an_error_of_its_own_and_is_not_asked_again_in_vain(
    ask: Callable,  # type: ignore[type-arg]
    answer: Callable[[httpx.Request], httpx.Response],
    error: type[errors.ClientError],
    message: str,
) -> None:
    server = Server([answer])
    with pytest.raises(error, match=message):
        ask(server, queries.alerts())
    assert len(server.requests) == 1


@both
def test_an_error_says_what_the_api_said(ask: Callable) -> None:  # type: ignore[type-arg]
    with pytest.raises(errors.NotFound) as caught:
        ask(Server([says(404, PROBLEM)]), queries.one_series("DK1/112x"))
    assert (caught.value.kind, caught.value.close_matches) == ("unknown-series", ["DK1/112"])
    with pytest.raises(errors.TooManyRequests) as later:
        ask(Server([says(429, PROBLEM, retry_after="3600")]), queries.alerts())
    assert later.value.retry_after_s == 3600


@both
def test_it_gives_up_after_the_attempts_that_it_was_given(ask: Callable) -> None:  # type: ignore[type-arg]
    server = Server([refuses])
    with pytest.raises(errors.Unreachable, match="connection refused"):
        ask(server, queries.alerts(), attempts=3)
    assert len(server.requests) == 3


def test_a_retry_after_date_is_counted_from_now() -> None:
    now = datetime(2023, 1, 24, 22, 0, tzinfo=UTC)
    assert errors.retry_after_s({"retry-after": "Tue, 24 Jan 2023 22:00:30 GMT"}, now) == 30
    assert errors.retry_after_s({"retry-after": "Tue, 24 Jan 2023 21:00:00 GMT"}, now) == 0
    assert errors.retry_after_s({"retry-after": "soon"}, now) is None


def test_a_moment_without_a_zone_is_refused_before_it_is_sent() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        text_of(datetime(2023, 1, 1))  # noqa: DTZ001 - that is the point


@pytest.mark.parametrize("kind", [Client, AsyncClient])
@pytest.mark.parametrize("base_url", ["ftp://localhost", "localhost:8000", "", "http://", "http://[::1"])
def test_what_is_no_address_of_an_api_is_refused_at_once(kind: type[Client | AsyncClient], base_url: str) -> None:
    with pytest.raises(ValueError, match="is no address of the API"):
        kind(base_url)
