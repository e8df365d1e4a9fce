"""The weather on the page: temperature below the load, the run and its age, and what is wrong with it in words."""

from collections.abc import Callable

import psycopg
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from api.settings import ApiSettings
from dayahead.contracts import Reason, Rung
from tests.api.fakes import NOW
from tests.api.sample import Sample, insert_sample
from tests.api.serving import Site
from tests.api.weather_sample import insert_weather
from tests.looking import Visit

pytestmark = [pytest.mark.browser, pytest.mark.servers]

Open = Callable[..., Visit]

MINUS = "\N{MINUS SIGN}"
WITH, WITHOUT = "DK1/111", "DK2/111"


@pytest.fixture
def sample(database_url: str, redis_url: str) -> Sample:
    return insert_sample(database_url, redis_url, NOW, hours=500)


@pytest.fixture
def site(sample: Sample, database_url: str, redis_url: str, serve: Callable[[ApiSettings], Site]) -> Site:
    """The sample, of which DK1 follows the weather of two locations."""
    insert_weather(database_url, sample.newest)
    return serve(ApiSettings(_env_file=None, database_url=database_url, redis_url=redis_url))


def path_of(series_id: str) -> str:
    return f"/?series={series_id.replace('/', '%2F')}"


def test_the_temperature_is_a_strip_of_its_own_with_its_unit_and_the_run_is_named_with_its_age(
    site: Site, visit: Open
) -> None:
    seen = visit(site, path_of(WITH))
    expect(seen.page.locator("#chart-caption .key.temperature")).to_have_text("Temperature")
    expect(seen.page.locator("#chart .strip-title").first).to_have_text("Temperature, °C")
    past, ahead = seen.page.locator("#chart path.temperature").all()
    assert (past.get_attribute("d") or "").count("L") == 168 - 1
    assert (ahead.get_attribute("d") or "").count("L") >= 24
    expect(seen.page.locator("#facts")).to_contain_text("weather run of")
    expect(seen.page.locator("#facts")).to_contain_text("old)")
    seen.page.locator("#chart").focus()
    seen.page.keyboard.press("Home")
    expect(seen.page.locator("#chart-reading")).to_contain_text("Temperature ")
    seen.page.keyboard.press("End")
    seen.page.keyboard.press("PageUp")
    expect(seen.page.locator("#chart-reading")).to_contain_text("Temperature forecast ")
    expect(seen.page.locator("#attribution")).to_contain_text("Weather: nowhere")
    assert seen.page.locator("#why").is_hidden()


def test_a_series_without_weather_shows_none_and_its_chart_is_as_high_as_ever(site: Site, visit: Open) -> None:
    seen = visit(site, path_of(WITHOUT))
    expect(seen.page.locator("#chart path.median").first).to_be_visible()
    assert seen.page.locator(".temperature, .strip-title").count() == 0
    assert "weather" not in (seen.page.locator("#facts").text_content() or "")
    height = seen.page.locator("#chart").bounding_box()
    assert height is not None
    assert 17 * 16 <= height["height"] <= 25 * 16


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (Reason.NO_WEATHER, "the weather does not cover every hour"),
        (Reason.WEATHER_STALE, "the newest run of the weather is too old"),
    ],
)
def test_a_forecast_without_its_weather_says_so_in_words(
    site: Site, visit: Open, database_url: str, reason: Reason, words: str
) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "UPDATE forecast SET rung = %s, reasons = %s FROM series"
            " WHERE series.series_key = forecast.series_key AND series_id = %s",
            [int(Rung.DEGRADED_INPUT), int(reason), WITH],
        )
    seen = visit(site, path_of(WITH))
    expect(seen.page.locator("#why")).to_contain_text(words)


