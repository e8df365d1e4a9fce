"""A day of the calendar on the page: tomorrow, what was said of a past day, and what has changed since an hour."""

import csv
import io
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from api.app import create_app
from api.settings import ApiSettings
from dayahead.hours import from_hour
from tests.api.conftest import SampleService
from tests.api.fakes import NOW
from tests.api.sample import LEADS, NO_FORECAST, PROFILE, STALE, insert_sample
from tests.api.serving import Site
from tests.looking import Visit

pytestmark = [pytest.mark.browser, pytest.mark.servers]

Open = Callable[..., Visit]

SERIES = "DK1/111"
PAST = "2023-01-22"
MINUS = "\u2212"


def at(series_id: str, more: str = "") -> str:
    return f"/?series={series_id.replace('/', '%2F')}{more}"


def day(site: Site, date: str, **given: str) -> dict[str, Any]:
    """What the API answers."""
    answer: dict[str, Any] = httpx.get(f"{site.url}/v1/days/{date}/{SERIES}", params=given).raise_for_status().json()
    return answer


def settled(page: Page) -> None:
    expect(page.locator("#day")).to_have_attribute("aria-busy", "false")


def saved(page: Page, button: str, folder: Path) -> tuple[str, list[dict[str, str]]]:
    """Name and rows of the file that a button saves."""
    with page.expect_download() as download:
        page.click(button)
    download.value.save_as(folder / "saved.csv")
    text = (folder / "saved.csv").read_bytes().decode()
    return download.value.suggested_filename, list(csv.DictReader(io.StringIO(text, newline="")))


def test_the_chart_reaches_the_end_of_the_horizon_and_has_a_line_at_the_present_hour_of_the_source(
    site: Site, visit: Open
) -> None:
    seen = visit(site, at(SERIES))
    now = seen.page.locator("#chart line.now")
    expect(now).to_have_count(1)
    x = float(now.get_attribute("x1") or "nan")
    start, width = seen.page.evaluate(
        "(({x, width}) => [x, width])(document.querySelector('#chart path.median').getBBox())"
    )
    assert x == pytest.approx(start + width / LEADS, abs=0.5)  # it is the first hour that is forecast
    seen.page.focus("#chart")
    seen.page.keyboard.press("End")
    expect(seen.page.locator("#chart-reading")).to_contain_text("Fri 27 Jan, 01:00")
    for _ in range(LEADS - 1):
        seen.page.keyboard.press("ArrowLeft")
    expect(seen.page.locator("#chart-reading")).to_contain_text("Wed 25 Jan, 00:00, Now")


def test_tomorrow_has_its_hours_its_total_and_its_greatest_hour(site: Site, visit: Open) -> None:
    seen = visit(site, at(SERIES))
    settled(seen.page)
    answer = day(site, "tomorrow")
    expect(seen.page.locator("#day-title")).to_contain_text("Tomorrow")
    expect(seen.page.locator("#day-title")).to_contain_text("Thu 26 Jan · 24 hours · times in CET")
    expect(seen.page.locator("#day-words .verdict")).to_have_text(f"{sum(answer['p50']):,.0f} kWh in total.")
    rows = seen.page.locator("#day-table tbody tr")
    expect(rows).to_have_count(24)
    first = f"{answer['p50'][0]:,.0f}", f"{answer['p10'][0]:,.0f} to {answer['p90'][0]:,.0f}"
    assert rows.first.locator("th, td").all_inner_texts() == ["00:00", *first]
    assert rows.first.locator("th").get_attribute("title") == "25 Jan 2023, 23:00 UTC"
    expect(seen.page.locator("#day-table tfoot td").first).to_have_text(f"{sum(answer['p50']):,.0f}")
    assert f"{answer['peak']['size']['p50']:,.0f}" in seen.text("#day-words")
    assert seen.page.locator("#day-chart path.band").get_attribute("d")
    assert seen.errors == []


