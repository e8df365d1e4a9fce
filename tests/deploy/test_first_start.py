"""A service that was never up and a real Prometheus that has just started: no alert until a start has had its time."""

from collections.abc import Callable

import httpx
import pytest
from pydantic import SecretStr

from deploy.local.ports import free_ports
from deploy.monitoring import MonitoringFiles, MonitoringSettings, Target
from tests.monitoring_server import monitoring_server
from tests.waiting import wait_until

pytestmark = pytest.mark.servers

DOWN_S = 12  # longer than Prometheus takes to learn its targets
EVALUATIONS = 20


def prometheus_with(start_s: int) -> Callable[[MonitoringFiles, str], list[str]]:
    """A Prometheus that scrapes itself and a poller that does not run."""

    def prepare(files: MonitoringFiles, address: str) -> list[str]:
        settings = MonitoringSettings.model_construct(
            scrape_interval_s=1, alert_down_s=DOWN_S, alert_not_ready_s=DOWN_S, alert_start_s=start_s
        )
        targets = [Target("ingest", f"127.0.0.1:{free_ports(1)[0]}"), Target("prometheus", address)]
        files.write(targets, "127.0.0.1:1", "http://127.0.0.1:1/", SecretStr(""), settings)
        data = files.prometheus_config.replace("prometheus.yml", "data")
        return ["/usr/bin/prometheus", f"--config.file={files.prometheus_config}", f"--storage.tsdb.path={data}"]

    return prepare


def query(prometheus: str, expression: str) -> list[dict[str, str]]:
    answer = httpx.get(f"{prometheus}/api/v1/query", params={"query": expression}).json()
    return [found["metric"] for found in answer["data"]["result"]]


def down(prometheus: str) -> set[tuple[str, str]]:
    """Names and jobs of the alerts about what does not run that fire, or have fired."""
    found = query(prometheus, 'max_over_time(ALERTS{alertname=~"ServiceDown|Partition.*",alertstate="firing"}[1h])')
    return {(labels["alertname"], labels.get("job", "")) for labels in found}


def test_a_service_that_was_not_started_yet_is_not_down() -> None:
    with monitoring_server("prometheus", prometheus_with(start_s=1800)) as prometheus:
        judged = f'count_over_time(up{{job="ingest"}}[1h]) > {EVALUATIONS} and on () up{{job="prometheus"}} == 1'
        wait_until(lambda: query(prometheus, judged), 60, f"{EVALUATIONS} scrapes that failed")
        assert down(prometheus) == set()
        # this distinguishes a restart from a reload
        assert query(prometheus, 'go_memstats_alloc_bytes_total{job="prometheus"}')
        assert query(prometheus, "dayahead_prometheus_start:timestamp > time() - 600")


def test_a_service_that_does_not_come_up_in_its_time_is_down() -> None:
    expected = {("ServiceDown", job) for job in ("ingest", "worker", "trainer", "api")} | {
        ("PartitionWithoutWorker", "")
    }
    with monitoring_server("prometheus", prometheus_with(start_s=0)) as prometheus:
        wait_until(lambda: down(prometheus) == expected, 60, f"{expected} to fire")
