"""Alerts, drift and accuracy by hour on the page."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import httpx
import psycopg
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from api.app import create_app
from api.backends import Backends
from api.settings import ApiSettings
from dayahead.hours import Clock
from tests.api.conftest import SampleService
from tests.api.fakes import NOW
from tests.api.sample import insert_sample
from tests.api.serving import Site
from tests.browser.conftest import backends_with_watchers, watchers
from tests.looking import Visit

pytestmark = [pytest.mark.browser, pytest.mark.servers]

Open = Callable[..., Visit]
DRIFTED = "DK1/111"


def alert(name: str, severity: str, runbook: str, state: str = "active") -> dict[str, object]:
    return {
        "labels": {"alertname": name, "severity": severity},
        "annotations": {"summary": f"{name} <b>happens</b>", "description": "in words", "runbook_url": runbook},
        "startsAt": "2023-01-25T10:00:00Z",
        "status": {"state": state},
    }


ALERTS = [
    alert("WorkerDown", "critical", "http://localhost:8000/runbook#workerdown"),
    alert("DriftWidespread", "warning", "javascript:alert(1)"),
    alert("SourceStale", "warning", "http://localhost:8000/runbook#sourcestale", "suppressed"),
]


def firing(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json=ALERTS) if request.url.path == "/api/v2/alerts" else watchers(request)


@contextmanager
def backends_that_fire(settings: ApiSettings, clock: Clock) -> Iterator[Backends]:
    with (
        backends_with_watchers(settings, clock) as opened,
        httpx.Client(transport=httpx.MockTransport(firing)) as client,
    ):
        yield replace(opened, alertmanager=replace(opened.alertmanager, client=client))


@pytest.fixture
def site(database_url: str, redis_url: str, sample_service: SampleService) -> Iterator[Site]:
    """The sample with a drift and three alerts."""
    insert_sample(database_url, redis_url, NOW)
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "INSERT INTO drift_event (series_key, valid_time, kind, detector, statistic, recorded_at)"
            " SELECT series_key, %s, 'data', 'page-hinkley:level', 4.5, %s FROM series WHERE series_id = %s",
            [NOW - timedelta(days=5), NOW, DRIFTED],
        )
    settings = sample_service.settings(database_url=database_url, redis_url=redis_url)
    site = Site(lambda: create_app(settings, lambda: NOW, backends_that_fire))
    site.start()
    yield site
    site.stop()


def test_alerts_say_how_bad_they_are_and_link_the_runbook(site: Site, visit: Open) -> None:
    seen = visit(site, wait_for="#alerts li")
    items = seen.page.locator("#alerts li")
    expect(items).to_have_count(3)
    expect(items.nth(0)).to_contain_text("Critical")
    expect(items.nth(0)).to_contain_text("WorkerDown <b>happens</b>")  # text, never markup
    assert items.nth(0).locator("a").get_attribute("href") == "http://localhost:8000/runbook#workerdown"
    expect(items.nth(1)).to_contain_text("Warning")
    expect(items.nth(1).locator("a")).to_have_count(0)  # not every address is a link
    expect(items.nth(2)).to_contain_text("Warning, suppressed")
    assert seen.errors == []


def test_drift_is_listed_with_since_when_and_before_and_after_and_said_at_its_series(site: Site, visit: Open) -> None:
    seen = visit(site, "/?series=DK2%2F111", wait_for="#drift tbody tr")
    found = httpx.get(f"{site.url}/v1/drift?figures=true").json()["events"][0]["figures"]
    row = seen.page.locator("#drift tbody tr")
    expect(row).to_contain_text("Fri 20 Jan, 13:00")
    expect(row).to_contain_text("Level")
    expect(row).to_contain_text(f"{found['before']:,.0f} kWh")
    expect(row).to_contain_text(f"{found['after']:,.0f} kWh")
    expect(seen.page.locator("#why")).not_to_contain_text("Drift since")
    row.locator("a").click()
    expect(seen.page.locator("h1#series-title")).to_have_text("DK1 / 111")
    said = f"Drift since Fri 20 Jan, 13:00. Level: {found['before']:,.0f} kWh before, {found['after']:,.0f} kWh since"
    expect(seen.page.locator("#why")).to_contain_text(said)
    assert seen.errors == []


def test_accuracy_has_a_bar_for_each_lead_and_each_hour_of_the_day(site: Site, visit: Open) -> None:
    seen = visit(site, "/?series=DK1%2F111", wait_for="#by-hour svg")
    found = httpx.get(f"{site.url}/v1/accuracy-by-hour/DK1/111").json()
    charts = seen.page.locator("#by-hour svg")
    assert [charts.nth(place).locator("rect").count() for place in range(2)] == [24, 24]
    said = charts.nth(0).get_attribute("aria-label") or ""
    assert f"1 h ahead: WAPE {found['by_lead'][0]['wape_percent']:.1f} %" in said
    expect(seen.page.locator("#by-hour")).to_contain_text("By hour of the day in Copenhagen")
    expect(seen.page.locator("#accuracy")).to_contain_text("MASE")
    assert seen.errors == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440, 1920])
def test_axe_finds_no_violation_and_no_table_is_cut(site: Site, visit: Open, width: int, scheme: str) -> None:
    page = visit(site, "/?series=DK1%2F111", width=width, color_scheme=scheme, wait_for="#drift tbody tr").page
    expect(page.locator("#alerts li").first).to_be_visible()
    expect(page.locator("#series-title")).not_to_be_empty()
    cut = page.evaluate(
        "[...document.querySelectorAll('.scroll, html')].map((one) => one.scrollWidth - one.clientWidth)"
    )
    assert cut == [0] * len(cut)
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