def test_a_past_day_is_compared_with_what_was_observed_at_any_age(site: Site, visit: Open) -> None:
    seen = visit(site, at(SERIES))
    settled(seen.page)
    seen.page.fill("#day-date", PAST)
    expect(seen.page.locator("#day-title")).to_contain_text("Sun 22 Jan")
    said = {}
    for age in ("0", "1", "6", "12"):
        seen.page.select_option("#day-issue", age)
        settled(seen.page)
        as_of = datetime.fromisoformat(f"{PAST}T00:00:00+01:00") - timedelta(hours=int(age))
        answer = day(site, PAST, as_of=as_of.isoformat())
        observed = day(site, PAST)["observed"]
        off = sum(answer["p50"]) / sum(observed) - 1
        side = "high" if off > 0 else "low"
        verdict = seen.page.locator("#day-words .verdict")
        expect(verdict).to_contain_text(f"{abs(100 * off):.1f} % too {side} in total")
        expect(verdict).to_contain_text(f"observed {sum(observed):,.0f} kWh")
        wape = sum(abs(a - b) for a, b in zip(answer["p50"], observed, strict=True)) / sum(observed)
        expect(seen.page.locator("#day-words")).to_contain_text(f"off by {100 * wape:.1f} % of what was observed")
        said[age] = answer["origin"]
    assert len(set(said.values())) == 4
    row = seen.page.locator("#day-table tbody tr").nth(8).locator("th, td").all_inner_texts()
    error = 100 * (answer["p50"][8] / observed[8] - 1)
    assert [row[0], row[1], row[3]] == ["08:00", f"{answer['p50'][8]:,.0f}", f"{observed[8]:,.0f}"]
    assert row[4] == f"{'+' if error > 0 else MINUS}{abs(error):.1f} %"
    assert seen.page.url.endswith(f"&day={PAST}&issue=12")
    assert seen.page.locator("#day-chart path.observed").get_attribute("data-hours") == "24"
    assert seen.errors == []


def test_what_changed_since_an_hour_is_the_difference_of_two_forecasts(site: Site, visit: Open) -> None:
    seen = visit(site, at(SERIES, "&day=today"))
    settled(seen.page)
    seen.page.select_option("#day-against", "2023-01-24T05:00:00Z")
    settled(seen.page)
    newest, earlier = day(site, "today"), day(site, "today", as_of="2023-01-24T05:00:00Z")
    assert None not in earlier["p50"]
    change = sum(newest["p50"]) - sum(earlier["p50"])
    sign = "+" if change > 0 else MINUS
    verdict = f"{sum(newest['p50']):,.0f} kWh in total, {sign}{abs(change):,.0f} kWh"
    expect(seen.page.locator("#day-words .verdict")).to_contain_text(verdict)
    expect(seen.page.locator("#day-words .verdict")).to_contain_text("since 06:00 yesterday")
    heads = seen.page.locator("#day-table thead th").all_inner_texts()
    assert heads == ["Hour", "kWh", "10 % to 90 %", "Earlier", "Change"]
    row = seen.page.locator("#day-table tbody tr").nth(17).locator("td").all_inner_texts()
    assert (row[0], row[2]) == (f"{newest['p50'][17]:,.0f}", f"{earlier['p50'][17]:,.0f}")
    assert seen.page.locator("#day-chart path.earlier").get_attribute("d")
    assert seen.errors == []


def test_what_was_said_at_the_gate_is_what_was_kept(site: Site, visit: Open) -> None:
    seen = visit(site, at(SERIES, f"&day={PAST}"))
    settled(seen.page)
    seen.page.select_option("#day-issue", label="At the gate, 11:00 the day before")
    settled(seen.page)
    kept = httpx.get(f"{site.url}/v1/day-ahead/{SERIES}", params={"day": PAST, "gate": "11:00"}).json()
    expect(seen.page.locator("#day-words .verdict")).to_contain_text(f"forecast {sum(kept['p50']):,.0f} kWh")
    expect(seen.page.locator("#day-words")).to_contain_text("Forecast from Sat 21 Jan, 10:00")
    rows = seen.page.locator("#day-table tbody tr")
    assert rows.nth(5).locator("td").first.inner_text() == f"{kept['p50'][5]:,.0f}"
    seen.page.select_option("#day-issue", "0")
    seen.page.select_option("#day-against", "11:00")
    settled(seen.page)
    expect(seen.page.locator("#day-words .verdict")).to_contain_text("since Sat 21 Jan, 11:00")
    assert rows.nth(5).locator("td").nth(2).inner_text() == f"{kept['p50'][5]:,.0f}"
    for _ in range(2):
        seen.page.click("#day-before")
    expect(seen.page.locator("#day-title")).to_contain_text("Fri 20 Jan")  # none was kept of it
    settled(seen.page)
    assert seen.page.locator("#day-issue option").all_inner_texts()[-1] == "12 h before the day began"
    assert seen.errors == []


