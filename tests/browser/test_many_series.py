"""The page with ten thousand series: the list is made up, the rest comes from the sample."""

import json
import re
from urllib.parse import parse_qs, urlparse

import httpx
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.api.serving import Site

pytestmark = [pytest.mark.browser, pytest.mark.servers]

MANY = 10_000
FIRST = "DK1/111"


def answer_many(page: Page, site: Site) -> None:
    """Answer the lists of series and of accuracy with many, in pages; nothing changes."""
    [series] = httpx.get(f"{site.url}/v1/series", params={"limit": 1}).json()["series"]
    report = httpx.get(f"{site.url}/v1/accuracy", params={"limit": 1}).json()
    ids = [FIRST, *(f"DK1/x{number:05}" for number in range(1, MANY))]

    def fulfill(route: Route) -> None:
        asked = urlparse(route.request.url)
        query = parse_qs(asked.query)
        start, limit = int(query.get("cursor", ["0"])[0]), int(query["limit"][0])
        entry = series if asked.path == "/v1/series" else report["series"][0]
        page_of = [
            {**entry, "series_id": one, "wape_percent": 1 + place % 50}
            for place, one in enumerate(ids[start : start + limit], start)
        ]
        more = str(start + limit) if start + limit < MANY else None
        stretch = {"after": ids[start - 1] if start else None, "up_to": ids[start + limit - 1] if more else None}
        body = {**report, "areas": ["DK1"], "next_cursor": more, "version": f"version-{start}"}
        unchanged = query.get("since") == [body["version"]]
        body |= {"series": [] if unchanged else page_of, "replaced": [] if unchanged else [stretch]}
        route.fulfill(status=200, content_type="application/json", body=json.dumps(body))

    page.route(re.compile(r"/v1/(series|accuracy)\?"), fulfill)


@pytest.fixture
def page(browser: Browser, site: Site) -> Page:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    answer_many(page, site)
    page.goto(f"{site.url}/?series={FIRST.replace('/', '%2F')}")
    expect(page.locator("#all td.wape").first).to_have_text("1.0 %", timeout=60_000)  # the list comes first
    return page


def test_only_the_rows_in_sight_are_in_the_document_and_all_are_reached_by_scrolling(page: Page) -> None:
    rows = page.locator("#all tbody tr[aria-rowindex]")
    expect(page.locator("#all-count")).to_have_text("10,000 series")
    assert rows.count() < 100
    scroller = page.locator("#all").locator("xpath=..")
    scroller.evaluate("(box) => box.scrollTo(0, box.scrollHeight)")
    expect(page.locator("#all")).to_contain_text("DK1 / x09999")
    assert rows.count() < 100
    assert page.locator("#all").get_attribute("aria-rowcount") == str(MANY + 1)
    expect(rows.last).to_have_attribute("aria-rowindex", str(MANY + 1))
    scroller.evaluate("(box) => box.scrollTo(0, box.scrollHeight / 2)")
    expect(page.locator("#all")).to_contain_text("DK1 / x05000")


def test_a_long_table_is_sorted_as_a_whole_and_keeps_the_focus_while_it_is_scrolled(page: Page) -> None:
    for _ in range(2):
        page.click("#all [data-sort=wape]")
    expect(page.locator("#all td.wape").first).to_have_text("50.0 %")
    link = page.locator("#all tbody a").nth(3)
    name = link.get_attribute("data-series")
    link.focus()
    page.locator("#all").locator("xpath=..").evaluate("(box) => box.scrollTo(0, 300)")
    expect(page.locator("#all tbody tr[aria-rowindex='30']")).to_be_attached()
    assert page.evaluate("document.activeElement.dataset.series") == name


def test_an_unchanged_list_is_not_built_again(page: Page) -> None:
    page.evaluate("document.querySelector('#all tbody a').dataset.kept = 'yes'")
    with page.expect_response(lambda response: "/v1/services" in response.url, timeout=60_000):
        pass
    with page.expect_response(lambda response: "/v1/services" in response.url, timeout=60_000):
        pass
    assert page.locator("#all tbody a[data-kept=yes]").count() == 1
