"""The page as a person sees it, in a real Chromium."""

from collections.abc import Callable
from urllib.parse import urlparse

import httpx
import psycopg
import pytest
import redis
from playwright.sync_api import expect

from api.settings import ApiSettings
from dayahead.hours import from_hour
from dayahead.reading.source_file import load_source
from dayahead.storage.forecast_cache import forecast_key
from dayahead.storage.tables.series import register_series
from dayahead.storage.tables.source import register_source
from tests.api.conftest import SampleService
from tests.api.fakes import NOW
from tests.api.sample import (
    HOLED,
    LEADS,
    NO_FORECAST,
    PROFILE,
    QUARANTINED,
    SOURCE,
    STALE,
    WORSE_THAN_NAIVE,
    forget_all_but_the_newest_hour,
    insert_sample,
)
from tests.api.serving import Site
from tests.browser.conftest import WITH_LETTERS
from tests.looking import Visit

pytestmark = [pytest.mark.browser, pytest.mark.servers]

Open = Callable[..., Visit]


def at(series_id: str) -> str:
    return f"/?series={series_id.replace('/', '%2F')}"


def test_the_series_of_the_address_is_shown_with_its_week_its_forecast_and_its_band(site: Site, visit: Open) -> None:
    seen = visit(site, at("DK1/112"))
    expect(seen.page.locator("h1#series-title")).to_have_text("DK1 / 112")
    assert seen.page.locator("#chart path.observed").get_attribute("data-hours") == "168"
    for path in ("median", "band", "earlier"):
        assert seen.page.locator(f"#chart path.{path}").get_attribute("d")
    assert seen.page.locator("#hours tbody tr:not(.day-row)").count() == LEADS
    expect(seen.page.locator("h2#hours-title")).to_contain_text(f"The next {LEADS} hours")
    assert f"forecast of the next {LEADS} hours" in (seen.page.locator("#chart svg").get_attribute("aria-label") or "")
    assert "Tue 24 Jan, 23:00" in seen.text("#facts")  # 22:00 UTC, shown in Copenhagen's time
    assert seen.page.locator("#facts time").first.get_attribute("title") == "24 Jan 2023, 22:00 UTC"
    assert "Rung 0: full model" in seen.text("#badges")


def test_area_and_type_choose_a_series_and_the_address_follows(site: Site, visit: Open) -> None:
    seen = visit(site, at("DK1/112"))
    seen.page.select_option("#area", "DK2")
    expect(seen.page.locator("h1#series-title")).to_have_text("DK2 / 112")
    seen.page.select_option("#type", label="119")
    expect(seen.page.locator("h1#series-title")).to_have_text("DK2 / 119")
    assert seen.page.url.endswith("?series=DK2%2F119")
    seen.page.go_back()
    expect(seen.page.locator("h1#series-title")).to_have_text("DK2 / 112")
    expect(seen.page.locator("#area")).to_have_value("DK2")


def test_labels_stand_in_the_order_of_the_key_columns(
    serve: Callable[[ApiSettings], Site], visit: Open, sample_service: SampleService, database_url: str
) -> None:
    with psycopg.connect(database_url) as connection:
        source = load_source(SOURCE).model_copy(update={"key_columns": ["region", "group"]})
        register_series(connection, ["Oslo/511.2", "Bergen/7"], register_source(connection, source), 4, NOW)
    settings = sample_service.settings(database_url=database_url)
    seen = visit(serve(settings), at("Oslo/511.2"))
    expect(seen.page.locator("h1#series-title")).to_have_text("Oslo / 511.2")
    expect(seen.page.locator("#area-label")).to_have_text("region")
    expect(seen.page.locator("#type-label")).to_have_text("group")
    expect(seen.page.locator("#type option")).to_have_text(["511.2"])


def test_the_search_box_finds_a_series_by_keyboard_alone(site: Site, visit: Open) -> None:
    seen = visit(site)
    seen.page.focus("#search")
    seen.page.keyboard.type("dk2/11")
    expect(seen.page.locator("#matches [role=option]")).to_have_count(3)
    seen.page.keyboard.press("ArrowDown")
    seen.page.keyboard.press("Enter")
    expect(seen.page.locator("h1#series-title")).to_have_text("DK2 / 112")


