"""Reports of drift and accuracy in a browser: linked on the page, drawn, and without any request elsewhere."""

from collections.abc import Callable
from dataclasses import dataclass

import psycopg
import pytest
from playwright.sync_api import Browser, expect
from pydantic import SecretStr

from dayahead.storage.tables.model_report import ReportKind
from tests.api.conftest import SampleService
from tests.api.fakes import NOW
from tests.api.sample import RELEASE, insert_sample
from tests.api.serving import Site
from tests.looking import Visit
from tests.trainer.report_rows import report_rows
from trainer.reports.making import Reporter
from trainer.reports.task import ReportTask
from trainer.settings import ReportSettings

pytestmark = [pytest.mark.browser, pytest.mark.servers]

DRAWN_MS = 60_000
HOSTILE = "</script><script>document.title='taken'</script>"


@dataclass
class Address:
    url: str


@pytest.fixture
def database(database_url: str, redis_url: str) -> str:
    """The sample, with a report of the training of its release and one of a hostile name."""
    insert_sample(database_url, redis_url, NOW, hours=500)
    with psycopg.connect(database_url) as connection:
        (run,) = connection.execute("SELECT max(tuning_run_key) FROM tuning_run").fetchone() or (None,)
    reporter = Reporter(SecretStr(database_url), ReportSettings(), lambda: NOW)
    made = reporter.make(ReportTask(RELEASE, ReportKind.TRAINING, lambda: report_rows(factor=3.0), run))
    assert made.summary is not None, made.failure
    assert made.summary.drifted_areas == ["DK1"]
    reporter.make(ReportTask(RELEASE, ReportKind.WEEKLY, lambda: report_rows(area=HOSTILE)))
    return database_url


@pytest.mark.timeout(600)
def test_a_report_is_linked_and_drawn_by_itself_alone(
    database: str,
    redis_url: str,
    sample_service: SampleService,
    serve: Callable[..., Site],
    visit: Callable[..., Visit],
    browser: Browser,
) -> None:
    site = serve(sample_service.settings(database_url=database, redis_url=redis_url))
    page = visit(site, wait_for="#releases tbody tr").page
    expect(page.locator("#releases tr", has_text=RELEASE).first.get_by_text("Report")).to_have_attribute(
        "href", "/v1/reports/2"
    )
    link = page.locator("#trainings-table + .scroll a", has_text="Report").first
    expect(link).to_have_attribute("href", "/v1/reports/1")
    with page.context.expect_page() as opened:
        link.click()
    opened.value.close()

    for number, area in ((1, "DK1"), (2, HOSTILE)):
        seen = Visit(browser.new_page())
        seen.hear()
        seen.page.goto(f"{site.url}/v1/reports/{number}")
        expect(seen.page.get_by_text("By area: ")).to_be_visible(timeout=DRAWN_MS)
        expect(seen.page.get_by_text(area, exact=True).first).to_be_visible(timeout=DRAWN_MS)
        expect(seen.page.get_by_text("Dataset Drift", exact=False).first).to_be_visible(timeout=DRAWN_MS)
        expect(seen.page.locator(".js-plotly-plot").first).to_be_visible(timeout=DRAWN_MS)
        assert seen.page.title() != "taken"
        assert seen.errors == []
        own = f"{site.url}/v1/reports/{number}"
        assert [url for url in seen.requests if url != own and not url.startswith(("data:", "blob:"))] == []
        assert seen.page.evaluate("window.origin") == "null"
        seen.page.close()
