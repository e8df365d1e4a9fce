import pytest

from tests.api.fakes import FakeServers, unjudged

BODY = b'{"series_id":"DK1/111","origin":"2023-01-24T22:00:00Z","p50":[1.5]}'


def test_a_forecast_has_exactly_the_bytes_of_redis_even_while_the_database_is_down(servers: FakeServers) -> None:
    servers.forecasts.bodies["DK1/111"] = BODY
    with servers.client() as client:
        answer = client.get("/v1/forecasts/DK1/111")
    assert answer.status_code == 200
    assert answer.content == unjudged(BODY)
    assert answer.headers["Dayahead-Served-By"] == "redis"


def test_who_has_the_forecast_already_gets_a_304_until_it_changes(servers: FakeServers) -> None:
    servers.forecasts.bodies["DK1/111"] = BODY
    with servers.client() as client:
        tag = client.get("/v1/forecasts/DK1/111").headers["ETag"]
        same = client.get("/v1/forecasts/DK1/111", headers={"If-None-Match": tag})
        servers.forecasts.bodies["DK1/111"] = BODY.replace(b"1.5", b"1.6")
        changed = client.get("/v1/forecasts/DK1/111", headers={"If-None-Match": tag})
    assert (same.status_code, same.content) == (304, b"")
    assert changed.status_code == 200
    assert changed.headers["ETag"] != tag


def test_a_label_that_is_encoded_is_found_however_its_path_is_written(servers: FakeServers) -> None:
    servers.forecasts.bodies["DK1/%C3%B8l%2Fvin"] = BODY
    with servers.client() as client:
        once = client.get("/v1/forecasts/DK1/%C3%B8l%2Fvin")  # the series_id as it stands
        twice = client.get("/v1/forecasts/DK1/%25C3%25B8l%252Fvin")  # the series_id as a text, encoded by a client
    assert once.content == unjudged(BODY)
    assert twice.content == unjudged(BODY)


def test_a_redis_that_lacks_the_forecast_is_asked_once(servers: FakeServers, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(servers.forecasts, "get", asked.append)
    with servers.client() as client:
        assert client.get("/v1/forecasts/DK1/111").status_code == 503  # TimescaleDB is away as well
    assert asked == [["DK1/111"]]


def test_the_stream_is_no_series(servers: FakeServers) -> None:
    servers.forecasts.bodies["stream"] = BODY
    with servers.client() as client:
        assert client.head("/v1/forecasts/stream").headers["Content-Type"].startswith("text/event-stream")