def test_the_chart_is_read_by_keyboard(site: Site, visit: Open) -> None:
    seen = visit(site, at("DK1/111"))
    seen.page.focus("#chart")
    seen.page.keyboard.press("End")
    reading = seen.page.locator("#chart-reading")
    expect(reading).to_contain_text("Fri 27 Jan, 01:00")  # the end of the horizon
    expect(reading).to_contain_text("Forecast 58,896 kWh")
    seen.page.keyboard.press("Home")
    expect(reading).to_contain_text("Observed")


def test_accuracy_is_a_sentence_and_figures_next_to_the_naive(site: Site, visit: Open) -> None:
    seen = visit(site, at("DK1/111"))
    shown = seen.text("#accuracy")
    assert "Better than the seasonal naive by" in shown
    assert "WAPE" in shown
    assert "MAPE" in shown
    assert "Seasonal naive" in shown
    at_gate = httpx.get(f"{site.url}/v1/accuracy/DK1/111", params={"gate": "11:00"}).json()["accuracy"]
    said = f"The next day, as forecast at 11:00: WAPE {at_gate['wape_percent']:.1f} %, seasonal naive"
    expect(seen.page.locator("#accuracy")).to_contain_text(said)
    seen = visit(site, at(WORSE_THAN_NAIVE))
    assert "Worse than the seasonal naive by" in seen.text("#accuracy")


def test_a_degraded_forecast_says_its_rung_and_why(site: Site, visit: Open) -> None:
    seen = visit(site, at(PROFILE))
    assert "Rung 3: weekly or daily profile" in seen.text("#badges")
    assert "the model could not be computed" in seen.text("#why")


def test_missing_hours_are_marked_and_counted(site: Site, visit: Open) -> None:
    seen = visit(site, at(HOLED))
    assert seen.page.locator("#chart rect.gap").count() == 1
    assert "8 hours are missing." in seen.text("#quality")
    assert "hours are missing in the last week" in seen.text("#why")


def test_hours_that_the_training_set_aside_are_shaded_and_explained(site: Site, visit: Open) -> None:
    seen = visit(site, at(QUARANTINED))
    assert seen.page.locator("#chart rect.set-aside").count() == 1
    assert "12 hours with the same value: a stuck meter" in seen.text("#faults")


def test_a_stale_series_is_never_shown_fresh(site: Site, visit: Open) -> None:
    seen = visit(site, at(STALE))
    assert "Stale" in seen.text("#badges")
    assert seen.page.locator("#series-title ~ #badges [data-tone=good]").count() == 0
    assert "30 h behind its source" in seen.text("#why")
    assert seen.page.locator("#chart path.median.outdated").count() == 1
    assert "The series has stopped reporting." in seen.text("#quality")


def test_no_forecast_yet_is_said_in_the_chart_and_in_the_table(site: Site, visit: Open) -> None:
    seen = visit(site, at(NO_FORECAST))
    assert "Rung 5: no forecast yet" in seen.text("#badges")
    assert seen.page.locator("#chart path.band").count() == 0
    assert "No forecast yet" in seen.text(".chart-message")
    assert "No forecast yet" in seen.text("#hours")


def test_a_young_series_misses_nothing_and_its_one_value_is_a_point(
    serve: Callable[[ApiSettings], Site],
    sample_service: SampleService,
    database_url: str,
    redis_url: str,
    visit: Open,
) -> None:
    insert_sample(database_url, redis_url, NOW)
    with psycopg.connect(database_url) as connection:
        forget_all_but_the_newest_hour(connection, NO_FORECAST)
    young = serve(sample_service.settings(database_url=database_url, redis_url=redis_url))
    seen = visit(young, at(NO_FORECAST))
    expect(seen.page.locator("#chart circle.observed-dot")).to_have_count(1)
    assert seen.page.locator("#chart rect.gap").count() == 0
    assert "Missing" not in seen.text("#chart-caption")
    quality = seen.text("#quality")
    assert "No hour is missing." in quality
    assert "0 hours" in quality
    assert "A new series" in quality
    assert "Why rung 5: less history than the model wants." in seen.text("#why")


