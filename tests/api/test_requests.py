"""What holds for each request, whichever resource it asks: HEAD, ETag, Accept, unknown parameters, token and body."""

import re
import socket
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest
from fastapi.routing import APIRoute, iter_route_contexts
from fastapi.testclient import TestClient

from api.app import create_app
from api.edge.route import Route
from api.settings import ApiSettings
from tests.api.fakes import NOW, TOKEN, FakeServers, unjudged
from tests.api.serving import Site

APP = create_app(ApiSettings(_env_file=None))
PATHS = {
    "source": "consumption-de35-hour",
    "day": "tomorrow",
    "series_id": "DK1/111",
    "release": "r-0123456789ab",
    "offset": "0",
    "report": "1",
}


def example_of(path: str) -> str:
    """A path with an example in the place of each parameter."""
    return re.sub(r"\{(\w+)(:path)?\}", lambda name: PATHS[name[1]], path)


def paths_of(method: str) -> list[str]:
    """Each path that has a method, with an example in the place of each parameter."""
    return [example_of(path) for path, methods in APP.openapi()["paths"].items() if method in methods]


GETS, POSTS = paths_of("get"), paths_of("post")
UNANSWERED = (
    *("/v1/alerts", "/v1/services", "/v1/dead-letters", "/v1/dead-letters/0"),
    *("/v1/weather/DK1/111", "/v1/forecasts/DK1/111/why", "/v1/reports/1"),
)
"""Resources that have no answer here: without Prometheus, Alertmanager and Kafka; of a series without weather; of a
forecast that no model has made; without a report."""

ANSWERED = [path for path in GETS if path not in UNANSWERED]
OPEN = [path for path in GETS if path != "/v1/dead-letters/0"]
"""Resources that need no token."""

WITH_AREA = [
    path
    for path, methods in APP.openapi()["paths"].items()
    if any(one["name"] == "area" for one in methods.get("get", {}).get("parameters", []))
]

BODY = b'{"series_id":"DK1/111","origin":"2023-01-24T22:00:00Z","p50":[1.5]}'
AUTHORISED = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """The API over real HTTP, while all its servers are away."""
    settings = ApiSettings(_env_file=None, api_token=TOKEN, database_url="postgresql://a@127.0.0.1:1/a")
    serving = Site(lambda: create_app(settings, lambda: NOW))
    serving.start()
    yield serving
    serving.stop()


def test_every_resource_is_checked_before_its_code_runs() -> None:
    routes = [context.original_route for context in iter_route_contexts(APP.routes)]
    shown = [route for route in routes if isinstance(route, APIRoute) and route.include_in_schema]
    assert len(shown) >= len(GETS)
    assert {type(route) for route in shown} == {Route}


@pytest.mark.servers
@pytest.mark.parametrize("path", ANSWERED)
def test_head_answers_the_head_of_get_without_a_body(sample_site: Site, path: str) -> None:
    with httpx.Client(base_url=sample_site.url, timeout=20, trust_env=False) as client:
        head = client.head(path)
        with client.stream("GET", path) as get:
            expected = get.headers
    assert (head.status_code, head.content) == (200, b"")
    differing = {"date"}
    assert {k: v for k, v in head.headers.items() if k not in differing} == {
        k: v for k, v in expected.items() if k not in differing | {"transfer-encoding"}
    }


