import json
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from deploy.local.places import Places
from deploy.local.tree import DebianTree
from deploy.monitoring import MonitoringFiles, MonitoringSettings, render_alertmanager
from tests.monitoring_server import monitoring_server
from tests.waiting import wait_until

pytestmark = pytest.mark.servers
TOKEN = SecretStr("a-token")


@pytest.fixture(scope="module")
def programs() -> Path:
    """Where amtool and Alertmanager are: Go programs that run straight from the Debian tree."""
    tree = DebianTree(Places())
    tree.ensure()
    return tree.path / "usr" / "bin"


@pytest.fixture(scope="module")
def configuration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("alertmanager") / "alertmanager.yml"
    settings = MonitoringSettings.model_construct(alert_notify_url=SecretStr("http://pager.example/"))
    path.write_text(render_alertmanager("http://127.0.0.1:8000/v1/alertmanager", "/config", settings))
    return path


def amtool(programs: Path, *arguments: object) -> str:
    done = subprocess.run([programs / "amtool", *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_amtool_accepts_the_configuration(programs: Path, configuration: Path) -> None:
    assert "4 receivers" in amtool(programs, "check-config", configuration)


def test_a_configuration_without_receivers_is_valid(programs: Path, tmp_path: Path) -> None:
    path = tmp_path / "alertmanager.yml"
    path.write_text(render_alertmanager("http://127.0.0.1/", "/config", MonitoringSettings.model_construct()))
    assert "4 receivers" in amtool(programs, "check-config", path)
    assert "credentials_file: /config/api_token" in path.read_text()


@pytest.mark.parametrize(
    ("receivers", "labels"),
    [
        ("retune,people-critical", ["alertname=MapeCritical", "severity=critical", "area=DK1"]),
        ("retune,people-critical", ["alertname=DriftCritical", "severity=critical", "area=DK1", "kind=data"]),
        ("people-warning", ["alertname=DriftWidespread", "severity=warning", "area=DK1"]),
        ("people-warning", ["alertname=MapeWarning", "severity=warning", "area=DK1"]),
        ("people-critical", ["alertname=ServiceDown", "severity=critical", "job=api"]),
        ("watchdog", ["alertname=Watchdog", "severity=none"]),
    ],
    ids=["critical_mape", "critical_drift", "drift_warning", "mape_warning", "service_down", "watchdog"],
)
def test_an_alert_reaches_who_it_is_for(programs: Path, configuration: Path, receivers: str, labels: list[str]) -> None:
    command = ["config", "routes", "test", "--config.file", configuration, "--verify.receivers", receivers]
    amtool(programs, *command, *labels)


@dataclass
class Api:
    """Stands where the API does and keeps what Alertmanager sends."""

    url: str = ""
    authorizations: list[str] = field(default_factory=list)
    alerts: list[dict[str, str]] = field(default_factory=list)


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    kept = Api()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            kept.authorizations.append(self.headers["Authorization"])
            kept.alerts.extend(alert["labels"] for alert in body["alerts"])
            self.send_response(202)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        kept.url = f"http://127.0.0.1:{server.server_port}/v1/alertmanager"
        yield kept
        server.shutdown()


@pytest.fixture(scope="module")
def alertmanager(api: Api) -> Iterator[str]:
    """A running Alertmanager with our configuration; yields its URL."""

    def prepare(files: MonitoringFiles, address: str) -> list[str]:
        files.write([], address, api.url, TOKEN, MonitoringSettings.model_construct(alert_group_wait_s=0))
        data = files.alertmanager_config.replace("alertmanager.yml", "data")
        options = [f"--config.file={files.alertmanager_config}", f"--storage.path={data}"]
        return ["/usr/bin/prometheus-alertmanager", *options, "--cluster.listen-address="]

    with monitoring_server("alertmanager", prepare) as url:
        yield url


def send(alertmanager: str, *alerts: dict[str, str]) -> None:
    """Let these alerts fire, and wait until Alertmanager has them."""
    started = datetime.now(UTC).isoformat()
    answer = httpx.post(
        f"{alertmanager}/api/v2/alerts", json=[{"labels": labels, "startsAt": started} for labels in alerts]
    )
    answer.raise_for_status()


def states(alertmanager: str) -> dict[str, str]:
    """State of every alert, by name (and job, area or source where it has one)."""
    found = {}
    for alert in httpx.get(f"{alertmanager}/api/v2/alerts").json():
        labels = alert["labels"]
        detail = labels.get("job") or labels.get("area") or labels.get("source")
        found[" ".join(filter(None, [labels["alertname"], detail]))] = alert["status"]["state"]
    return found


def test_a_critical_mape_reaches_the_api_with_its_token(alertmanager: str, api: Api) -> None:
    send(alertmanager, {"alertname": "MapeCritical", "severity": "critical", "area": "DK9"})
    wait_until(
        lambda: {"alertname": "MapeCritical", "severity": "critical", "area": "DK9"} in api.alerts, 30, "webhook"
    )
    assert set(api.authorizations) == {f"Bearer {TOKEN.get_secret_value()}"}


def test_an_alert_that_follows_from_a_notified_one_is_inhibited(alertmanager: str) -> None:
    send(
        alertmanager,
        {"alertname": "ServiceDown", "job": "worker"},
        {"alertname": "LagHigh"},
        {"alertname": "ForecastsStopped"},
        {"alertname": "SourceStale", "source": "de35"},
        {"alertname": "ForecastsStale"},
        {"alertname": "ForecastsExpired", "source": "de35"},
        {"alertname": "ForecastsExpired", "source": "own-grid"},
        {"alertname": "NoChampion", "job": "trainer"},
        {"alertname": "ServiceDown", "job": "api"},
        {"alertname": "ServiceNotReady", "job": "mcp"},
        {"alertname": "ServiceNotReady", "job": "mqtt"},
        {"alertname": "ForecastsDegraded"},
        {"alertname": "MapeCritical", "area": "DK1"},
        {"alertname": "MapeWarning", "area": "DK1"},
        {"alertname": "MapeWarning", "area": "DK2"},
        {"alertname": "WeatherStale", "source": "sky"},
        {"alertname": "ForecastsWithoutWeather", "source": "sky"},
        {"alertname": "ForecastsWithoutWeather", "source": "gfs"},
        {"alertname": "DriftCritical", "area": "DK1"},
        {"alertname": "DriftWidespread", "area": "DK1"},
        {"alertname": "DriftWidespread", "area": "DK2"},
    )
    expected = {
        "ServiceDown worker": "active",
        "LagHigh": "suppressed",
        "ForecastsStopped": "suppressed",
        "SourceStale de35": "active",
        "ForecastsStale": "suppressed",
        "ForecastsExpired de35": "suppressed",
        "NoChampion trainer": "active",
        "ServiceDown api": "active",
        "ServiceNotReady mcp": "suppressed",
        "ServiceNotReady mqtt": "active",
        "ForecastsDegraded": "suppressed",
        "MapeCritical DK1": "active",
        "MapeWarning DK1": "suppressed",
        "MapeWarning DK2": "active",
        "WeatherStale sky": "active",
        "ForecastsWithoutWeather sky": "suppressed",
        "ForecastsWithoutWeather gfs": "active",
        "DriftCritical DK1": "active",
        "DriftWidespread DK1": "suppressed",
        "DriftWidespread DK2": "active",
    }
    wait_until(lambda: expected.items() <= states(alertmanager).items(), 30, f"{expected}")
