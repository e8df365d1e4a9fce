import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr

from dashboards.publishing import TRACES_UID, Publisher
from dashboards.queries import PROMETHEUS_UID, TIMESCALEDB_UID, generated_dashboards
from dashboards.settings import DashboardSettings
from dayahead.errors import SettingsError

TOKEN = "glsa-token"
DATABASE = SecretStr("postgresql://dayahead_reader:p%40ss@timescaledb:5433/dayahead")


@dataclass
class FakeGrafana:
    """As much of Grafana as a publisher meets: what is put there is there, and nothing else is."""

    url: str = ""
    folders: dict[str, Any] = field(default_factory=dict)
    data_sources: dict[str, Any] = field(default_factory=dict)
    dashboards: dict[str, Any] = field(default_factory=dict)
    refuses: bool = False

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        if self.refuses:
            return 403, {"message": "Permissions needed: dashboards:write"}
        kind, _, rest = path.removeprefix("/api/").partition("/")
        if method == "GET":
            kept = self.folders if kind == "folders" else self.data_sources
            found = kept.get(rest.removeprefix("uid/"))
            return (200, found) if found else (404, {"message": "not found"})
        if kind == "folders":
            self.folders[body["uid"]] = body
        elif kind == "datasources":
            self.data_sources[body["uid"]] = body
        else:
            self.dashboards[body["dashboard"]["uid"]] = body
            return 200, {"url": f"/d/{body['dashboard']['uid']}"}
        return 200, body


@pytest.fixture
def grafana() -> Iterator[FakeGrafana]:
    fake = FakeGrafana()

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            known = self.headers.get("Authorization") == f"Bearer {TOKEN}"
            path = self.path.partition("?")[0]
            status, answer = fake.answer(self.command, path, body) if known else (401, {"message": "Unauthorized"})
            text = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PUT = handle_any  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        fake.url = f"http://127.0.0.1:{server.server_port}"
        yield fake
        server.shutdown()


def settings(grafana: FakeGrafana, **changes: Any) -> DashboardSettings:
    values = {"grafana_url": grafana.url, "grafana_token": SecretStr(TOKEN), "grafana_database_url": DATABASE}
    # not what a `.env` of this checkout says
    return DashboardSettings(_env_file=None, **(values | changes))  # type: ignore[arg-type] # pydantic checks them


def test_folder_data_sources_and_dashboards_are_put_into_an_empty_grafana(grafana: FakeGrafana) -> None:
    addresses = Publisher(settings(grafana)).publish(generated_dashboards())
    assert addresses == ["/d/dayahead-overview", "/d/dayahead-pipeline", "/d/dayahead-series"]
    assert grafana.folders["dayahead"]["title"] == "Dayahead"
    assert {body["folderUid"] for body in grafana.dashboards.values()} == {"dayahead"}
    database = grafana.data_sources[TIMESCALEDB_UID]
    assert (database["url"], database["user"]) == ("timescaledb:5433", "dayahead_reader")
    assert database["secureJsonData"] == {"password": "p@ss"}
    assert database["jsonData"]["database"] == "dayahead"
    assert grafana.data_sources[PROMETHEUS_UID]["type"] == "prometheus"


def test_publishing_again_leaves_data_sources_as_people_changed_them(grafana: FakeGrafana) -> None:
    Publisher(settings(grafana)).publish(generated_dashboards())
    grafana.data_sources[TIMESCALEDB_UID]["url"] = "elsewhere:5432"
    Publisher(settings(grafana, grafana_database_url=SecretStr(""))).publish(generated_dashboards())
    assert grafana.data_sources[TIMESCALEDB_UID]["url"] == "elsewhere:5432"


def test_traces_are_a_data_source_and_a_link_only_where_a_backend_is_configured(grafana: FakeGrafana) -> None:
    Publisher(settings(grafana)).publish(generated_dashboards())
    assert TRACES_UID not in grafana.data_sources
    assert not any("explore" in link["url"] for link in links(grafana))
    Publisher(settings(grafana, grafana_traces_url="http://jaeger:16686", grafana_traces_type="jaeger")).publish(
        generated_dashboards()
    )
    made = grafana.data_sources[TRACES_UID]
    assert (made["type"], made["url"]) == ("jaeger", "http://jaeger:16686")
    added = [link for link in links(grafana) if link["title"] == "Traces"]
    assert len(added) == 3
    query = parse_qs(urlsplit(added[0]["url"]).query)
    assert json.loads(query["panes"][0])["traces"]["datasource"] == TRACES_UID


def links(grafana: FakeGrafana) -> list[dict[str, Any]]:
    return [link for body in grafana.dashboards.values() for link in body["dashboard"].get("links") or []]


def test_a_missing_data_source_without_an_address_names_the_setting(grafana: FakeGrafana) -> None:
    with pytest.raises(SettingsError, match="DAYAHEAD_GRAFANA_DATABASE_URL"):
        Publisher(settings(grafana, grafana_database_url=SecretStr(""))).publish(generated_dashboards())


def test_a_rejection_has_the_reason_of_grafana(grafana: FakeGrafana) -> None:
    grafana.refuses = True
    with pytest.raises(SettingsError, match=r"rejected the request \(403\): .*Permissions needed"):
        Publisher(settings(grafana)).publish(generated_dashboards())


def test_no_token_and_no_password_is_refused_before_anything_is_sent(grafana: FakeGrafana) -> None:
    with pytest.raises(SettingsError, match="DAYAHEAD_GRAFANA_TOKEN"):
        Publisher(settings(grafana, grafana_token=SecretStr("")))


def test_an_unreachable_grafana_is_reported(grafana: FakeGrafana) -> None:
    with pytest.raises(SettingsError, match="does not answer"):
        Publisher(settings(grafana, grafana_url="http://127.0.0.1:9")).publish(generated_dashboards())
