"""The service that the examples of the pages are run on: real servers, worker, API and alerts, the sample, a model."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg
import pytest
import redis
from pydantic import SecretStr

from dayahead.models.serving.release import Release
from dayahead.storage.tables.model_release import save_release
from dayahead.storage.tables.promotion import promote
from deploy.local.ports import free_ports
from deploy.local.services import DAYAHEAD
from deploy.local.stack import LocalStack
from deploy.monitoring import MonitoringFiles, MonitoringSettings, Target
from tests.api.conftest import own_database
from tests.conftest import EXAMPLES_REDIS_DATABASE, TopicRoom
from tests.dayahead.conftest import small_history, small_release, small_settings  # noqa: F401 - fixtures
from tests.ingest.building import NOW, SAMPLE, SAMPLE_SOURCE
from tests.monitoring_server import Prepare, monitoring_server
from tests.stream.ownership.test_releases import record_of
from tests.waiting import wait_until

TOKEN = "a-long-random-text"
SERIES = 76
SMALL_FIT = {
    "DAYAHEAD_TRAINING__FIT__LINEAR__PASSES": "2",
    "DAYAHEAD_TRAINING__FIT__LINEAR__BLOCKS": "3",
    "DAYAHEAD_TRAINING__FIT__LINEAR__PENALTIES": "[0.1]",
    "DAYAHEAD_TRAINING__FIT__TREES__TREES": "15",
    "DAYAHEAD_TRAINING__FIT__TREES__ROWS": "4000",
    "DAYAHEAD_TRAINING__FIT__BANDS__TREES": "10",
}
"""The examples show what is printed, not how good it is: a fit of a third of the time will do."""


@dataclass
class Reader:
    """Runs the commands of the pages in a shell in a new folder.

    Attributes:
        folder: where files are written and commands run.
        environment: of the commands.
        url: of the API.
        kafka: host:port.
    """

    folder: Path
    environment: dict[str, str]
    url: str
    kafka: str

    def as_here(self, text: str) -> str:
        """An example with the addresses of this service in the place of the usual ones."""
        return (
            text.replace("localhost:8000", self.url.removeprefix("http://"))
            .replace("localhost:9092", self.kafka)
            .replace(".venv/bin/dayahead", str(DAYAHEAD))
        )

    def start(self, *arguments: str, **settings: str) -> subprocess.Popen[bytes]:
        """Start a process of the service with additional settings."""
        with (self.folder / f"{arguments[0]}.log").open("wb") as log:
            return subprocess.Popen(
                [DAYAHEAD, *arguments], cwd=self.folder, env=self.environment | settings, stdout=log, stderr=log
            )


def alertmanager(webhook: str) -> Prepare:
    """Alertmanager, which notifies the API alone."""

    def prepare(files: MonitoringFiles, address: str) -> list[str]:
        files.write([], address, webhook, SecretStr(TOKEN), MonitoringSettings.model_construct())
        data = files.alertmanager_config.replace("alertmanager.yml", "data")
        options = [f"--config.file={files.alertmanager_config}", f"--storage.path={data}"]
        return ["/usr/bin/prometheus-alertmanager", *options, "--cluster.listen-address="]

    return prepare


def prometheus(worker: str, alerts: str) -> Prepare:
    """Prometheus, which scrapes the worker and sends alerts to an Alertmanager at host:port."""

    def prepare(files: MonitoringFiles, address: str) -> list[str]:
        settings = MonitoringSettings.model_construct(scrape_interval_s=1)
        files.write([Target("worker", worker)], alerts, "http://127.0.0.1:1/", SecretStr(""), settings)
        data = files.prometheus_config.replace("prometheus.yml", "data")
        return ["/usr/bin/prometheus", f"--config.file={files.prometheus_config}", f"--storage.tsdb.path={data}"]

    return prepare


@pytest.fixture(scope="module")
def reader(
    stack: LocalStack,
    small_release: Release,  # noqa: F811 - a fixture
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Reader]:
    """A service whose 76 series of the sample have a forecast of a model; it ends with the tests of a file."""
    with ExitStack() as resources:
        database_url = resources.enter_context(own_database(stack, "pages"))
        TopicRoom(stack.kafka.bootstrap, "").create()
        redis_url = stack.redis.url(EXAMPLES_REDIS_DATABASE)
        with redis.Redis.from_url(redis_url) as client:
            client.flushdb()
        with psycopg.connect(database_url) as connection:
            save_release(connection, record_of(small_release), small_release.to_bytes())
            promote(connection, small_release.release_id, "test", "to run the examples", NOW)
        folder = tmp_path_factory.mktemp("reader")
        port, worker_port = free_ports(2)
        alerts = resources.enter_context(
            monitoring_server("alertmanager", alertmanager(f"http://127.0.0.1:{port}/v1/alertmanager"))
        )
        watched = prometheus(f"127.0.0.1:{worker_port}", alerts.removeprefix("http://"))
        resources.enter_context(monitoring_server("prometheus", watched))
        environment = {
            **os.environ,
            **SMALL_FIT,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "NO_COLOR": "1",
            "DAYAHEAD_DATABASE_URL": database_url,
            "DAYAHEAD_REDIS_URL": redis_url,
            "DAYAHEAD_KAFKA_BOOTSTRAP": stack.kafka.bootstrap,
            "DAYAHEAD_METRICS_PORT": "0",
            "DAYAHEAD_API_PORT": str(port),
            "DAYAHEAD_API_TOKEN": TOKEN,
            "DAYAHEAD_ALERTMANAGER_URL": alerts,
        }
        one = Reader(folder, environment, f"http://127.0.0.1:{port}", stack.kafka.bootstrap)
        for process in (one.start("worker", DAYAHEAD_METRICS_PORT=str(worker_port)), one.start("api")):
            resources.callback(process.wait)
            resources.callback(process.kill)
        sample = ["--source", str(SAMPLE_SOURCE), "--data", str(SAMPLE), "--from", "2022-12-01", "--to", "2023-01-25"]
        assert one.start("backfill", *sample).wait() == 0, (folder / "backfill.log").read_text()
        wait_until(lambda: _forecasts(one.url) == SERIES, 120, "a forecast of every series of the sample")
        yield one


def _forecasts(url: str) -> int:
    try:
        answer = httpx.get(f"{url}/v1/forecasts", params={"limit": 1000})
    except httpx.TransportError:
        return 0
    return len(answer.json()["forecasts"]) if answer.status_code == 200 else 0
