"""A longer history, the zoom of the chart, and the time zone of the page."""

import csv
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.api.serving import Site
from tests.looking import Visit

pytestmark = [pytest.mark.browser, pytest.mark.servers]

Open = Callable[..., Visit]
SERIES = "/?series=DK1%2F111"
ANSWER_MS = 20_000


def observed_hours(page: Page) -> int:
    return int(page.locator("#chart path.observed").get_attribute("data-hours") or 0)


def drag(page: Page, start: float, end: float) -> None:
    """Drag over a part of the chart, from one share of its width to another."""
    box = page.locator("#chart").bounding_box()
    assert box is not None
    for step, share in (("move", start), ("down", 0), ("move", (start + end) / 2), ("move", end), ("up", 0)):
        if step == "move":
            page.mouse.move(box["x"] + share * box["width"], box["y"] + 100)
        else:
            getattr(page.mouse, step)()


def test_a_month_and_all_that_is_known_of_a_year_are_shown(site: Site, visit: Open) -> None:
    seen = visit(site, SERIES)
    seen.page.click("[data-hours='720']")
    expect(seen.page.locator("#chart path.observed")).to_have_attribute("data-hours", "720", timeout=ANSWER_MS)
    seen.page.click("[data-hours='8760']")
    expect(seen.page.locator("#chart path.observed")).not_to_have_attribute("data-hours", "720", timeout=ANSWER_MS)
    assert observed_hours(seen.page) > 720
    seen.page.click("[data-hours='168']")
    assert observed_hours(seen.page) == 168
    assert seen.errors == []


def test_the_chart_is_zoomed_by_dragging_and_by_keyboard_and_saved_as_shown(
    site: Site, visit: Open, tmp_path: Path
) -> None:
    seen = visit(site, SERIES)
    page = seen.page
    expect(page.locator("#chart-reset")).to_be_hidden()
    drag(page, 0.2, 0.4)
    expect(page.locator("#chart-reset")).to_be_visible()
    hours = observed_hours(page)
    assert 24 < hours < 80
    with page.expect_download() as download:
        page.click("#chart-csv")
    saved = tmp_path / "saved.csv"
    download.value.save_as(saved)
    assert len(list(csv.DictReader(saved.open()))) == hours
    page.click("#chart-reset")
    assert observed_hours(page) == 168
    page.focus("#chart")
    page.keyboard.press("Home")
    page.keyboard.press("+")
    assert observed_hours(page) < 168
    page.keyboard.press("Escape")
    assert observed_hours(page) == 168
    assert seen.errors == []


def test_the_zone_of_the_page_is_chosen_and_kept(site: Site, visit: Open) -> None:
    seen = visit(site, SERIES, timezone_id="Asia/Kolkata")
    facts = seen.page.locator("#facts")
    expect(facts).to_contain_text("Tue 24 Jan, 23:00")
    seen.page.select_option("#zone", "utc")
    expect(facts).to_contain_text("Tue 24 Jan, 22:00")
    expect(facts).to_contain_text("times in UTC")
    expect(seen.page.locator("#health")).to_contain_text("Tue 24 Jan, 22:00")
    seen.page.select_option("#zone", "browser")
    expect(facts).to_contain_text("Wed 25 Jan, 03:30")
    seen.page.reload()
    expect(seen.page.locator("#facts")).to_contain_text(re.compile("Wed 25 Jan, 03:30"), timeout=ANSWER_MS)
    assert seen.errors == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440, 1920])
def test_axe_finds_no_violation_in_a_zoomed_year(site: Site, visit: Open, width: int, scheme: str) -> None:
    page = visit(site, SERIES, width=width, color_scheme=scheme).page
    page.click("[data-hours='8760']")
    expect(page.locator("#chart path.observed")).not_to_have_attribute("data-hours", "168", timeout=ANSWER_MS)
    page.focus("#chart")
    page.keyboard.press("+")
    expect(page.locator("#chart-reset")).to_be_visible()
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
