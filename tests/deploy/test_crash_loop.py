"""A crash loop on its real way: a process that dies again and again, supervisord, Prometheus and our rule."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from deploy.local.ports import free_ports
from deploy.local.supervision import Program, Supervisor
from deploy.monitoring import MonitoringFiles, MonitoringSettings, Target
from tests.ingest.building import SAMPLE_SOURCE
from tests.monitoring_server import monitoring_server
from tests.waiting import wait_until

pytestmark = pytest.mark.servers

RESTARTS = 3
PORT = free_ports(1)[0]


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    """A supervisord that keeps a real poller alive; its servers are away, which is no reason to end."""
    environment = {
        "DAYAHEAD_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing",
        "DAYAHEAD_KAFKA_BOOTSTRAP": "127.0.0.1:1",
        "DAYAHEAD_METRICS_PORT": str(PORT),
    }
    command = [sys.executable, "-c", "from dayahead.cli import main; main()", "ingest", f"--source={SAMPLE_SOURCE}"]
    supervisor = Supervisor(tmp_path)
    supervisor.start([Program("ingest", command, environment, settle_s=0)], dies_with_parent=True)
    try:
        yield supervisor
    finally:
        supervisor.shutdown()


def prepare(files: MonitoringFiles, address: str) -> list[str]:
    settings = MonitoringSettings.model_construct(
        scrape_interval_s=1, alert_restarts=RESTARTS, alert_restarts_s=600, alert_down_s=60
    )
    files.write([Target("ingest", f"127.0.0.1:{PORT}")], "127.0.0.1:1", "http://127.0.0.1:1/", SecretStr(""), settings)
    data = files.prometheus_config.replace("prometheus.yml", "data")
    return ["/usr/bin/prometheus", f"--config.file={files.prometheus_config}", f"--storage.tsdb.path={data}"]


def query(prometheus: str, expression: str) -> str | None:
    result = httpx.get(f"{prometheus}/api/v1/query", params={"query": expression}).json()["data"]["result"]
    return result[0]["value"][1] if result else None


def fires(prometheus: str) -> bool:
    return query(prometheus, 'ALERTS{alertname="ServiceRestarting",alertstate="firing"}') is not None


def test_a_crash_loop_is_reported_although_the_process_is_up_in_between(supervisor: Supervisor) -> None:
    with monitoring_server("prometheus", prepare) as prometheus:
        supervisor.start_programs(["ingest"])
        seen: set[str | None] = set()

        def is_scraped_again() -> str | None:
            started = query(prometheus, 'process_start_time_seconds{job="ingest"} and on () up{job="ingest"} == 1')
            return started if started not in seen else None

        for _ in range(RESTARTS):
            seen.add(wait_until(is_scraped_again, 60, "Prometheus to see the poller"))
            assert not fires(prometheus)
            os.kill(supervisor.states()["ingest"].pid, signal.SIGKILL)
        wait_until(lambda: fires(prometheus), 60, "ServiceRestarting to fire")
