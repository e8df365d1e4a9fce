"""Every way to people: accepted by amtool, routed by severity, delivered by a real Alertmanager over real sockets."""

import base64
import json
import socketserver
import stat
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_string
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from pydantic import SecretStr

from dayahead.errors import SettingsError
from dayahead.settings import ServiceSettings, load_settings
from deploy.local.places import Places
from deploy.local.tree import DebianTree
from deploy.monitoring import MonitoringFiles, MonitoringSettings, render_alertmanager
from deploy.monitoring.receivers import ReceiverSettings
from tests.monitoring_server import monitoring_server
from tests.waiting import wait_until

KEY, PASSWORD = "an-integration-key", "a mail password"
RUNBOOK = "http://127.0.0.1:8000/runbook#alert"


@dataclass
class People:
    """Stands where Slack, Teams, PagerDuty, a webhook and a mail server do, and keeps what each was sent."""

    http_url: str = ""
    smtp_host: str = ""
    posted: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    logins: list[bytes] = field(default_factory=list)
    mails: list[str] = field(default_factory=list)

    def names(self, way: str) -> set[str]:
        """Alerts that a way was notified of."""
        bodies = self.mails if way == "mail" else [json.dumps(body) for body in self.posted.get(way, [])]
        return {name for name in ("ServiceDown", "SourceStale") if any(name in body for body in bodies)}

    def settings(self) -> MonitoringSettings:
        return load_settings(
            MonitoringSettings,
            _env_file=None,
            alert_group_wait_s=0,
            alert_notify_url=SecretStr(f"{self.http_url}/webhook"),
            alert_email_to="anna@example.org",
            alert_email_from="dayahead@example.org",
            alert_smtp_host=self.smtp_host,
            alert_smtp_user="dayahead",
            alert_smtp_password=SecretStr(PASSWORD),
            alert_smtp_tls=False,
            alert_slack_url=SecretStr(f"{self.http_url}/slack"),
            alert_slack_channel="#energy",
            alert_teams_url=SecretStr(f"{self.http_url}/teams"),
            alert_pagerduty_key=SecretStr(KEY),
            alert_pagerduty_url=f"{self.http_url}/pagerduty",
        )


