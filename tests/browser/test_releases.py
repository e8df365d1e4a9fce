"""Releases, trainings and their changes on the page."""

from collections.abc import Callable

import httpx
import psycopg
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from pydantic import SecretStr

from api.settings import ApiSettings
from dayahead.contracts import RetuneRequest
from dayahead.storage.tables.retune_request import keep_request
from dayahead.storage.tables.tuning_run import Outcome, finish_run, start_run
from tests.api.conftest import SampleService
from tests.api.fakes import NOW, TOKEN
from tests.api.sample import RELEASE, insert_sample
from tests.api.serving import Site
from tests.conftest import TopicRoom
from tests.looking import Visit

pytestmark = [pytest.mark.browser, pytest.mark.servers]

Open = Callable[..., Visit]
SENT_MS = 20_000
"""Longest that the page waits for a change: Kafka may be slow."""
OTHER = "r-ba9876543210"
METRICS = '{"wape": 0.0523, "naive_wape": 0.0871}'
WHY = "beats the champion by 3 % <b>on all windows</b>"


@pytest.fixture
def settings(
    database_url: str, redis_url: str, sample_service: SampleService, kafka_bootstrap: str, topics: TopicRoom
) -> ApiSettings:
    """The sample with a second release, a failed training and a waiting request."""
    topics.create(1)
    insert_sample(database_url, redis_url, NOW, hours=500)
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "INSERT INTO model_release (release, artifact, created_at, trained_from, trained_until, data_fingerprint,"
            " settings, metrics) VALUES (%s, '', %s, %s, %s, 'd-2', '{}', %s)",
            [OTHER, NOW, NOW, NOW, METRICS],
        )
        run = start_run(connection, "schedule", "the weekly training", NOW)
        finish_run(connection, run, Outcome.FAILED, NOW, details={"reason": "NotEnoughHistoryError: 20 of 1,000 hours"})
        keep_request(connection, RetuneRequest(requested_at=NOW, requested_by="anna", reason="a new factory"), NOW)
    return sample_service.settings(
        database_url=database_url, redis_url=redis_url, kafka_bootstrap=kafka_bootstrap, topic_prefix=topics.prefix
    )


@pytest.fixture
def site(settings: ApiSettings, serve: Callable[[ApiSettings], Site]) -> Site:
    return serve(settings)


def confirm(page: Page, why: str, token: str | None = None) -> None:
    """Fill in the dialog and send it."""
    page.fill("#change-reason", why)
    if token is not None:
        page.fill("#change-token", token)
    page.click("#change-send")


def test_releases_trainings_and_waiting_requests_are_listed_with_what_became_of_them(site: Site, visit: Open) -> None:
    page = visit(site, wait_for="#releases tbody tr").page
    row = page.locator("#releases tr", has_text=OTHER).first
    expect(row).to_contain_text("5.2 %")
    expect(row).to_contain_text("8.7 %")
    expect(page.locator("#releases tr", has_text=RELEASE).first).to_contain_text("Champion")
    trainings = page.locator("#trainings-table + .scroll")
    expect(trainings).to_contain_text("Failed")
    expect(trainings).to_contain_text("NotEnoughHistoryError: 20 of 1,000 hours")
    expect(page.locator("#releases .waiting")).to_contain_text("anna: a new factory")
    expect(page.locator("#rollback")).to_be_hidden()  # nothing served before


def test_a_release_is_promoted_and_rolled_back_with_the_token_asked_for_once(site: Site, visit: Open) -> None:
    seen = visit(site, wait_for=f"[data-release={OTHER}]")
    page = seen.page
    page.click(f"[data-release={OTHER}]")
    expect(page.locator("#change-what")).to_contain_text(f"It replaces {RELEASE}.")
    confirm(page, WHY, TOKEN)
    expect(page.locator("#releases-said")).to_contain_text(f"{OTHER} is the champion now.", timeout=SENT_MS)
    expect(page.locator("#change")).to_be_hidden()
    expect(page.locator("#promotions-table + .scroll")).to_contain_text(f"page: {WHY}")  # text, never markup
    serving = httpx.get(f"{site.url}/v1/models").json()
    assert (serving["champion"]["release"], serving["champion"]["reason"]) == (OTHER, WHY)

    page.click("#rollback")
    expect(page.locator("#change-token")).to_be_hidden()
    confirm(page, "it was worse")
    expect(page.locator("#releases-said")).to_contain_text(
        f"Rolled back: {RELEASE} is the champion now.", timeout=SENT_MS
    )
    assert httpx.get(f"{site.url}/v1/models").json()["champion"]["release"] == RELEASE
    kept = page.evaluate("[{...sessionStorage}, JSON.stringify({...localStorage}) + document.cookie + location.href]")
    assert kept[0] == {"dayahead-token": TOKEN}
    assert TOKEN not in kept[1]
    page.click("#forget-token")
    assert page.evaluate("sessionStorage.length") == 0
    assert seen.errors == []


def test_a_wrong_token_is_said_and_asked_for_again_and_changes_nothing(site: Site, visit: Open) -> None:
    page = visit(site, wait_for=f"[data-release={OTHER}]").page
    page.click(f"[data-release={OTHER}]")
    confirm(page, WHY, "another-text")
    expect(page.locator("#change-refused")).to_contain_text("Nothing was changed")
    expect(page.locator("#change-token")).to_be_focused()
    assert page.evaluate("sessionStorage.length") == 0
    assert httpx.get(f"{site.url}/v1/models").json()["champion"]["release"] == RELEASE
    page.keyboard.press("Escape")
    expect(page.locator("#change")).to_be_hidden()


def test_a_token_may_be_of_any_script(settings: ApiSettings, serve: Callable[[ApiSettings], Site], visit: Open) -> None:
    token = "Schlüssel-пароль"
    page = visit(serve(settings.model_copy(update={"api_token": SecretStr(token)})), wait_for="#releases tbody tr").page
    page.click("#retune")
    confirm(page, "a new factory", "ключ")
    expect(page.locator("#change-refused")).to_contain_text("The API refused this token")
    confirm(page, "a new factory", token)
    expect(page.locator("#releases-said")).to_have_text("The request was sent to the trainer.", timeout=SENT_MS)


def test_a_training_is_asked_for(site: Site, visit: Open) -> None:
    page = visit(site, wait_for="#releases tbody tr").page
    page.click("#retune")
    confirm(page, "a new factory", TOKEN)
    expect(page.locator("#releases-said")).to_have_text("The request was sent to the trainer.", timeout=SENT_MS)


def test_without_a_token_in_the_api_the_page_says_how_changes_are_switched_on(
    settings: ApiSettings, serve: Callable[[ApiSettings], Site], visit: Open
) -> None:
    closed = settings.model_copy(update={"api_token": SecretStr("")})
    page = visit(serve(closed), wait_for="#releases tbody tr").page
    page.click("#retune")
    confirm(page, "a new factory", TOKEN)
    expect(page.locator("#change-refused")).to_contain_text("set DAYAHEAD_API_TOKEN")
    assert page.evaluate("sessionStorage.length") == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440, 1920])
def test_axe_finds_no_violation_in_the_panel_and_its_dialog_and_nothing_is_cut(
    site: Site, visit: Open, width: int, scheme: str
) -> None:
    page = visit(site, width=width, color_scheme=scheme, wait_for="#releases tbody tr").page
    cut = page.evaluate(
        "[...document.querySelectorAll('#releases .scroll, html')].map((one) => one.scrollWidth - one.clientWidth)"
    )
    assert cut == [0] * len(cut)
    page.click("#retune")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
