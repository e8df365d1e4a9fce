"""Requests to a real server on this machine; what a kind makes of its answers is tested with the kind."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
import structlog
from pydantic import SecretStr

from dayahead.errors import SettingsError, SourceError, SourceRefused, SourceUnavailable
from dayahead.reading.http.budget import Budgets
from dayahead.reading.http.client import http_client
from dayahead.reading.http.fetcher import Fetcher
from dayahead.reading.http.key import Key, key_of
from dayahead.reading.http.rate import Rate
from tests.ingest.building import NOW, ManualTime

SECRET = "s3cret+key/=1"
IN_QUERY = Key("test", SecretStr(SECRET), "query", "token")
IN_HEADER = Key("test", SecretStr(SECRET), "header", "Authorization", "Bearer ")

Seen = list[tuple[str, dict[str, str]]]
Answering = Callable[[str], tuple[int, bytes, dict[str, str]]]


@contextmanager
def serving(answer: Answering) -> Iterator[tuple[str, Seen]]:
    """A server; gives its address and the requests that it has seen."""
    seen: Seen = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
            status, body, headers = answer(self.path)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/api", seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def fetching(
    status: int = 200, body: bytes = b"{}", headers: dict[str, str] | None = None, **options: Any
) -> Iterator[tuple[Fetcher, Seen]]:
    """A fetcher whose server always gives the same answer."""
    with serving(lambda _: (status, body, headers or {})) as (address, seen), http_client(address, 10) as client:
        given = {"what": "data", "clock": lambda: NOW, "pause": lambda _: False, **options}
        yield Fetcher(client, **given), seen


def test_it_sends_paths_parameters_headers_and_who_it_is() -> None:
    with fetching(key=IN_HEADER) as (fetcher, seen):
        reply = fetcher.get("/v1/values?a=1", {"b": "x y"}, headers={"Accept": "text/csv"})
    ((path, headers),) = seen
    assert path in ("/api/v1/values?a=1&b=x+y", "/api/v1/values?a=1&b=x%20y")
    assert headers["accept"] == "text/csv"
    assert headers["authorization"] == f"Bearer {SECRET}"
    assert headers["user-agent"].startswith("dayahead ")
    assert (reply.status, reply.json()) == (200, {})


def test_a_whole_url_of_the_same_host_is_asked_and_another_host_never_sees_the_key() -> None:
    with fetching(key=IN_QUERY) as (fetcher, seen):
        address = fetcher.name.removeprefix("data at ").removesuffix("/api/")
        fetcher.get(f"{address}/next?page=2")
        with pytest.raises(SourceRefused, match=r"another host"):
            fetcher.get("http://127.0.0.2:1/next")
    assert [path for path, _ in seen] == ["/next?page=2&token=s3cret%2Bkey%2F%3D1"]


@pytest.mark.parametrize(
    ("status", "headers", "error", "cause"),
    [
        (429, {"Retry-After": "12"}, SourceUnavailable, "rate_limited"),
        (503, {"Retry-After": "12"}, SourceUnavailable, "server_error"),
        (500, {}, SourceUnavailable, "server_error"),
        (408, {}, SourceUnavailable, "server_error"),
        (400, {}, SourceRefused, None),
        (404, {}, SourceRefused, None),
        (204, {}, SourceRefused, None),
    ],
)
def test_a_status_says_whether_a_retry_may_help(
    status: int, headers: dict[str, str], error: type[SourceError], cause: str | None
) -> None:
    with fetching(status, b"" if status == 204 else b"words", headers) as (fetcher, _), pytest.raises(error) as caught:
        fetcher.get()
    assert getattr(caught.value, "cause", None) == cause
    assert getattr(caught.value, "retry_after_s", None) == (12 if headers else None)


def test_a_status_that_a_kind_accepts_is_an_answer() -> None:
    with fetching(400, b"no data") as (fetcher, _):
        assert fetcher.get(accepted=(200, 400)).words == "no data"


def test_after_a_429_with_retry_after_nothing_is_asked_with_its_budget() -> None:
    time = ManualTime()
    budget = Budgets(monotonic=time.monotonic).of("host")
    with fetching(429, headers={"Retry-After": "300"}, budget=budget) as (fetcher, seen):
        with pytest.raises(SourceUnavailable, match="429"):
            fetcher.get()
        with pytest.raises(SourceUnavailable, match="300 s"):
            fetcher.get()
        assert len(seen) == 1
        time.seconds += 300
        with pytest.raises(SourceUnavailable, match="429"):
            fetcher.get()


def test_each_request_is_counted() -> None:
    time = ManualTime()
    budget = Budgets(monotonic=time.monotonic).of("host")
    with fetching(budget=budget, rates=[Rate(2, 60)], pause=time.pause) as (fetcher, _):
        for _ in range(3):
            fetcher.get()
    assert time.pauses == [60]


def test_a_body_over_the_limit_is_refused_while_it_is_read() -> None:
    with (
        fetching(body=b"x" * 1000, max_body_bytes=999) as (fetcher, _),
        pytest.raises(SourceRefused, match=r"more than 999 bytes.*page_h"),
    ):
        fetcher.get()


def test_html_where_json_should_be_is_a_bad_answer() -> None:
    with fetching(body=b"<html> <p>maintenance") as (fetcher, _), pytest.raises(SourceUnavailable) as caught:
        fetcher.get().json()
    assert caught.value.cause == "bad_answer"
    assert "maintenance" in str(caught.value)


def test_a_body_that_ends_early_is_unavailable() -> None:
    with fetching(body=b"{}", headers={"Content-Length": "10"}) as (fetcher, _), pytest.raises(SourceUnavailable):
        fetcher.get()


@pytest.mark.parametrize("key", [IN_QUERY, IN_HEADER])
@pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 404, 429, 500])
def test_the_key_is_shown_nowhere(key: Key, status: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    repeated = f"you sent {SECRET} and token=s3cret%2Bkey%2F%3D1"
    headers = {"Location": f"/api/?token={SECRET}"} if status == 302 else {}
    shown = ""
    with (
        structlog.testing.capture_logs() as lines,
        fetching(status, repeated.encode(), headers, key=key) as (one, seen),
    ):
        try:
            shown += one.get().words
        except SourceError as error:
            while error is not None:
                shown += repr(error) + str(error.__notes__ if hasattr(error, "__notes__") else "")
                error = error.__cause__  # type: ignore[assignment]
    shown += caplog.text + repr(lines) + repr(one) + repr(key)
    assert len(seen) == 1
    assert SECRET in seen[0][1].get("authorization", "") or "s3cret%2Bkey%2F%3D1" in seen[0][0]
    assert "s3cret" not in shown


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_named_by_its_setting(status: int) -> None:
    with (
        fetching(status, b"bad key", key=IN_QUERY) as (fetcher, _),
        pytest.raises(SourceRefused, match=r"bad key\. The key 'test' is refused: check DAYAHEAD_SOURCE_KEYS__TEST"),
    ):
        fetcher.get()


def test_a_short_key_does_not_change_the_data() -> None:
    short = Key("test", SecretStr("17"), "query", "token")
    with fetching(body=b'{"value": 1170}', key=short) as (fetcher, _):
        assert fetcher.get().json() == {"value": 1170}


def test_a_missing_key_names_the_variable_to_set() -> None:
    for keys in ({}, {"entsoe": SecretStr("  ")}, {"other": SecretStr("x")}):
        with pytest.raises(SettingsError, match="set DAYAHEAD_SOURCE_KEYS__ENTSOE"):
            key_of("load", "entsoe", keys, "query", "securityToken")