def http_handler(people: People) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            people.posted.setdefault(self.path.strip("/"), []).append(body)
            answer = b"ok" if self.path == "/slack" else b'{"status": "success"}'
            self.send_response(202 if self.path == "/pagerduty" else 200)
            self.send_header("Content-Type", "text/plain" if self.path == "/slack" else "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler


def smtp_handler(people: People) -> type[socketserver.StreamRequestHandler]:
    """So much of RFC 5321 and RFC 4954 as a client needs to hand over a mail."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.say("220 mail.test")
            while line := self.rfile.readline().decode().strip():
                command = line.split(maxsplit=1)[0].upper()
                if command == "EHLO":
                    self.say("250-mail.test\r\n250 AUTH PLAIN")
                elif command == "AUTH":
                    people.logins.append(base64.b64decode(line.split()[2]))
                    self.say("235 welcome")
                elif command == "DATA":
                    self.say("354 go on")
                    people.mails.append(self.mail())
                    self.say("250 taken")
                elif command == "QUIT":
                    self.say("221 bye")
                    return
                else:
                    self.say("250 ok")

        def mail(self) -> str:
            lines = []
            while (line := self.rfile.readline().decode()).strip() != ".":
                lines.append(line)
            return "".join(lines)

        def say(self, line: str) -> None:
            self.wfile.write(f"{line}\r\n".encode())

    return Handler


@contextmanager
def listening(server: socketserver.BaseServer) -> Iterator[int]:
    with server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield int(server.server_address[1])
        server.shutdown()


@pytest.fixture(scope="module")
def people() -> Iterator[People]:
    people = People()
    with ExitStack() as stack:
        http_port = stack.enter_context(listening(ThreadingHTTPServer(("127.0.0.1", 0), http_handler(people))))
        smtp = socketserver.ThreadingTCPServer(("127.0.0.1", 0), smtp_handler(people))
        smtp.daemon_threads = True
        people.smtp_host = f"127.0.0.1:{stack.enter_context(listening(smtp))}"
        people.http_url = f"http://127.0.0.1:{http_port}"
        yield people


@pytest.fixture(scope="module")
def alertmanager(people: People) -> Iterator[str]:
    def prepare(files: MonitoringFiles, address: str) -> list[str]:
        files.write([], address, f"{people.http_url}/retune", SecretStr("t"), people.settings())
        data = files.alertmanager_config.replace("alertmanager.yml", "data")
        options = [f"--config.file={files.alertmanager_config}", f"--storage.path={data}"]
        return ["/usr/bin/prometheus-alertmanager", *options, "--cluster.listen-address="]

    with monitoring_server("alertmanager", prepare) as url:
        yield url


def fire(alertmanager: str, name: str, severity: str) -> None:
    alert = {
        "labels": {"alertname": name, "severity": severity, "job": "worker"},
        "annotations": {"summary": f"{name}: what is wrong", "description": "More.", "runbook_url": RUNBOOK},
        "startsAt": datetime.now(UTC).isoformat(),
    }
    httpx.post(f"{alertmanager}/api/v2/alerts", json=[alert]).raise_for_status()


@pytest.mark.servers
def test_a_critical_alert_reaches_everybody_and_a_warning_those_who_want_it(alertmanager: str, people: People) -> None:
    everybody = ("webhook", "mail", "slack", "teams", "pagerduty")
    fire(alertmanager, "SourceStale", "warning")
    fire(alertmanager, "ServiceDown", "critical")
    both = {"SourceStale", "ServiceDown"}
    expected = dict.fromkeys(everybody, both) | {"pagerduty": {"ServiceDown"}}
    wait_until(lambda: {way: people.names(way) for way in everybody} == expected, 60, f"{expected}")

    assert set(people.logins) == {f"\0dayahead\0{PASSWORD}".encode()}
    mail = message_from_string(people.mails[0])
    assert (mail["To"], mail["From"]) == ("anna@example.org", "dayahead@example.org")
    slack = json.dumps(people.posted["slack"])
    assert '"channel": "#energy"' in slack
    assert "ServiceDown: what is wrong" in slack
    assert RUNBOOK in slack
    assert RUNBOOK in json.dumps(people.posted["teams"])
    (page,) = people.posted["pagerduty"]
    assert page["routing_key"] == KEY
    assert page["payload"]["severity"] == "critical"
    assert page["links"] == [{"href": RUNBOOK, "text": "Runbook"}]


@pytest.mark.servers
def test_amtool_accepts_every_way_alone_and_all_together(people: People, tmp_path: Path) -> None:
    DebianTree(Places()).ensure()
    amtool = DebianTree(Places()).path / "usr" / "bin" / "amtool"
    whole = people.settings()
    ways = {
        "mail": {name for name in type(whole).model_fields if "email" in name or "smtp" in name},
        "slack": {"alert_slack_url", "alert_slack_channel"},
        "teams": {"alert_teams_url"},
        "pagerduty": {"alert_pagerduty_key"},
        "webhook": {"alert_notify_url"},
        "all": set(type(whole).model_fields),
    }
    for way, names in ways.items():
        settings = MonitoringSettings.model_construct(**{name: getattr(whole, name) for name in names})
        path = tmp_path / f"{way}.yml"
        path.write_text(render_alertmanager("http://127.0.0.1/", "/config", settings))
        done = subprocess.run([amtool, "check-config", path], capture_output=True, text=True, check=False)
        assert done.returncode == 0, way + done.stdout + done.stderr


def test_no_secret_is_in_the_configuration_and_each_file_is_its_owners_alone(people: People, tmp_path: Path) -> None:
    files = MonitoringFiles(tmp_path)
    files.write([], "am:9093", "http://api/", SecretStr("t"), people.settings())
    text = (tmp_path / "alertmanager.yml").read_text()
    for secret in (KEY, PASSWORD, "/slack", "/teams", "/webhook"):
        assert secret not in text
    written = {path.name: path for path in tmp_path.glob("secret_*")}
    assert written.keys() == {
        f"secret_{n}" for n in ("notify_url", "smtp_password", "slack_url", "teams_url", "pagerduty_key")
    }
    assert {stat.S_IMODE(path.stat().st_mode) for path in written.values()} == {0o600}
    assert written["secret_pagerduty_key"].read_text() == KEY
    files.write([], "am:9093", "http://api/", SecretStr("t"), MonitoringSettings.model_construct())
    assert not list(tmp_path.glob("secret_*"))


@pytest.mark.parametrize("severity", ["warning", "critical"])
def test_the_severity_of_a_way_is_a_setting(people: People, severity: str) -> None:
    settings = people.settings().model_copy(update={"alert_email_severity": severity})
    receivers = {r["name"]: r for r in yaml.safe_load(render_alertmanager("http://a/", "/c", settings))["receivers"]}
    assert "email_configs" in receivers["people-critical"]
    assert ("email_configs" in receivers["people-warning"]) is (severity == "warning")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"alert_email_to": "a@b.c"}, "needs DAYAHEAD_ALERT_EMAIL_FROM and DAYAHEAD_ALERT_SMTP_HOST"),
        ({"alert_smtp_user": "anna"}, "DAYAHEAD_ALERT_SMTP_PASSWORD must be set together"),
        ({"alert_smtp_host": "mail.example.org"}, "DAYAHEAD_ALERT_SMTP_HOST"),
        ({"alert_slack_severity": "info"}, "DAYAHEAD_ALERT_SLACK_SEVERITY"),
    ],
)
def test_an_incomplete_receiver_is_rejected(given: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        load_settings(MonitoringSettings, **given)


def test_every_setting_of_a_way_is_documented() -> None:
    text = (Path(__file__).parents[2] / "docs" / "alerts.md").read_text()
    own = ReceiverSettings.model_fields.keys() - ServiceSettings.model_fields.keys()
    assert not [name for name in sorted(own) if f"DAYAHEAD_{name.upper()}`" not in text]