def test_the_address_holds_the_day_and_another_series_shows_the_same_day(site: Site, visit: Open) -> None:
    seen = visit(site, at(SERIES, f"&day={PAST}&issue=6"))
    settled(seen.page)
    expect(seen.page.locator("#day-issue")).to_have_value("6")
    seen.page.select_option("#area", "DK2")
    expect(seen.page.locator("h1#series-title")).to_have_text("DK2 / 111")
    settled(seen.page)
    expect(seen.page.locator("#day-title")).to_contain_text("Sun 22 Jan")
    assert seen.page.url.endswith(f"?series=DK2%2F111&day={PAST}&issue=6")
    seen.page.click("#day-buttons [data-day=tomorrow]")
    expect(seen.page.locator("#day-title")).to_contain_text("Tomorrow")
    assert seen.page.url.endswith("?series=DK2%2F111")


def test_the_day_is_chosen_by_keyboard(site: Site, visit: Open) -> None:
    seen = visit(site, at(SERIES))
    settled(seen.page)
    seen.page.focus("#day-buttons [data-day=today]")
    seen.page.keyboard.press("Enter")
    expect(seen.page.locator("#day-title")).to_contain_text("Today")
    seen.page.keyboard.press("Tab")
    seen.page.keyboard.press("Tab")
    expect(seen.page.locator("#day-before")).to_be_focused()
    seen.page.keyboard.press("Enter")
    expect(seen.page.locator("#day-title")).to_contain_text("Tue 24 Jan")
    seen.page.focus("#day-chart")
    seen.page.keyboard.press("Home")
    expect(seen.page.locator("#day-reading")).to_contain_text("Tue 24 Jan, 00:00, Observed")


def test_days_of_which_no_forecast_is_kept_are_not_asked_for(site: Site, visit: Open) -> None:
    seen = visit(site, at(SERIES, "&day=2021-05-01"))
    settled(seen.page)
    expect(seen.page.locator("#day-words")).to_contain_text("No forecast is kept of this day: choose ")
    expect(seen.page.locator("#day-csv")).to_be_disabled()
    assert not [url for url in seen.requests if "/v1/days/2021" in url]
    first = seen.page.locator("#day-date").get_attribute("min") or ""
    seen.page.fill("#day-date", first)
    settled(seen.page)
    expect(seen.page.locator("#day-words .verdict")).to_contain_text("in total")
    expect(seen.page.locator("#day-before")).to_be_disabled()
    assert seen.errors == []


def test_a_last_day_that_the_horizon_does_not_reach_to_the_end_has_no_total(site: Site, visit: Open) -> None:
    seen = visit(site, at(SERIES, "&day=2023-01-27"))
    settled(seen.page)
    expect(seen.page.locator("#day-words .verdict")).to_have_text("2 hours of 24 are known: no total of the day.")
    expect(seen.page.locator("#day-table tfoot tr")).to_have_count(0)


def test_the_hours_that_are_shown_are_saved_as_csv(site: Site, visit: Open, tmp_path: Path) -> None:
    seen = visit(site, at(SERIES, f"&day={PAST}&issue=6"))
    settled(seen.page)
    name, rows = saved(seen.page, "#day-csv", tmp_path)
    answer = day(site, PAST, as_of="2023-01-21T17:00:00Z")
    assert name == f"dayahead-DK1-111-{PAST}.csv"
    assert [row["valid_time"] for row in rows] == answer["valid_time"]
    assert [float(row["p50"]) for row in rows] == answer["p50"]
    assert [float(row["observed"]) for row in rows] == day(site, PAST)["observed"]
    assert rows[0]["local_time"] == f"{PAST} 00:00"
    assert (rows[0]["origin"], rows[0]["unit"]) == ("2023-01-21T16:00:00Z", "kWh")
    assert float(rows[3]["error"]) == pytest.approx(float(rows[3]["p50"]) - float(rows[3]["observed"]))
    _, rows = saved(seen.page, "#chart-csv", tmp_path)
    assert len(rows) == 168 + LEADS
    newest = httpx.get(f"{site.url}/v1/forecasts/{SERIES}").json()
    assert [float(row["p90"]) for row in rows[168:]] == newest["p90"]
    assert rows[168]["observed"] == rows[167]["p50"] == ""
    assert seen.errors == []


