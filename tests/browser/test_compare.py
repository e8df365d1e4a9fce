"""Several series in one chart."""

import csv
from collections.abc import Callable
from pathlib import Path

import httpx
import psycopg
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from api.settings import ApiSettings
from dayahead.reading.source_file import load_source
from dayahead.storage.tables.series import register_series
from dayahead.storage.tables.source import register_source
from dayahead.totals import total_label, totals_source
from tests.api.conftest import SampleService
from tests.api.fakes import NOW
from tests.api.sample import SOURCE, insert_sample
from tests.api.serving import Site
from tests.looking import Visit

pytestmark = [pytest.mark.browser, pytest.mark.servers]

Open = Callable[..., Visit]


def add(page: Page, series_id: str) -> None:
    page.fill("#compare-id", series_id)
    page.click("#compare-add button")


def test_up_to_four_series_are_compared_kept_in_the_address_and_saved(site: Site, visit: Open, tmp_path: Path) -> None:
    seen = visit(site, "/?series=DK1%2F111")
    page = seen.page
    expect(page.locator("#compare-body")).to_be_hidden()
    for place, series_id in enumerate(("DK2/111", "DK1/112", "DK1/119"), 1):
        add(page, series_id)
        expect(page.locator(f"#compare path.line-{place}")).to_have_count(1)
    add(page, "DK1/121")
    expect(page.locator("#compare-said")).to_have_text("4 series at most.")
    assert page.url.endswith("&compare=DK2%2F111&compare=DK1%2F112&compare=DK1%2F119")
    page.check("#compare-relative")
    expect(page.locator("#compare-legend")).to_contain_text("% of its mean")
    with page.expect_download() as download:
        page.click("#compare-csv")
    saved = tmp_path / "saved.csv"
    download.value.save_as(saved)
    rows = {row["valid_time"]: row for row in csv.DictReader(saved.open())}
    forecast = httpx.get(f"{site.url}/v1/forecasts/DK2/111").json()
    assert float(rows["2023-01-24T23:00:00Z"]["DK2/111"]) == forecast["p50"][0]
    page.click("[data-remove='DK1/112']")
    expect(page.locator("#compare path.line-3")).to_have_count(0)
    page.reload()
    expect(page.locator("#compare path.line-2")).to_have_count(1, timeout=20_000)
    assert seen.errors == []


def test_an_unknown_series_is_said(site: Site, visit: Open) -> None:
    page = visit(site, "/?series=DK1%2F111").page
    add(page, "DK9/<b>1</b>")
    expect(page.locator("#compare-said")).to_have_text("No series is called “DK9/<b>1</b>”.")


def test_the_total_of_the_area_is_linked_where_the_source_has_totals(
    serve: Callable[[ApiSettings], Site], sample_service: SampleService, database_url: str, redis_url: str, visit: Open
) -> None:
    insert_sample(database_url, redis_url, NOW, hours=500)
    totals = totals_source(load_source(SOURCE).model_copy(update={"totals": True}))
    with psycopg.connect(database_url) as connection:
        source = register_source(connection, totals)
        ids = [f"{totals.name}/{total_label(area)}" for area in ("DK1", "DK2", None)]
        register_series(connection, ids, source, 8, NOW)
    settings = sample_service.settings(database_url=database_url, redis_url=redis_url)
    seen = visit(serve(settings), "/?series=DK2%2F111")
    link = seen.page.locator("#compare-total")
    expect(link).to_have_text("Total of DK2")
    link.click()
    expect(seen.page.locator("h1#series-title")).to_contain_text("area-DK2")
    expect(link).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440, 1920])
def test_axe_finds_no_violation(site: Site, visit: Open, width: int, scheme: str) -> None:
    path = "/?series=DK1%2F111&compare=DK2%2F111&compare=DK1%2F112"
    page = visit(site, path, width=width, color_scheme=scheme, wait_for="#compare path.line-2").page
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
