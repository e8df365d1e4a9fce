"""What the API asks Alertmanager and Prometheus."""

from functools import partial

import httpx

from tests.api.fakes import FakeServers

FIRING = {
    "labels": {"alertname": "SourceStale", "severity": "warning", "source": "a"},
    "annotations": {"summary": "Source a is stale", "runbook_url": "https://example.org/runbook"},
    "startsAt": "2023-01-24T22:00:00.123Z",
    "endsAt": "2023-01-24T23:00:00Z",
    "status": {"state": "active", "silencedBy": [], "inhibitedBy": [], "mutedBy": []},
    "fingerprint": "c0ffee",
}
CRITICAL = FIRING | {"labels": {"alertname": "ServiceDown", "severity": "critical"}}
WATCHDOG = FIRING | {"labels": {"alertname": "Watchdog", "severity": "none"}}


def sample(value: str, **labels: str) -> dict[str, object]:
    return {"metric": labels, "value": [1674604800.0, value]}


def prometheus(request: httpx.Request) -> httpx.Response:
    found = {
        "up": [
            sample("1", job="worker", instance="127.0.0.1:8111"),
            sample("0", job="trainer", instance="127.0.0.1:8121"),
            sample("1", job="prometheus", instance="127.0.0.1:9090"),
        ],
        "dayahead_ready": [
            sample("0", job="worker", instance="127.0.0.1:8111", service="worker"),
            sample("1", job="trainer", instance="127.0.0.1:8121", service="trainer"),
        ],
    }[request.url.params["query"]]
    return httpx.Response(200, json={"status": "success", "data": {"resultType": "vector", "result": found}})


def test_alerts_are_those_of_alertmanager_critical_first_without_the_watchdog(servers: FakeServers) -> None:
    servers.watcher = lambda request: httpx.Response(200, json=[FIRING, WATCHDOG, CRITICAL])
    with servers.client() as client:
        answer = client.get("/v1/alerts").json()
    assert [alert["name"] for alert in answer["alerts"]] == ["ServiceDown", "SourceStale"]
    assert answer["watchdog"] is True
    assert answer["alerts"][1]["since"] == "2023-01-24T22:00:00.123000Z"
    assert answer["alerts"][1]["summary"] == "Source a is stale"


def test_a_flood_of_alerts_hides_neither_the_critical_one_nor_the_watchdog(servers: FakeServers) -> None:
    servers.watcher = lambda request: httpx.Response(200, json=[*[FIRING] * 600, CRITICAL, WATCHDOG])
    with servers.client() as client:
        answer = client.get("/v1/alerts").json()
    assert (len(answer["alerts"]), answer["alerts"][0]["name"]) == (500, "ServiceDown")
    assert answer["watchdog"] is True


def test_a_missing_watchdog_is_reported(servers: FakeServers) -> None:
    servers.watcher = lambda request: httpx.Response(200, json=[])
    with servers.client() as client:
        assert client.get("/v1/alerts").json() == {"alerts": [], "watchdog": False}


def test_an_unavailable_alertmanager_is_a_503_that_names_its_setting(servers: FakeServers) -> None:
    with servers.client() as client:
        answer = client.get("/v1/alerts")
    assert answer.status_code == 503
    assert "DAYAHEAD_ALERTMANAGER_URL" in answer.json()["detail"]


def always(answer: httpx.Response, _: httpx.Request) -> httpx.Response:
    """Give one answer to every request."""
    return answer


def test_a_server_that_is_not_alertmanager_is_reported_as_unavailable(servers: FakeServers) -> None:
    for wrong in (httpx.Response(200, text="<html>"), httpx.Response(500), httpx.Response(200, json={"a": 1})):
        servers.watcher = partial(always, wrong)
        with servers.client() as client:
            assert client.get("/v1/alerts").status_code == 503


def test_services_are_up_and_ready_as_prometheus_sees_them(servers: FakeServers) -> None:
    servers.watcher = prometheus
    with servers.client() as client:
        services = client.get("/v1/services").json()["services"]
    assert {service["service"]: (service["up"], service["ready"]) for service in services} == {
        "worker": (True, False),
        "trainer": (False, None),  # what it said before it went away is worth nothing
        "prometheus": (True, None),
    }


def test_services_come_with_what_the_api_itself_sees_of_its_servers(servers: FakeServers) -> None:
    servers.watcher = prometheus
    with servers.client() as client:
        checks = client.get("/v1/services").json()["checks"]
        assert checks == client.get("/health/ready").json()["checks"]
    assert {check["server"] for check in checks} == {"TimescaleDB", "Redis", "Kafka"}


def test_a_server_that_is_not_prometheus_is_reported_as_unavailable(servers: FakeServers) -> None:
    servers.watcher = lambda request: httpx.Response(200, json={"data": "?"})
    with servers.client() as client:
        answer = client.get("/v1/services")
    assert answer.status_code == 503
    assert "Prometheus" in answer.json()["detail"]
