import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from tests.api.conftest import SampleService
from tests.api.fakes import NOW, FakeServers


def test_it_is_live_while_every_server_is_down(servers: FakeServers) -> None:
    servers.forecasts.away = True
    with servers.client() as client:
        assert client.get("/health/live").json()["ok"] is True


def test_it_is_not_ready_without_a_database_and_says_so(servers: FakeServers) -> None:
    with servers.client() as client:
        answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert "TimescaleDB at 127.0.0.1:5432/dayahead is away" in answer.json()["reason"]


@pytest.mark.servers
def test_it_stays_ready_without_redis_and_says_what_that_costs(sample_service: SampleService) -> None:
    settings = sample_service.settings(redis_url="redis://127.0.0.1:1/0")
    with TestClient(create_app(settings, lambda: NOW)) as client:
        answer = client.get("/health/ready")
    assert answer.status_code == 200
    assert answer.json()["reason"] == "Redis is away: forecasts come from TimescaleDB"


@pytest.mark.servers
def test_it_is_ready_on_the_sample(client: TestClient) -> None:
    answer = client.get("/health/ready")
    assert answer.status_code == 200
    assert answer.json()["ok"] is True


@pytest.mark.servers
def test_it_starts_before_the_database_and_reports_it_as_unavailable(sample_service: SampleService) -> None:
    settings = sample_service.settings(database_url="postgresql://a@127.0.0.1:1/a", api_database_wait_s=0.2)
    with TestClient(create_app(settings, lambda: NOW)) as client:
        assert client.get("/health/live").status_code == 200
        assert client.get("/health/ready").status_code == 503
        assert client.get("/v1/series").status_code == 503


def test_requests_are_counted_by_the_template_of_their_route(servers: FakeServers) -> None:
    servers.forecasts.bodies["DK1/111"] = b"{}"
    with servers.client() as client:
        client.get("/v1/forecasts/DK1/111")
        client.get("/v1/no/such/route")
        metrics = client.get("/metrics").text
    assert 'dayahead_api_requests_total{method="GET",route="/v1/forecasts/{series_id:path}",status="200"}' in metrics
    assert 'dayahead_api_requests_total{method="GET",route="none",status="404"}' in metrics
    assert 'dayahead_api_request_seconds_count{route="/v1/forecasts/{series_id:path}"}' in metrics
    assert 'dayahead_api_forecasts_served_total{server="redis"}' in metrics
    assert 'dayahead_ready{service="api"} 0.0' in metrics
    assert "DK1/111" not in metrics