def test_a_day_that_the_profile_forecasts_says_so(site: Site, visit: Open) -> None:
    seen = visit(site, at(PROFILE))
    settled(seen.page)
    assert "Rung 3: weekly or daily profile" in seen.text("#day-words")


def test_a_series_without_forecast_has_no_day(site: Site, visit: Open) -> None:
    seen = visit(site, at(NO_FORECAST))
    settled(seen.page)
    assert "No forecast yet: the first one needs 24 hours of history." in seen.text("#day-words")
    expect(seen.page.locator("#day-figure")).to_be_hidden()
    assert seen.errors == []


@pytest.mark.parametrize("hours_later", [40, 400])
def test_an_expired_forecast_is_never_shown_as_fresh(
    database_url: str,
    redis_url: str,
    sample_service: SampleService,
    visit: Open,
    hours_later: int,
) -> None:
    """A source of the wall clock whose newest hours stopped long ago."""
    sample = insert_sample(database_url, redis_url, NOW)
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE source SET definition = definition - 'clock'")
    now = from_hour(sample.newest) + timedelta(hours=hours_later)
    settings: ApiSettings = sample_service.settings(database_url=database_url, redis_url=redis_url)
    site = Site(lambda: create_app(settings, lambda: now))
    site.start()
    try:
        seen = visit(site, at(SERIES))
        settled(seen.page)
        assert "Expired" in seen.text("#badges")
        assert "Its forecast is expired: the forecast was made from hour 2023-01-24T22Z" in seen.text("#why")
        assert seen.page.locator("#badges [data-tone=good], #day-words [data-tone=good]").count() == 0
        assert seen.page.locator("#chart path.median.outdated").count() == 1
        assert "Forecast, outdated" in seen.text("#chart-caption")
        if hours_later == 40:
            assert "The newest forecast is expired" in seen.text("#day-words")
            expect(seen.page.locator("#hours-count")).to_have_text(f"The next {LEADS - 39} hours")
            expect(seen.page.locator("#chart line.now")).to_have_count(1)
        else:
            assert "No hour of the newest forecast lies ahead: it is expired." in seen.text("#hours")
            expect(seen.page.locator("#chart text.now-text")).to_have_text("now is 15 days later →")
            expect(seen.page.locator("#day-words .verdict")).to_contain_text(
                "No forecast reaches tomorrow: the newest one ends on Fri 27 Jan 2023."
            )
    finally:
        site.stop()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440, 1920])
@pytest.mark.parametrize("more", [f"&day={PAST}&issue=6", "&against=2023-01-24T05:00:00Z"])
def test_axe_finds_no_violation_on_a_day_and_its_table_is_not_cut(
    site: Site, visit: Open, width: int, scheme: str, more: str
) -> None:
    seen = visit(site, at(SERIES, more), width=width, color_scheme=scheme)
    settled(seen.page)
    expect(seen.page.locator("#day-table tbody tr").first).to_be_visible()
    found = Axe().run(seen.page)
    assert found.violations_count == 0, found.generate_report()
    cut = seen.page.evaluate(
        "[...document.querySelectorAll('.day .scroll, html')].map((one) => one.scrollWidth - one.clientWidth)"
    )
    assert cut == [0] * len(cut)
    assert seen.errors == []


def test_the_day_of_a_stale_series_is_not_shown_as_fresh(site: Site, visit: Open) -> None:
    seen = visit(site, at(STALE))
    settled(seen.page)
    assert seen.page.locator("#day-words [data-tone=good]").count() == 0