def test_the_overview_lists_every_series_sorts_and_narrows(site: Site, visit: Open) -> None:
    seen = visit(site)
    rows = seen.page.locator("#all tbody tr")
    expect(rows).to_have_count(76)
    seen.page.click("#all [data-sort=wape]")
    seen.page.click("#all [data-sort=wape]")
    expect(seen.page.locator("#all th[aria-sort=descending]")).to_have_text("WAPE ↓")
    figures = [
        float(text.split()[0]) for text in seen.page.locator("#all td.wape").all_inner_texts() if text.endswith("%")
    ]
    assert figures == sorted(figures, reverse=True)
    seen.page.click("#states [data-state=stale]")
    expect(rows).to_have_count(1)
    seen.page.click("#all tbody a")
    expect(seen.page.locator("h1#series-title")).to_have_text(STALE.replace("/", " / "))


def test_health_source_model_and_credit_are_shown(site: Site, visit: Open) -> None:
    seen = visit(site)
    expect(seen.page.locator("#health .tile")).to_have_count(5)
    health = seen.text("#health")
    assert "1 up" in health
    assert "73 of 76 fresh" in health
    assert "1 stale, 1 degraded, 1 without forecast" in health
    chips = seen.page.locator("#states button").all_inner_texts()
    assert chips == ["All 76", "Fresh 73", "Degraded 1", "No forecast 1", "Stale 1"]
    assert "Newest hour Tue 24 Jan, 23:00" in health
    assert "r-0123456789ab made this forecast." in seen.text("#model")
    assert "Source: Energinet (www.energidataservice.dk), CC BY 4.0" in seen.text("footer")


def test_nothing_is_asked_from_elsewhere_and_the_console_stays_silent(site: Site, visit: Open) -> None:
    seen = visit(site, at("DK1/111"))
    with seen.page.expect_response(lambda response: "/v1/services" in response.url, timeout=20_000):
        pass  # a second round
    assert {urlparse(url).netloc for url in seen.requests} == {f"127.0.0.1:{site.port}"}
    assert seen.errors == []


def test_an_unknown_series_in_the_url_is_reported_and_another_is_shown(site: Site, visit: Open) -> None:
    seen = visit(site, at("DK9/1"))
    assert "No series is called “DK9/1”" in seen.text("#notice")
    expect(seen.page.locator("h1#series-title")).to_have_text("DK1 / 111")


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_no_width_needs_scrolling_sideways(site: Site, visit: Open, width: int) -> None:
    seen = visit(site, at(STALE), width=width)
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("width", [360, 390, 768, 1280])
def test_no_width_of_the_runbook_needs_scrolling_sideways(site: Site, visit: Open, width: int) -> None:
    seen = visit(site, "/runbook", wait_for="h1", width=width)
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= width


CUT = """(elements) => elements
    .filter((one) => one.scrollWidth > one.clientWidth || one.scrollHeight > one.clientHeight)
    .map((one) => one.innerText)"""


@pytest.mark.parametrize("width", [360, 390])
def test_no_tile_is_cut_where_there_is_no_pointer_for_its_tooltip(site: Site, visit: Open, width: int) -> None:
    seen = visit(site, width=width)
    expect(seen.page.locator("#health")).to_contain_text("seasonal naive")
    assert seen.page.eval_on_selector_all("#health dd", CUT) == []
    worst = "Worse than the seasonal naive by 6042 % over the last 7 days"
    note = seen.page.locator("#health .tile").nth(3).locator(".note")
    note.evaluate("(note, text) => { note.textContent = text; }", worst)
    assert seen.page.eval_on_selector_all("#health dd", CUT) == []


