import httpx
import pytest
from prometheus_client import CollectorRegistry, Counter

from dayahead.errors import SettingsError
from dayahead.telemetry import Health, TelemetryServer


def test_a_service_answers_about_itself_and_says_why_it_is_not_ready() -> None:
    registry = CollectorRegistry()
    Counter("seen", "seen", registry=registry).inc(3)
    ready = [Health(False, "waiting for TimescaleDB")]
    with (
        TelemetryServer(
            "trainer", "127.0.0.1", 0, lambda: Health(True, "running"), lambda: ready[0], registry
        ) as server,
        httpx.Client(base_url=f"http://127.0.0.1:{server.port}") as client,
    ):
        assert "seen_total 3.0" in client.get("/metrics").text
        assert client.get("/health/live").json() == {"ok": True, "reason": "running"}
        answer = client.get("/health/ready")
        assert (answer.status_code, answer.json()["reason"]) == (503, "waiting for TimescaleDB")
        ready[0] = Health(True, "all well")
        assert client.get("/health/ready").status_code == 200
        assert client.get("/elsewhere").status_code == 404


def test_a_port_in_use_is_named_with_the_setting_that_moves_it() -> None:
    def well() -> Health:
        return Health(True, "running")

    with (
        TelemetryServer("first", "127.0.0.1", 0, well, well) as first,
        pytest.raises(SettingsError, match=f"127.0.0.1:{first.port} .* DAYAHEAD_METRICS_PORT"),
    ):
        TelemetryServer("second", "127.0.0.1", first.port, well, well)
