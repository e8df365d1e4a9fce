"""What changes something: the token, requests for a retune, Alertmanager's webhook."""

from typing import Any

import pytest

from dayahead.contracts import RetuneRequest
from tests.api.fakes import NOW, TOKEN, FakeServers

AUTHORISED = {"Authorization": f"Bearer {TOKEN}"}
CHANGES = [
    ("/v1/retune", {"reason": "the error grew"}),
    ("/v1/alertmanager", {"version": "4", "status": "firing", "alerts": []}),
    ("/v1/models/r-0123456789ab/promote", {"reason": "it is better"}),
]


def notification(*alerts: dict[str, Any]) -> dict[str, Any]:
    """A notification as Alertmanager sends it, with more fields than we read."""
    return {
        "version": "4",
        "groupKey": '{}:{alertname="MapeCritical"}',
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "retune",
        "groupLabels": {"alertname": "MapeCritical"},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://localhost:9093",
        "alerts": list(alerts),
    }


def alert(
    name: str = "MapeCritical", severity: str = "critical", status: str = "firing", area: str = "DK1"
) -> dict[str, Any]:
    return {
        "status": status,
        "labels": {"alertname": name, "severity": severity, "area": area},
        "annotations": {"summary": f"MAPE of {area} is 31 %"},
        "startsAt": "2023-01-24T22:00:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://localhost:9090/graph",
        "fingerprint": "c0ffee",
    }


@pytest.mark.parametrize(("path", "body"), CHANGES)
def test_without_a_configured_token_nothing_may_be_changed_and_the_answer_says_what_to_set(
    servers: FakeServers, path: str, body: dict[str, Any]
) -> None:
    servers.token = ""
    with servers.client() as client:
        answer = client.post(path, json=body, headers={"Authorization": "Bearer "})
    assert answer.status_code == 403
    assert "DAYAHEAD_API_TOKEN" in answer.json()["detail"]
    assert servers.announcer.sent == []


@pytest.mark.parametrize(("path", "body"), CHANGES)
@pytest.mark.parametrize("header", [None, "Bearer wrong", f"Bearer {TOKEN}x", f"Basic {TOKEN}", f"Bearer {TOKEN[:-1]}"])
def test_a_missing_or_wrong_token_is_refused(
    servers: FakeServers, path: str, body: dict[str, Any], header: str | None
) -> None:
    with servers.client() as client:
        answer = client.post(path, json=body, headers={"Authorization": header} if header else {})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert servers.announcer.sent == []


def test_a_wish_for_a_retune_becomes_one_request(servers: FakeServers) -> None:
    with servers.client() as client:
        answer = client.post("/v1/retune", json={"reason": "a new factory", "requested_by": "anna"}, headers=AUTHORISED)
    assert answer.status_code == 202
    request = RetuneRequest(requested_at=NOW, requested_by="anna", reason="a new factory")
    assert servers.announcer.sent == [("retune-requests", None, request)]
    assert answer.json() == request.model_dump(mode="json")


@pytest.mark.parametrize("name", ["MapeCritical", "DriftCritical"])
def test_a_critical_alert_asks_for_one_retune_however_many_areas_fire(servers: FakeServers, name: str) -> None:
    with servers.client() as client:
        body = notification(alert(name), alert(name, area="DK2"))
        answer = client.post("/v1/alertmanager", json=body, headers=AUTHORISED)
    assert answer.status_code == 200
    [(topic, _, request)] = servers.announcer.sent
    assert topic == "retune-requests"
    assert request == RetuneRequest(requested_at=NOW, requested_by=name, reason="MAPE of DK1 is 31 %")


@pytest.mark.parametrize(
    "other",
    [alert(status="resolved"), alert(severity="warning"), alert(name="ServiceDown")],
    ids=["resolved", "a warning", "another cause"],
)
def test_other_notifications_ask_for_nothing(servers: FakeServers, other: dict[str, Any]) -> None:
    with servers.client() as client:
        answer = client.post("/v1/alertmanager", json=notification(other), headers=AUTHORISED)
    assert answer.status_code == 200
    assert answer.json()["retune_request"] is None
    assert servers.announcer.sent == []


def test_a_notification_of_another_version_is_refused(servers: FakeServers) -> None:
    with servers.client() as client:
        answer = client.post("/v1/alertmanager", json=notification(alert()) | {"version": "5"}, headers=AUTHORISED)
    assert answer.status_code == 422
    assert answer.json()["parameters"][0]["parameter"] == "version"


@pytest.mark.parametrize(
    ("path", "body"), [("/v1/retune", {"reason": "why"}), ("/v1/alertmanager", notification(alert()))]
)
def test_while_kafka_is_down_the_sender_is_asked_to_retry(
    servers: FakeServers, path: str, body: dict[str, Any]
) -> None:
    servers.announcer.away = True
    with servers.client() as client:
        answer = client.post(path, json=body, headers=AUTHORISED)
    assert answer.status_code == 503
    assert "Retry-After" in answer.headers