@pytest.mark.parametrize("lacking", ["a day before", "any"])
def test_a_series_without_an_earlier_forecast_leaves_the_console_silent(
    serve: Callable[[ApiSettings], Site],
    sample_service: SampleService,
    database_url: str,
    redis_url: str,
    visit: Open,
    lacking: str,
) -> None:
    sample = insert_sample(database_url, redis_url, NOW)
    oldest_left = from_hour(sample.newest) if lacking == "a day before" else from_hour(sample.newest + 1)
    with psycopg.connect(database_url) as connection:
        key = "(SELECT series_key FROM series WHERE series_id = 'DK1/111')"
        connection.execute(f"DELETE FROM forecast WHERE series_key = {key} AND origin < %s", [oldest_left])
    with redis.Redis.from_url(redis_url) as cache:
        if lacking == "any":
            cache.delete(forecast_key("DK1/111"))
    bare = serve(sample_service.settings(database_url=database_url, redis_url=redis_url))
    seen = visit(bare, at("DK1/111"))
    with seen.page.expect_response(lambda response: "/v1/services" in response.url, timeout=20_000):
        pass  # a second round
    assert seen.page.locator("#chart path.earlier").count() == 0
    assert seen.page.locator("#chart path.median").count() == (lacking == "a day before")
    assert seen.errors == []


@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_ends_with_its_footer(site: Site, visit: Open, width: int) -> None:
    seen = visit(site, width=width)
    expect(seen.page.locator("#all tbody tr")).to_have_count(76)
    foot = seen.page.locator("footer").bounding_box()
    assert foot is not None
    assert seen.page.evaluate("document.documentElement.scrollHeight") <= foot["y"] + foot["height"] + 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_enough_contrast(site: Site, visit: Open, scheme: str) -> None:
    seen = visit(site, color_scheme=scheme)
    contrasts: dict[str, float] = seen.page.evaluate(
        """() => {
            const style = getComputedStyle(document.documentElement);
            const luminance = (name) => {
                const probe = document.createElement("i");
                probe.style.color = style.getPropertyValue(name);
                document.body.append(probe);
                const parts = getComputedStyle(probe).color.match(/[\\d.]+/g).slice(0, 3).map((part) => {
                    const c = part / 255;
                    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
                });
                probe.remove();
                return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
            };
            const names = ["--ink", "--soft", "--accent", "--good", "--warn", "--bad", "--idle"];
            const [a, b] = [luminance("--surface"), luminance("--ground")];
            const ratio = (x, y) => (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
            return Object.fromEntries(names.map((n) => [n, Math.min(ratio(luminance(n), a), ratio(luminance(n), b))]));
        }"""
    )
    assert {name: ratio for name, ratio in contrasts.items() if ratio < 4.5} == {}  # WCAG 2.2, 1.4.3


def test_every_control_has_a_name(site: Site, visit: Open) -> None:
    seen = visit(site)
    nameless = seen.page.evaluate(
        """() => [...document.querySelectorAll("button, input, select, [tabindex='0']")].filter((element) =>
            !(element.labels?.length || element.getAttribute("aria-label") || element.getAttribute("aria-labelledby")
              || element.innerText?.trim())).map((element) => element.outerHTML)"""
    )
    assert nameless == []


def test_dead_letters_are_counted_and_listed_with_what_to_do(
    serve: Callable[[ApiSettings], Site], sample_service: SampleService, site: Site, visit: Open
) -> None:
    seen = visit(serve(sample_service.settings(topic_prefix=WITH_LETTERS)))
    expect(seen.page.locator("#letters")).to_be_visible()
    shown = seen.text("#letters")
    assert "3 messages and records" in shown
    assert "unknown_source" in shown
    assert "3 letters" in shown
    assert "dayahead sources register FILE" in shown
    assert "dayahead dead-letters replay" in shown
    # text, never markup
    assert "no source <b>7</b> is registered" in shown
    assert seen.errors == []
    scrolled = seen.page.locator("#letters .scroll").evaluate("(box) => box.scrollWidth - box.clientWidth")
    assert scrolled == 0  # a long reason is written on several lines, not cut
    expect(visit(site).page.locator("#letters")).to_be_hidden()
