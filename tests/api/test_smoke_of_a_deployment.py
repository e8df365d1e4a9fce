import subprocess
import sys

import pytest

from api.app import create_app
from deploy.local.places import CHECKOUT
from deploy.local.ports import free_ports
from deploy.release import smoke
from deploy.release.smoke import NotYetError, check, forecasts, wait
from tests.api.conftest import SampleService
from tests.api.fakes import NOW
from tests.api.serving import Site

pytestmark = pytest.mark.servers


def test_it_counts_the_forecasts_of_a_service_that_is_ready(sample_site: Site, sample_service: SampleService) -> None:
    leads = [one["leads"] for one in forecasts(sample_site.url)]
    number = sum(lead >= 24 for lead in leads)
    assert 0 < number < len(leads) <= len(sample_service.sample.series), "the sample has a shorter forecast too"
    assert check(sample_site.url, number).startswith(f"{number} forecasts of 24 hours or more, newest origin 20")
    with pytest.raises(NotYetError, match=f"{number} series have a forecast .* expected {number + 1}"):
        check(sample_site.url, number + 1)


def test_it_reads_all_pages(sample_site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once = [one["series_id"] for one in forecasts(sample_site.url)]
    asked = smoke.answer
    monkeypatch.setattr(smoke, "answer", lambda url: asked(url.replace("limit=1000", "limit=7")))
    assert [one["series_id"] for one in forecasts(sample_site.url)] == at_once
    assert len(at_once) > 7


def test_it_waits_for_a_service_that_becomes_ready(
    sample_service: SampleService, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Site(lambda: create_app(sample_service.settings(), lambda: NOW))
    monkeypatch.setattr(smoke, "PAUSE_S", 0.01)
    looked: list[str] = []
    asked = smoke.answer

    def start_after_a_failure(url: str) -> object:
        looked.append(url)
        if len(looked) == 2:
            site.start()
        return asked(url)

    monkeypatch.setattr(smoke, "answer", start_after_a_failure)
    try:
        assert "forecasts of 24 hours" in wait(site.url, 1, within_s=60)
    finally:
        site.stop()
    assert len(looked) >= 3


def test_the_command_names_the_address_that_does_not_answer() -> None:
    url = f"http://127.0.0.1:{free_ports(1)[0]}"
    command = [sys.executable, "-m", "deploy.release.smoke", url]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"smoke test failed: GET {url}/health/ready" in done.stderr
