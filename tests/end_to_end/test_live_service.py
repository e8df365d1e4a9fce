"""The live service, in one file: it is started once, and all tests of a file run in one process."""

import os
import re
import signal
from collections.abc import Callable

import httpx
import pytest

from dashboards.checking import check_queries
from deploy.local.places import Places
from deploy.local.supervision import Supervisor
from deploy.release.smoke import check
from deploy.up import WITHOUT_GRAFANA
from tests.end_to_end.conftest import RunningService
from tests.looking import Visit
from tests.waiting import wait_until

pytestmark = [pytest.mark.end_to_end, pytest.mark.servers, pytest.mark.timeout(420)]


def test_up_gives_every_series_a_forecast_of_the_model_that_beats_the_naive(running_service: RunningService) -> None:
    assert "76 series have a forecast" in running_service.output
    measured = re.search(r"WAPE ([\d.]+)%, seasonal naive ([\d.]+)%", running_service.output)
    assert measured is not None, running_service.output
    assert float(measured[1]) < float(measured[2])
    assert f"http://localhost:{running_service.url.rpartition(':')[2]}" in running_service.output
    assert f"Grafana: {WITHOUT_GRAFANA}" in running_service.output


def test_a_first_start_fires_no_alert_about_what_has_yet_to_start(running_service: RunningService) -> None:
    prometheus = running_service.setting("DAYAHEAD_PROMETHEUS_URL")
    early = 'ALERTS{alertname=~"Service.*|PartitionWithoutWorker",alertstate="firing"}'
    answer = httpx.get(f"{prometheus}/api/v1/query", params={"query": f"max_over_time({early}[1h])"}).json()
    assert answer["data"]["result"] == []


def test_up_on_a_running_stack_changes_nothing_and_prints_the_same(running_service: RunningService) -> None:
    before = running_service.dayahead("status").stdout
    again = running_service.dayahead("up")
    assert again.returncode == 0, again.stderr
    assert "were running\n" in again.stdout, "nothing is restarted"
    assert "already there" in again.stdout
    assert "76 series have a forecast" in again.stdout
    assert "backoff" not in before


def test_up_on_a_running_stack_applies_a_changed_setting_and_says_to_whom(running_service: RunningService) -> None:
    running_service.environment["DAYAHEAD_MAX_RECORDS"] = "123456"
    again = running_service.dayahead("up")
    assert again.returncode == 0, again.stderr
    output = again.stdout.replace("\n", " ")
    assert "were running; restarted for changed settings: ingest (DAYAHEAD_MAX_RECORDS)" in output


def test_status_shows_every_process_ready(running_service: RunningService) -> None:
    status = running_service.dayahead("status")
    assert status.returncode == 0, status.stdout
    for process in ("postgres", "redis", "kafka", "prometheus", "alertmanager", "worker-1", "worker-2", "ingest"):
        assert re.search(rf"^\s*{process}\s+running", status.stdout, re.MULTILINE), status.stdout
    assert "Lag: " in status.stdout
    assert "76 known" in status.stdout


def test_the_api_serves_the_series_and_the_page(running_service: RunningService) -> None:
    assert httpx.get(f"{running_service.url}/v1/forecasts/DK1/111").json()["rung"] in (0, 1)
    assert "<html" in httpx.get(running_service.url, follow_redirects=True).text.lower()


def test_the_smoke_test_of_a_deployment_finds_a_forecast_of_every_series(running_service: RunningService) -> None:
    assert check(running_service.url, least=76).startswith("76 forecasts")


@pytest.mark.browser
def test_the_page_shows_a_live_forecast_and_its_accuracy(
    running_service: RunningService, visit: Callable[..., Visit]
) -> None:
    seen = visit(running_service, "/?series=DK2/111")
    assert seen.page.locator("#chart svg").count() == 1
    body = seen.text("body")
    for words in ("DK2", "full model", "seasonal naive", "No hour is missing", "Energinet"):
        assert words in body, f"{words!r} is not on the page:\n{body}"
    assert seen.errors == []
    assert all(request.startswith(running_service.url) for request in seen.requests)


def test_prometheus_scrapes_every_process_of_every_service(running_service: RunningService) -> None:
    prometheus = running_service.setting("DAYAHEAD_PROMETHEUS_URL")

    def up() -> dict[str, int]:
        answer = httpx.get(f"{prometheus}/api/v1/query", params={"query": "sum by (job) (up)"}).json()
        return {found["metric"]["job"]: int(found["value"][1]) for found in answer["data"]["result"]}

    expected = {"worker": 2, "trainer": 1, "api": 1, "ingest": 1}
    wait_until(lambda: expected.items() <= up().items(), 60, f"all of {expected} to be scraped")


def test_alerts_of_prometheus_reach_alertmanager_and_the_api(running_service: RunningService) -> None:
    # Prometheus sends an alert again after a minute if Alertmanager was not up the first time.
    wait_until(
        lambda: httpx.get(f"{running_service.url}/v1/alerts").json()["watchdog"],
        120,
        "the alert that always fires",
        pause_s=1,
    )


def test_every_query_of_every_dashboard_returns_data(running_service: RunningService) -> None:
    reader = running_service.setting("DAYAHEAD_DATABASE_URL").replace(
        f"dayahead_app:{running_service.setting('DAYAHEAD_APP_PASSWORD')}",
        f"dayahead_reader:{running_service.setting('DAYAHEAD_READER_PASSWORD')}",
    )
    prometheus = running_service.setting("DAYAHEAD_PROMETHEUS_URL")

    def faults() -> list[str]:
        results = check_queries(prometheus, reader)
        assert len(results) > 20
        return [
            f"{result.query.dashboard}/{result.query.panel}: {result.error or 'no data'}"
            for result in results
            if not result.ok
        ]

    # rates want a few scrapes, and forecasts a day of replay to be scored
    wait_until(lambda: not faults(), 120, f"every panel to have data; at first these had none: {faults()}", pause_s=2)


def test_a_killed_worker_restarts(running_service: RunningService) -> None:
    supervisor = Supervisor(Places().stacks / running_service.environment["DAYAHEAD_STACK_NAME"])
    before = supervisor.states()["worker-1"].pid
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: supervisor.states()["worker-1"].pid not in (0, before), 60, "the worker to be started again")
    wait_until(lambda: running_service.dayahead("status").returncode == 0, 90, "every service to be ready again")
