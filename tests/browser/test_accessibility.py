"""What axe-core finds on the page, and whether its tables fit."""

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.api.sample import HOLED, STALE
from tests.api.serving import Site
from tests.looking import Visit

pytestmark = [pytest.mark.browser, pytest.mark.servers]

Open = Callable[..., Visit]

WIDTHS = (390, 1440, 1920)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("series_id", [STALE, HOLED])
def test_axe_finds_no_violation(site: Site, visit: Open, width: int, scheme: str, series_id: str) -> None:
    seen = visit(site, f"/?series={series_id.replace('/', '%2F')}", width=width, color_scheme=scheme)
    expect(seen.page.locator("#all tbody tr").first).to_be_visible()
    found = Axe().run(seen.page)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("width", [*WIDTHS, 1024])
def test_no_table_is_cut_off(site: Site, visit: Open, width: int) -> None:
    seen = visit(site, width=width)
    expect(seen.page.locator("#all tbody tr").first).to_be_visible()
    seen.page.evaluate("document.querySelector('#all tbody a').textContent = 'North and middle / large industry 1234'")
    hidden = seen.page.evaluate(
        "[...document.querySelectorAll('.scroll, html')].map((one) => one.scrollWidth - one.clientWidth)"
    )
    assert hidden == [0] * len(hidden)