def test_a_stale_run_and_overdue_runs_are_described_in_words(
    sample: Sample, database_url: str, redis_url: str, serve: Callable[[ApiSettings], Site], visit: Open
) -> None:
    insert_weather(database_url, sample.newest, sample.newest - 42)
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE weather_poll SET missed_runs = 6")
    site = serve(ApiSettings(_env_file=None, database_url=database_url, redis_url=redis_url))
    seen = visit(site, path_of(WITH))
    expect(seen.page.locator("#why")).to_contain_text("Its weather is stale: the newest run started at")
    expect(seen.page.locator("#why")).to_contain_text("6 runs are overdue")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_axe_finds_no_violation_and_nothing_is_wider_than_the_page(
    site: Site, visit: Open, width: int, scheme: str
) -> None:
    seen = visit(site, path_of(WITH), width=width, color_scheme=scheme)
    expect(seen.page.locator("#chart path.temperature").first).to_be_visible()
    assert seen.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
    found = Axe().run(seen.page)
    assert found.violations_count == 0, found.generate_report()


def why(leads: int, origin: str, issued_at: str) -> dict[str, object]:
    """An answer of the API: level 90,000, weather that adds more each hour, a calendar that takes away."""
    parts = {
        "level": [90_000.0] * leads,
        "calendar": [-3_000.0] * leads,
        "recent_load": [1_500.0 * (-1) ** hour for hour in range(leads)],
        "weather": [300.0 * hour for hour in range(leads)],
        "recent_errors": [400.0] * leads,
        "trees": [0.0] * leads,
        "limits": [0.0] * leads,
    }
    p50 = [sum(values) for values in zip(*parts.values(), strict=True)]
    change = {
        "origin": "2023-01-10T11:00:00Z",
        "issued_at": issued_at,
        "release": None,
        "valid_time": [],
        "p50": [-900.0],
        "parts": {name: [-900.0 if name == "weather" else 0.0] for name in parts},
        "reason": "",
    }
    return {
        "series_id": WITH, "unit": "kWh", "origin": origin, "issued_at": issued_at, "release": "r-1", "rung": 0,
        "valid_time": [], "p50": p50, "member": ["weather"] * leads, "parts": parts, "reason": "", "change": change,
    }  # fmt: skip


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1440, "light")])
def test_what_made_the_forecast_is_a_strip_and_words_once_it_is_asked_for(
    site: Site, visit: Open, width: int, scheme: str
) -> None:
    seen = visit(site, path_of(WITH), width=width, color_scheme=scheme)
    expect(seen.page.locator("#chart path.temperature").first).to_be_visible()
    assert seen.page.locator("#chart rect.part").count() == 0
    assert not [one for one in seen.requests if one.endswith("/why") or "/why?" in one]
    forecast = seen.page.request.get(f"{site.url}/v1/forecasts/{WITH}").json()
    answer = why(forecast["leads"], forecast["origin"], forecast["issued_at"])
    seen.page.route("**/v1/forecasts/**/why*", lambda route: route.fulfill(json=answer))
    seen.page.locator("#chart-why").click()
    words = seen.page.locator("#why-words")
    expect(words).to_contain_text(f"calendar {MINUS}3.3 %")
    expect(words).to_contain_text(f"for the 1 hour that both hold: {MINUS}1.0 % (level 0.0 %, weather {MINUS}1.0 %)")
    bars = seen.page.locator("#chart rect.part")
    assert bars.count() == 4 * forecast["leads"] - 1  # the weather of the first hour adds nothing
    seen.page.locator("#chart").focus()
    seen.page.keyboard.press("End")
    expect(seen.page.locator("#chart-reading")).to_contain_text("Weather +")
    assert Axe().run(seen.page).violations_count == 0
    assert seen.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0

    seen.page.locator("#chart-why").click()
    expect(words).to_be_hidden()
    assert bars.count() == 0


def test_a_forecast_that_cannot_be_taken_apart_says_why_in_place_of_the_strip(site: Site, visit: Open) -> None:
    seen = visit(site, path_of(WITH))
    forecast = seen.page.request.get(f"{site.url}/v1/forecasts/{WITH}").json()
    answer = why(1, forecast["origin"], forecast["issued_at"]) | {"parts": None, "reason": "rows were revised"}
    seen.page.route("**/v1/forecasts/**/why*", lambda route: route.fulfill(json=answer))
    seen.page.locator("#chart-why").click()
    expect(seen.page.locator("#why-words")).to_contain_text("cannot be said: rows were revised")
