import os
import re
import signal

import httpx
import pytest

from deploy.local.places import Places
from deploy.local.supervision import Supervisor
from tests.end_to_end.conftest import RunningService
from tests.waiting import wait_until

pytestmark = [pytest.mark.end_to_end, pytest.mark.servers, pytest.mark.timeout(420)]


def test_up_gives_every_series_a_forecast_of_the_model_that_beats_the_naive(running_service: RunningService) -> None:
    assert "76 series have a forecast" in running_service.told
    measured = re.search(r"WAPE ([\d.]+)%, seasonal naive ([\d.]+)%", running_service.told)
    assert measured is not None, running_service.told
    assert float(measured[1]) < float(measured[2])
    assert f"http://localhost:{running_service.url.rpartition(':')[2]}" in running_service.told


def test_up_on_a_running_stack_changes_nothing_and_prints_the_same(running_service: RunningService) -> None:
    before = running_service.dayahead("status").stdout
    again = running_service.dayahead("up")
    assert again.returncode == 0, again.stderr
    assert "were running" in again.stdout
    assert "already there" in again.stdout
    assert "76 series have a forecast" in again.stdout
    assert "backoff" not in before


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


def test_a_worker_that_is_killed_comes_back(running_service: RunningService) -> None:
    supervisor = Supervisor(Places().stacks / running_service.environment["DAYAHEAD_STACK_NAME"])
    before = supervisor.states()["worker-1"].pid
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: supervisor.states()["worker-1"].pid not in (0, before), 60, "the worker to be started again")
    wait_until(lambda: running_service.dayahead("status").returncode == 0, 90, "every service to be ready again")
