"""What the page shows when a server is away, when nothing has come yet, and when something new comes."""

import re
from collections.abc import Callable
from datetime import timedelta

import numpy as np
import psycopg
import pytest
import redis
from playwright.sync_api import expect

from api.settings import ApiSettings
from dayahead.hours import from_hour
from dayahead.storage.forecast_cache import forecast_key
from dayahead.storage.forecasts import forecast_bytes
from dayahead.storage.tables.forecast import StoredForecast
from tests.api.conftest import SampleService
from tests.api.fakes import NOW
from tests.api.sample import insert_sample
from tests.api.serving import Site
from tests.looking import Visit

pytestmark = [pytest.mark.browser, pytest.mark.servers]

Open = Callable[..., Visit]
Serve = Callable[[ApiSettings], Site]

LONG_MS = 40_000


def test_while_the_api_is_down_the_page_keeps_its_data_shows_the_remedy_and_recovers(
    sample_service: SampleService, serve: Serve, visit: Open
) -> None:
    site = serve(sample_service.settings())
    seen = visit(site, "/?series=DK1%2F111")
    notice = seen.page.locator("#notice")
    expect(notice).to_be_hidden()
    site.stop()
    expect(notice).to_be_visible(timeout=LONG_MS)
    assert "The API does not answer. Check that it runs (dayahead status) or start it (make up)." in seen.text(
        "#notice"
    )
    assert seen.page.locator("#chart path.band").get_attribute("d")
    expect(seen.page.locator("#pulse")).to_have_attribute("data-tone", "bad")
    expect(seen.page.locator("#pulse-text")).to_have_text(re.compile(r"\d+ s old"))
    colour = seen.page.evaluate("getComputedStyle(document.querySelector('#badges .badge')).color")
    assert colour == seen.page.evaluate(
        "(() => { const i = document.createElement('i'); i.style.color = 'var(--idle)'; document.body.append(i);"
        " return getComputedStyle(i).color })()"
    ), "a state that is only remembered is not green"
    site.start()
    expect(notice).to_be_hidden(timeout=LONG_MS)
    expect(seen.page.locator("#pulse-text")).to_have_text("Live")


def test_while_the_database_is_down_the_page_says_so(sample_service: SampleService, serve: Serve, visit: Open) -> None:
    settings = sample_service.settings(database_url="postgresql://a@127.0.0.1:1/a", api_database_wait_s=0.2)
    seen = visit(serve(settings), wait_for="#notice:not([hidden])")
    assert "TimescaleDB does not answer" in seen.text("#notice")


def test_while_kafka_is_down_the_strip_is_not_green_although_every_service_is_ready(
    sample_service: SampleService, serve: Serve, visit: Open
) -> None:
    seen = visit(serve(sample_service.settings(kafka_bootstrap="127.0.0.1:1")))
    services = seen.page.locator("#health .tile").filter(has=seen.page.locator("dt", has_text="Services"))
    expect(services).to_have_attribute("data-tone", "warn", timeout=LONG_MS)
    expect(services.locator(".value")).to_contain_text("Trouble with Kafka")
    expect(services.locator(".note")).to_contain_text("Kafka: ")


def test_an_empty_database_is_shown_as_no_data_yet_and_the_page_updates_automatically(
    database_url: str, redis_url: str, sample_service: SampleService, serve: Serve, visit: Open
) -> None:
    site = serve(sample_service.settings(database_url=database_url, redis_url=redis_url))
    seen = visit(site, wait_for="#empty:not([hidden])")
    assert "No data yet" in seen.text("#empty")
    assert "dayahead status" in seen.text("#empty")
    insert_sample(database_url, redis_url, NOW)
    expect(seen.page.locator("#chart path.band")).to_have_count(1, timeout=LONG_MS)
    expect(seen.page.locator("#empty")).to_be_hidden()
    assert seen.errors == []


def test_a_new_hour_and_its_forecast_appear_without_a_reload(
    database_url: str, redis_url: str, sample_service: SampleService, serve: Serve, visit: Open
) -> None:
    sample = insert_sample(database_url, redis_url, NOW)
    site = serve(sample_service.settings(database_url=database_url, redis_url=redis_url))
    seen = visit(site, "/?series=DK1%2F111")
    chart = seen.page.locator("#chart svg")
    before = chart.get_attribute("aria-label")
    series = next(series for series in sample.series if series.series_id == "DK1/111")
    hour = from_hour(sample.newest + 1)
    p50 = np.full(24, 12_345, np.float32)
    forecast = StoredForecast("DK1/111", hour, NOW, None, 4, 32, 0, p50, p50 - 45, p50 + 55, "kWh")
    with psycopg.connect(database_url, options="-c timezone=UTC") as connection:
        connection.execute(
            "INSERT INTO observation (series_key, valid_time, value, available_at) VALUES (%s, %s, 99999, %s)",
            [series.series_key, hour, hour + timedelta(hours=1)],
        )
        connection.execute(
            """
            INSERT INTO forecast (series_key, origin, issued_at, release, rung, reasons, p50, p10, p90, message_offset)
            VALUES (%s, %s, %s, NULL, 4, 32, %s, %s, %s, 0)
            """,
            [series.series_key, hour, NOW, p50.tolist(), (p50 - 45).tolist(), (p50 + 55).tolist()],
        )
    with redis.Redis.from_url(redis_url) as cache:
        cache.set(forecast_key("DK1/111"), forecast_bytes(forecast))
    expect(chart).not_to_have_attribute("aria-label", before or "", timeout=LONG_MS)
    expect(chart).to_have_attribute(
        "aria-label",
        "168 observed hours, the last 99,999 kWh; forecast of the next 24 hours from 12,345 to 12,345 kWh.",
    )
    expect(seen.page.locator("#badges")).to_contain_text("Rung 4: last value")
    expect(seen.page.locator("#hours tbody tr:not(.day-row)").first).to_contain_text("12,300 to 12,400")
    assert seen.errors == []
