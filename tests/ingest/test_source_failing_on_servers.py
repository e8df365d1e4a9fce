"""SourceFailing on its real way: a server that fails, the ingest process, its metrics, Prometheus and our rule."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import psycopg
import pytest
import yaml
from pydantic import SecretStr

from dayahead.hours import to_hour, wall_clock
from dayahead.storage.tables.poll_failure import read_failure
from dayahead.storage.tables.source import load_sources
from deploy.local.ports import free_ports
from deploy.monitoring import MonitoringFiles, MonitoringSettings, Target
from tests.conftest import TopicRoom
from tests.ingest.building import make_record, make_source
from tests.monitoring_server import monitoring_server
from tests.waiting import wait_until

pytestmark = pytest.mark.servers

GOOD = json.dumps({"total": 1, "records": [make_record(to_hour(wall_clock()) - 2)]}).encode()
SOURCES = ("server-error", "rate-limited", "dripping", "dripping-headers", "unreachable")


class FailingApi:
    """Answers each dataset as its name says until `well`; then every dataset as it should."""

    def __init__(self) -> None:
        self.well = threading.Event()

    def handler(self) -> type[BaseHTTPRequestHandler]:
        well = self.well

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if well.is_set():
                    self.answer(200, GOOD)
                elif "server-error" in self.path:
                    self.answer(503, b"maintenance")
                elif "rate-limited" in self.path:
                    self.answer(429, b"too fast", {"Retry-After": "1"})
                else:
                    self.drip(b"X-Header: 1\r\n" if "dripping-headers" in self.path else b" ")

            def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
                self.send_response(status)
                for name, value in ({"Content-Length": str(len(body))} | (headers or {})).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def drip(self, part: bytes) -> None:
                """A part now and then, so that no read times out, until the client closes the connection."""
                self.send_response(200)
                if part == b" ":
                    self.end_headers()
                else:
                    self.flush_headers()
                try:
                    while not well.wait(0.1):
                        self.wfile.write(part)
                        self.wfile.flush()
                except OSError:
                    pass

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler


@contextmanager
def serving(api: FailingApi, port: int) -> Iterator[None]:
    with ThreadingHTTPServer(("127.0.0.1", port), api.handler()) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield
        finally:
            api.well.set()
            server.shutdown()


def write_sources(folder: Path, port: int, closed_port: int) -> None:
    for name in SOURCES:
        url = f"http://127.0.0.1:{closed_port if name == 'unreachable' else port}"
        source = make_source(name=name, dataset=name, url=url, poll_interval_s=0.5)
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(source.model_dump(mode="json", exclude_none=True)))


@contextmanager
def ingest(room: TopicRoom, database_url: str, folder: Path, metrics_port: int) -> Iterator[None]:
    environment = os.environ | {
        "DAYAHEAD_DATABASE_URL": database_url,
        "DAYAHEAD_KAFKA_BOOTSTRAP": room.bootstrap,
        "DAYAHEAD_TOPIC_PREFIX": room.prefix,
        "DAYAHEAD_MIN_REQUEST_INTERVAL_S": "0",
        "DAYAHEAD_ANSWER_TIMEOUT_S": "1",
        "DAYAHEAD_METRICS_PORT": str(metrics_port),
    }
    command = [sys.executable, "-c", "from dayahead.cli import main; main()", "ingest", f"--source={folder}"]
    process = subprocess.Popen(command, env=environment, cwd=folder)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def prometheus_of(metrics_port: int) -> Callable[[MonitoringFiles, str], list[str]]:
    def prepare(files: MonitoringFiles, address: str) -> list[str]:
        settings = MonitoringSettings.model_construct(scrape_interval_s=1, alert_source_failing_s=3)
        targets = [Target("ingest", f"127.0.0.1:{metrics_port}")]
        files.write(targets, "127.0.0.1:1", "http://127.0.0.1:1/", SecretStr(""), settings)
        data = files.prometheus_config.replace("prometheus.yml", "data")
        return ["/usr/bin/prometheus", f"--config.file={files.prometheus_config}", f"--storage.tsdb.path={data}"]

    return prepare


def failing(prometheus: str) -> set[str]:
    """Sources that SourceFailing fires for."""
    alerts = httpx.get(f"{prometheus}/api/v1/alerts").json()["data"]["alerts"]
    fired = [a["labels"] for a in alerts if a["labels"]["alertname"] == "SourceFailing" and a["state"] == "firing"]
    return {labels["source"] for labels in fired}


def test_source_failing_fires_for_every_way_in_which_a_server_fails_and_ends_when_it_is_well(
    topics: TopicRoom, database_url: str, tmp_path: Path
) -> None:
    topics.create(partitions=4)
    port, closed_port, metrics_port = free_ports(3)
    write_sources(tmp_path, port, closed_port)
    api = FailingApi()
    with (
        serving(api, port),
        ingest(topics, database_url, tmp_path, metrics_port),
        monitoring_server("prometheus", prometheus_of(metrics_port)) as prometheus,
    ):
        wait_until(lambda: failing(prometheus) == set(SOURCES), 90, "SourceFailing to fire for all sources")
        with psycopg.connect(database_url) as connection:
            keys = {name: entry.source_key for name, entry in load_sources(connection).items()}
            errors = {name: read_failure(connection, keys[name]).error for name in SOURCES}
        assert "answered 503: maintenance" in errors["server-error"]
        assert "answered 429: too fast" in errors["rate-limited"]
        assert "did not send its whole response within 1 s" in errors["dripping"]
        assert "did not send its whole response within 1 s" in errors["dripping-headers"]
        assert "cannot be reached" in errors["unreachable"]
        api.well.set()
        with serving(api, closed_port):
            wait_until(lambda: not failing(prometheus), 90, "SourceFailing to end")
