"""The forecast of a grid operator on the page, next to ours."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from api.settings import ApiSettings
from dayahead.hours import from_hour
from dayahead.reading.source_file import load_source
from tests.api.fakes import NOW
from tests.api.sample import SOURCE, insert_sample
from tests.api.serving import Site
from tests.looking import Visit
from tests.operator_forecasts import Operator, reference_of

pytestmark = [pytest.mark.browser, pytest.mark.servers]

FORECAST, OTHER = "DK1/111", "DK1/112"
TITLE = "Day-ahead forecast of the operator"


@pytest.fixture
def site(database_url: str, redis_url: str, serve: Callable[[ApiSettings], Site]) -> Site:
    """The sample, and an operator that forecasts one series up to 20 hours after the newest one, 10 % too high."""
    sample = insert_sample(database_url, redis_url, NOW, hours=500)
    row = next(place for place, one in enumerate(sample.series) if one.series_id == FORECAST)
    values = sample.values[row]
    rows = [(FORECAST, sample.start + place, 1.1 * values[min(place, len(values) - 1)]) for place in range(520)]
    reference = reference_of(load_source(SOURCE), title=TITLE, attribution="Credit to the operator")
    operator = Operator(database_url, reference)
    operator.publish(from_hour(sample.start) - timedelta(days=1), rows)
    operator.publish(from_hour(sample.newest + 1), [(FORECAST, sample.newest + 3, 1e6)])
    assert operator.score() > 0
    return serve(ApiSettings(_env_file=None, database_url=database_url, redis_url=redis_url))


def test_the_forecast_of_an_operator_is_a_line_of_its_own_named_in_the_legend_and_compared(
    site: Site, visit: Callable[..., Visit]
) -> None:
    seen = visit(site, f"/?series={FORECAST.replace('/', '%2F')}")
    expect(seen.page.locator("#chart-caption .key.reference")).to_have_text(TITLE)
    line = seen.page.locator("#chart path.reference").get_attribute("d") or ""
    assert line.count("L") == 168 + 20 - 1  # the week observed, and what lies ahead, in one line
    seen.page.locator("#chart").focus()
    seen.page.keyboard.press("End")
    for _ in range(2):
        seen.page.keyboard.press("PageUp")
    expect(seen.page.locator("#chart-reading")).to_contain_text(TITLE)
    expect(seen.page.locator("#accuracy")).to_contain_text(f"{TITLE}, on the same")
    expect(seen.page.locator("#accuracy")).to_contain_text("than the reference by")
    assert seen.page.locator("#accuracy .bar.reference-bar").count() == 1
    expect(seen.page.locator("#accuracy .bar-row").last).to_contain_text("10.0 %")
    expect(seen.page.locator("#attribution")).to_contain_text("Credit to the operator")


def test_the_day_view_draws_the_operators_forecast_as_it_was_known_and_saves_it(
    site: Site, visit: Callable[..., Visit]
) -> None:
    seen = visit(site, f"/?series={FORECAST.replace('/', '%2F')}&day=today")
    expect(seen.page.locator("#day-legend .key.reference")).to_have_text(TITLE)
    line = seen.page.locator("#day-chart path.reference").get_attribute("d") or ""
    with seen.page.expect_download() as download:
        seen.page.locator("#day-csv").click()
    header, *rows = download.value.path().read_text().splitlines()
    assert header.split(",")[-1] == "operator"
    known = [row for row in rows if row.split(",")[-1]]
    assert 20 <= len(known) == line.count("L") + 1


def test_a_series_that_no_reference_forecasts_shows_none(site: Site, visit: Callable[..., Visit]) -> None:
    seen = visit(site, f"/?series={OTHER.replace('/', '%2F')}")
    expect(seen.page.locator("#accuracy .bar-row").first).to_be_visible()
    assert seen.page.locator(".reference, .reference-bar").count() == 0
