"""What axe-core finds on the page, the contrast of what it cannot see, and whether tables fit."""

import re
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


LEAST_CONTRAST = 3.0
"""WCAG 2.2, 1.4.11: graphics that are needed to understand the content, against what lies next to them."""

DRAWN = """(theme) => {
    if (theme) document.documentElement.dataset.theme = theme;
    const card = document.querySelector(".card");
    card.insertAdjacentHTML("beforeend", '<svg><path class="reference"/></svg><span class="bar reference-bar"></span>');
    const style = (selector) => getComputedStyle(card.querySelector(selector));
    const ground = getComputedStyle(card).backgroundColor;
    return [style("path.reference").stroke, style(".reference-bar").backgroundColor, ground];
}"""


@pytest.mark.parametrize(("scheme", "theme"), [("light", ""), ("dark", ""), ("light", "dark"), ("dark", "light")])
def test_the_colour_of_references_stands_out_from_the_card(site: Site, visit: Open, scheme: str, theme: str) -> None:
    seen = visit(site, color_scheme=scheme)
    stroke, bar, card = (_luminance(color) for color in seen.page.evaluate(DRAWN, theme))
    assert (card > 0.5) == ((theme or scheme) == "light")
    for drawn in (stroke, bar):
        low, high = sorted((drawn, card))
        assert (high + 0.05) / (low + 0.05) >= LEAST_CONTRAST


def _luminance(color: str) -> float:
    """Relative luminance (WCAG 2.2) of `rgb(1, 2, 3)`."""
    channels = [int(part) / 255 for part in re.findall(r"\d+", color)[:3]]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("width", [*WIDTHS, 1024])
def test_no_table_is_cut_off(site: Site, visit: Open, width: int) -> None:
    seen = visit(site, width=width)
    expect(seen.page.locator("#all tbody tr").first).to_be_visible()
    seen.page.evaluate("document.querySelector('#all tbody a').textContent = 'North and middle / large industry 1234'")
    hidden = seen.page.evaluate(
        "[...document.querySelectorAll('.scroll, html')].map((one) => one.scrollWidth - one.clientWidth)"
    )
    assert hidden == [0] * len(hidden)
