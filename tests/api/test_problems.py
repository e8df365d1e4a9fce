from urllib.parse import unquote

import pytest
from fastapi.testclient import TestClient

from tests.api.fakes import TOKEN, FakeServers


@pytest.mark.parametrize(
    "path",
    [
        "/v1/series",
        "/v1/series/DK1/111",
        "/v1/forecasts",
        "/v1/forecasts/DK1/111",
        "/v1/observations/DK1/111",
        "/v1/accuracy",
        "/v1/accuracy/DK1/111",
        "/v1/quality",
        "/v1/models",
    ],
)
def test_an_unavailable_database_is_a_503_with_retry_after(servers: FakeServers, path: str) -> None:
    with servers.client() as client:
        answer = client.get(path)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == 503
    assert "TimescaleDB" in problem["detail"]
    assert problem["instance"] == path


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        ("/v1/observations/DK1/111?start=yesterday", "start"),
        ("/v1/observations/DK1/111?end=2023-01-24", "end"),
        ("/v1/observations/DK1/111?as_of=2023-01-24T22:00:00", "as_of"),
        ("/v1/forecasts/DK1/111?as_of=2023-13-01T00:00:00Z", "as_of"),
        ("/v1/accuracy?end=1674597600", "end"),
        ("/v1/observations/DK1/111?start=0001-01-01T00:00:00Z", "start"),
        ("/v1/observations/DK1/111?end=9999-12-31T23:59:59Z", "end"),
        ("/v1/forecasts/DK1/111?origin=0001-01-01T00:00:00%2B14:00", "origin"),
        ("/v1/forecasts/DK1/111?as_of=9999-12-31T23:59:59-14:00", "as_of"),
    ],
)
def test_a_moment_that_is_none_is_named_with_the_allowed_form(servers: FakeServers, path: str, parameter: str) -> None:
    with servers.client() as client:
        answer = client.get(path)
    assert answer.status_code == 422
    [fault] = answer.json()["parameters"]
    assert fault["parameter"] == parameter
    assert fault["value"] == unquote(path.split("=")[1])
    assert "2023-01-24T22:00:00Z" in fault["reason"]


def test_a_plus_that_became_a_space_is_explained(servers: FakeServers) -> None:
    with servers.client() as client:
        answer = client.get("/v1/observations/DK1/111?start=2023-01-24T23:00:00+01:00")
    assert "%2B" in answer.json()["detail"]


@pytest.mark.parametrize("path", ["/v1/series?limit=0", "/v1/forecasts?limit=1001", "/v1/accuracy?days=400"])
def test_a_limit_beyond_the_bound_is_refused(servers: FakeServers, path: str) -> None:
    with servers.client() as client:
        assert client.get(path).status_code == 422


def test_an_unknown_path_is_a_problem_too(servers: FakeServers) -> None:
    with servers.client() as client:
        answer = client.get("/v1/nothing")
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_an_unexpected_error_reveals_no_internals(servers: FakeServers) -> None:
    servers.database = None  # the worst of programming errors
    with servers.client() as client:
        answer = client.get("/v1/series")
    assert answer.status_code == 500
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "NoneType" not in answer.text


@pytest.mark.servers
@pytest.mark.parametrize(
    "path",
    [
        "/v1/series/DK1/%00",
        "/v1/forecasts/%00",
        "/v1/series?search=%00",
        "/v1/forecasts?cursor=%00",
        "/v1/accuracy?area=%00",
    ],
)
def test_a_text_that_the_database_cannot_hold_is_the_callers_mistake(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 422
    assert "the character NUL" in answer.json()["detail"]


def test_an_invalid_parameter_that_is_not_unicode_is_still_echoed(servers: FakeServers) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    with servers.client() as client:
        answer = client.post("/v1/retune", content=b'{"reason": "\\ud800"}', headers=headers)
    assert answer.status_code == 422
    assert answer.json()["parameters"][0]["parameter"] == "reason"