@pytest.mark.servers
@pytest.mark.parametrize("path", [path for path in ANSWERED if path != "/v1/forecasts/stream"])
@pytest.mark.parametrize("encoding", ["identity", "gzip", "zstd"])
def test_who_has_an_answer_gets_a_304_however_it_was_compressed(client: TestClient, path: str, encoding: str) -> None:
    headers = {"Accept-Encoding": encoding}
    first = client.get(path, headers=headers)
    again = client.get(path, headers=headers | {"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]


@pytest.mark.parametrize("path", ["/", "/docs", "/runbook", "/openapi.json", "/favicon.ico", "/assets/main.js"])
@pytest.mark.parametrize("encoding", ["identity", "gzip", "zstd"])
def test_who_has_a_page_gets_a_304_for_it(site: Site, path: str, encoding: str) -> None:
    with httpx.Client(base_url=site.url, timeout=20, trust_env=False, headers={"Accept-Encoding": encoding}) as client:
        first = client.get(path)
        again = client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert again.headers.get("Content-Security-Policy") == first.headers.get("Content-Security-Policy")


def test_metrics_have_no_tag(site: Site) -> None:
    assert "ETag" not in httpx.get(f"{site.url}/metrics", timeout=20, trust_env=False).headers


@pytest.mark.servers
@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_a_page_of_forecasts_is_compressed_and_its_tag_is_then_a_weak_one(client: TestClient, encoding: str) -> None:
    plain = client.get("/v1/forecasts", headers={"Accept-Encoding": "identity"})
    packed = client.get("/v1/forecasts", headers={"Accept-Encoding": encoding})
    assert packed.headers["Content-Encoding"] == encoding
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert int(packed.headers["Content-Length"]) < len(plain.content) / 2
    assert packed.content == plain.content  # httpx unpacks
    assert packed.headers["ETag"] == "W/" + plain.headers["ETag"]


@pytest.mark.servers
@pytest.mark.parametrize("path", WITH_AREA)
def test_an_area_that_no_series_has_is_refused_with_those_that_may_be_meant(client: TestClient, path: str) -> None:
    answer = client.get(example_of(path), params={"area": "dk"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")
    problem = answer.json()
    assert problem["type"] == "urn:dayahead:problem:unknown-area"
    assert set(problem["close_matches"]) == {"DK1", "DK2"}
    assert "404" in APP.openapi()["paths"][path]["get"]["responses"]


def test_each_resource_that_takes_an_area_is_tested_with_an_unknown_one() -> None:
    assert len(WITH_AREA) >= 6


def test_the_stream_of_events_is_never_compressed(site: Site) -> None:
    headers = {"Accept-Encoding": "gzip, zstd", "Accept": "text/event-stream"}
    with httpx.stream("GET", f"{site.url}/v1/forecasts/stream", headers=headers, timeout=20) as answer:
        assert answer.status_code == 200
        assert "Content-Encoding" not in answer.headers


@pytest.mark.parametrize("path", OPEN)
def test_an_unknown_parameter_is_refused_with_the_known_ones(servers: FakeServers, path: str) -> None:
    with servers.client() as client:
        answer = client.get(path, params={"nonsense": "1"})
    assert answer.status_code == 422
    [fault] = answer.json()["parameters"]
    assert (fault["parameter"], fault["value"]) == ("nonsense", "1")
    assert "this resource takes" in fault["reason"]


def test_a_parameter_that_takes_one_value_is_refused_where_it_is_there_twice(servers: FakeServers) -> None:
    with servers.client() as client:
        answer = client.get("/v1/forecasts?limit=1&area=DK1&limit=2")
    assert answer.status_code == 422
    assert answer.json()["detail"] == "limit: given more than once; it takes one value"


def test_a_list_may_be_given_as_often_as_it_has_values() -> None:
    routes = [context.original_route for context in iter_route_contexts(APP.routes)]
    repeatable = {route.path: route.repeatable for route in routes if isinstance(route, Route) and route.repeatable}
    assert repeatable == {"/v1/forecasts/stream": {"series_id"}}


def test_a_misspelt_parameter_gets_a_suggestion(servers: FakeServers) -> None:
    with servers.client() as client:
        answer = client.get("/v1/forecasts?aera=DK1")
    assert "did you mean area?" in answer.json()["detail"]
    assert "area, cursor, format, limit" in answer.json()["detail"]


@pytest.mark.parametrize("path", OPEN)
def test_a_media_type_that_a_resource_has_not_is_refused_with_those_that_it_has(
    servers: FakeServers, path: str
) -> None:
    with servers.client() as client:
        answer = client.get(path, headers={"Accept": "image/png, application/xml;q=0.5"})
    assert answer.status_code == 406
    assert "text/event-stream" in answer.text if path.endswith("/stream") else "application/json" in answer.text


@pytest.mark.parametrize(
    "accept",
    [
        None,
        "*/*",
        "application/json",
        "application/*;q=0.5",
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",  # a browser
        "text/csv;q=0, application/json",
    ],
)
def test_who_accepts_json_gets_it(servers: FakeServers, accept: str | None) -> None:
    servers.forecasts.bodies["DK1/111"] = BODY
    with servers.client() as client:
        if accept is None:
            client.headers.pop("accept")
        answer = client.get("/v1/forecasts/DK1/111", headers={} if accept is None else {"Accept": accept})
    assert (answer.status_code, answer.content) == (200, unjudged(BODY))


def head_of(site: Site, request: bytes, *more: bytes) -> bytes:
    """The first line that the API answers to bytes; `more` is sent only as far as the API reads it."""
    with closing(socket.create_connection(("127.0.0.1", site.port), timeout=20)) as connection:
        connection.sendall(request)
        for part in more:
            connection.sendall(part)
        return connection.recv(4096).split(b"\r\n", maxsplit=1)[0]


def request_of(path: str, *headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: dayahead", "Content-Type: application/json", *headers]
    return "\r\n".join([*lines, "", ""]).encode()


@pytest.mark.parametrize("path", POSTS)
def test_without_a_token_the_answer_comes_before_any_byte_of_the_body(site: Site, path: str) -> None:
    announced = request_of(path, "Content-Length: 30000000")
    assert head_of(site, announced) == b"HTTP/1.1 401 Unauthorized"


@pytest.mark.parametrize("path", POSTS)
def test_a_body_beyond_the_limit_is_refused_before_any_byte_of_it(site: Site, path: str) -> None:
    announced = request_of(path, f"Authorization: Bearer {TOKEN}", "Content-Length: 30000000")
    assert head_of(site, announced).startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize("path", POSTS)
def test_a_body_of_unknown_length_is_read_up_to_the_limit(site: Site, path: str) -> None:
    endless = request_of(path, f"Authorization: Bearer {TOKEN}", "Transfer-Encoding: chunked")
    chunk = b"F4240\r\n" + b"x" * 1_000_000 + b"\r\n"
    assert head_of(site, endless, *[chunk] * 11).startswith(b"HTTP/1.1 413")


def test_nothing_of_a_body_is_echoed(servers: FakeServers) -> None:
    with servers.client() as client:
        for body in (b'{"reason": "' + b"secret" * 1000 + b'"}', b'["secret"]', b'"secret', b'{"wrong": "secret"}'):
            answer = client.post("/v1/retune", content=body, headers=AUTHORISED | {"Content-Type": "application/json"})
            assert answer.status_code == 422
            assert "secret" not in answer.text
            assert len(answer.content) < 1000


def test_a_long_parameter_is_echoed_truncated(servers: FakeServers) -> None:
    with servers.client() as client:
        answer = client.get("/v1/series", params={"search": "x" * 5000})
    assert answer.status_code == 422
    assert len(answer.content) < 1000
