"""The health strip shows the worst state: a failing source, and critical alerts of a real Alertmanager."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import httpx
import psycopg
import pytest
from playwright.sync_api import Locator, expect
from pydantic import SecretStr

from api.app import create_app
from dayahead.storage.tables.poll_failure import PollFailure, clear_failure, record_failure
from dayahead.storage.tables.source import load_sources
from deploy.monitoring import MonitoringFiles, MonitoringSettings
from tests.api.conftest import SampleService
from tests.api.fakes import NOW
from tests.api.sample import SOURCE, insert_sample
from tests.api.serving import Site
from tests.looking import Visit
from tests.monitoring_server import monitoring_server

pytestmark = [pytest.mark.browser, pytest.mark.servers]

Open = Callable[..., Visit]
NAME = SOURCE.stem
LONG_MS = 40_000


@pytest.fixture(scope="module")
def alertmanager() -> Iterator[str]:
    def prepare(files: MonitoringFiles, address: str) -> list[str]:
        files.write([], address, "http://127.0.0.1:1/", SecretStr(""), MonitoringSettings.model_construct())
        data = files.alertmanager_config.replace("alertmanager.yml", "data")
        options = [f"--config.file={files.alertmanager_config}", f"--storage.path={data}"]
        return ["/usr/bin/prometheus-alertmanager", *options, "--cluster.listen-address="]

    with monitoring_server("alertmanager", prepare) as url:
        yield url


@pytest.fixture
def site(
    database_url: str, redis_url: str, sample_service: SampleService, alertmanager: str
) -> Iterator[tuple[Site, str]]:
    insert_sample(database_url, redis_url, NOW)
    settings = sample_service.settings(
        database_url=database_url, redis_url=redis_url, alertmanager_url=alertmanager, prometheus_url="http://[::1]:1"
    )
    site = Site(lambda: create_app(settings, lambda: NOW + timedelta(minutes=30)))
    site.start()
    yield site, database_url
    site.stop()


def tile(seen: Visit, name: str) -> Locator:
    return seen.page.locator("#health .tile").filter(has=seen.page.locator("dt", has_text=name))


def fail(database_url: str, since: datetime) -> None:
    with psycopg.connect(database_url) as connection:
        key = load_sources(connection)[NAME].source_key
        record_failure(connection, key, PollFailure(since, "it answered 503: maintenance", NOW + timedelta(hours=1)))


def test_a_source_that_fails_is_never_green_and_says_since_when_and_why(site: tuple[Site, str], visit: Open) -> None:
    served, database_url = site
    seen = visit(served)
    source = tile(seen, "Source")
    expect(source).to_have_attribute("data-tone", "good")
    fail(database_url, NOW + timedelta(minutes=29, seconds=50))
    expect(source).to_have_attribute("data-tone", "warn", timeout=LONG_MS)
    expect(source.locator(".value")).to_contain_text("Retried")
    fail(database_url, NOW)
    expect(source).to_have_attribute("data-tone", "bad", timeout=LONG_MS)
    expect(source.locator(".value")).to_contain_text("Failing")
    expect(source.locator(".note")).to_have_text(
        f"{NAME}: no poll has succeeded for 30 min: it answered 503: maintenance"
    )
    expect(seen.page.locator("#why")).to_contain_text("no poll has succeeded for 30 min")
    expect(seen.page.locator("#badges")).to_contain_text("Source is failing")
    with psycopg.connect(database_url) as connection:
        clear_failure(connection, load_sources(connection)[NAME].source_key)
    expect(source).to_have_attribute("data-tone", "good", timeout=LONG_MS)


def test_a_critical_alert_makes_its_tile_and_the_strip_red(
    site: tuple[Site, str], visit: Open, alertmanager: str
) -> None:
    served, _ = site
    seen = visit(served)
    accuracy = tile(seen, "Accuracy")
    expect(accuracy).to_have_attribute("data-tone", "good")
    alert = {
        "labels": {"alertname": "MapeCritical", "severity": "critical", "area": "DK1"},
        "annotations": {"summary": "MAPE of DK1 is 41%: a retune is asked for"},
        "startsAt": datetime.now(UTC).isoformat(),
    }
    httpx.post(f"{alertmanager}/api/v2/alerts", json=[alert]).raise_for_status()
    expect(accuracy).to_have_attribute("data-tone", "bad", timeout=LONG_MS)
    expect(accuracy.locator(".value")).to_contain_text("WAPE")
    expect(accuracy.locator(".note")).to_have_text("MAPE of DK1 is 41%: a retune is asked for")
    expect(tile(seen, "Alerts").locator(".value")).to_contain_text("1 critical")
    expect(seen.page.locator("#health")).to_have_attribute("data-tone", "bad")


def test_the_runbook_opens_at_the_section_of_an_alert(site: tuple[Site, str], visit: Open) -> None:
    served, _ = site
    seen = visit(served, "/runbook#partitionstopped", wait_for="h2#partitionstopped")
    expect(seen.page.locator("h2#partitionstopped")).to_be_in_viewport()
    expect(seen.page.locator("h1")).to_have_text("Runbook")
    assert seen.errors == []
