"""What is wrong with the data of a series, in words at the series; its dead letters; incomplete hours of a total."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from api.app import create_app
from api.backends import Backends
from api.letters import Letter
from api.settings import ApiSettings
from dayahead.dead_letter_box import KeptLetter
from dayahead.dead_letters import DeadLetter
from dayahead.errors import DeadLetterCode
from dayahead.hours import Clock, from_hour
from dayahead.reading.limits import LimitLoss
from dayahead.reading.source_file import load_source
from dayahead.storage.tables.limit_loss import replace_losses
from dayahead.storage.tables.series import register_series
from dayahead.storage.tables.source import register_source
from dayahead.storage.tables.total_hour import TotalHour, write_total_hours
from dayahead.totals import totals_source
from tests.api.conftest import SampleService
from tests.api.fakes import NOW, HeldLetters
from tests.api.sample import PARTITIONS, QUARANTINED, SOURCE, insert_sample
from tests.api.serving import Site
from tests.browser.conftest import backends_with_watchers
from tests.looking import Visit

pytestmark = [pytest.mark.browser, pytest.mark.servers]

Open = Callable[..., Visit]

REJECTED, LIMITED, SOUND = "DK1/111", "DK1/112", "DK2/111"
TOTAL = "consumption-de35-hour-totals/area-DK1"
NULL = "column 'kWh' is <b>null</b>"


def letter(offset: int, code: DeadLetterCode, reason: str, series_id: str, hours_ago: int) -> Letter:
    found = NOW - timedelta(hours=hours_ago)
    headers = DeadLetter(b"{}", code, reason, "ingest", found, "consumption-de35-hour", series_id=series_id).headers()
    kept = KeptLetter(offset, found, b"{}", {name: text.decode() for name, text in headers}, {}, None)
    return Letter(offset, found, kept.fields())


LETTERS = [
    letter(9, DeadLetterCode.NULL_VALUE, NULL, REJECTED, 1),
    letter(8, DeadLetterCode.ABSURD_VALUE, "9e+09 is above maximum 1e+06", LIMITED, 2),
    letter(7, DeadLetterCode.NOT_JSON, "it is not JSON", "", 3),
    letter(6, DeadLetterCode.NULL_VALUE, NULL, REJECTED, 4),
]


@contextmanager
def backends_with_letters(settings: ApiSettings, clock: Clock) -> Iterator[Backends]:
    with backends_with_watchers(settings, clock) as opened:
        yield replace(opened, letters=HeldLetters(LETTERS))


@pytest.fixture
def site(database_url: str, redis_url: str, sample_service: SampleService) -> Iterator[Site]:
    """The sample with rejected rows, and a total that series lack."""
    sample = insert_sample(database_url, redis_url, NOW)
    source = load_source(SOURCE).model_copy(update={"totals": True})
    with psycopg.connect(database_url, options="-c timezone=UTC") as connection:
        summed = register_source(connection, source)
        replace_losses(connection, summed.source_key, [LimitLoss(LIMITED, 24, 168, 9e9, source)], NOW)
        totals = register_source(connection, totals_source(source))
        key = register_series(connection, [TOTAL], totals, PARTITIONS, NOW)[TOTAL].series_key
        for back in range(2, 100):
            hour = from_hour(sample.newest - back)
            connection.execute(
                "INSERT INTO observation (series_key, valid_time, value, available_at) VALUES (%s, %s, %s, %s)",
                [key, hour, 1e6 + back, NOW],
            )
        incomplete = [
            TotalHour("area-DK1", from_hour(sample.newest), 36, 1, [SOUND], published=False),
            TotalHour("area-DK1", from_hour(sample.newest - 50), 35, 2, [LIMITED, SOUND], published=True),
            TotalHour("area-DK2", from_hour(sample.newest), 30, 1, ["DK2/111"], published=False),
        ]
        whole = [TotalHour("area-DK1", from_hour(sample.newest - back), 37, 0, [], published=True) for back in (2, 3)]
        write_total_hours(connection, summed.source_key, [*incomplete, *whole], NOW)
    settings = sample_service.settings(database_url=database_url, redis_url=redis_url)
    site = Site(lambda: create_app(settings, lambda: NOW, backends_with_letters))
    site.start()
    yield site
    site.stop()


def at(series_id: str) -> str:
    return f"/?series={series_id.replace('/', '%2F')}"


def test_rejected_values_are_said_at_their_series_with_since_when_and_what_to_do(site: Site, visit: Open) -> None:
    seen = visit(site, at(REJECTED), wait_for="#faults li")
    fault = seen.page.locator("#faults li")
    expect(fault).to_have_count(1)
    expect(fault).to_contain_text("2 values of this series were rejected since Wed 25 Jan, 09:00")
    expect(fault).to_contain_text(f"the newest at Wed 25 Jan, 12:00: {NULL} (null_value).")  # text, never markup
    expect(fault).to_contain_text("What to do: Correct the value")
    assert fault.locator("a").get_attribute("href") == "/runbook#deadlettersarriving"
    assert seen.errors == []


def test_the_dead_letters_of_a_series_are_reached_from_it_and_the_series_from_a_letter(site: Site, visit: Open) -> None:
    seen = visit(site, at(REJECTED), wait_for="#faults li")
    rows = seen.page.locator("#letters tbody tr")
    expect(rows).to_have_count(4)
    seen.page.click("#faults [data-letters]")
    expect(rows).to_have_count(2)
    expect(seen.page.locator("#letters-title")).to_have_text(f"Dead letters of {REJECTED}")
    expect(seen.page.locator("#letters-title")).to_be_focused()
    seen.page.click("#letters-all")
    expect(rows).to_have_count(4)
    rows.nth(1).locator("a").click()
    expect(seen.page.locator("h1#series-title")).to_have_text("DK1 / 112")
    assert seen.errors == []


def test_values_beyond_the_limits_are_said_once_with_their_share(site: Site, visit: Open) -> None:
    seen = visit(site, at(LIMITED), wait_for="#faults li")
    fault = seen.page.locator("#faults li")
    expect(fault).to_have_count(1)
    expect(fault).to_contain_text("24 hours of 168 (14.3 %) were rejected since Wed 25 Jan, 11:00")
    expect(fault).to_contain_text("correct the limits in the source file, register it, and replay the dead letters")
    expect(fault.locator("[data-letters]")).to_be_visible()
    assert fault.locator("a").get_attribute("href") == "/runbook#data-that-fail-validation"


def test_hours_that_are_set_aside_are_said_with_the_rule_and_the_remedy(site: Site, visit: Open) -> None:
    seen = visit(site, at(QUARANTINED), wait_for="#faults li")
    fault = seen.page.locator("#faults li")
    expect(fault).to_contain_text("12 hours are set aside, from Sun 22 Jan, 19:00 to Mon 23 Jan, 06:00: ")
    expect(fault).to_contain_text("12 hours with the same value: a stuck meter. They are in the chart")
    expect(fault).to_contain_text("What to do: Check the meter")
    assert seen.errors == []


def test_a_sound_series_has_no_faults(site: Site, visit: Open) -> None:
    seen = visit(site, at(SOUND))
    expect(seen.page.locator("#letters tbody tr")).to_have_count(4)
    expect(seen.page.locator("h1#series-title")).to_have_text("DK2 / 111")
    expect(seen.page.locator("#faults")).to_be_hidden()


def test_hours_of_a_total_that_series_lack_are_shown_with_the_reason_of_the_api(site: Site, visit: Open) -> None:
    seen = visit(site, at(TOTAL), wait_for="#faults li")
    faults = seen.page.locator("#faults li[data-fault=incomplete]")
    expect(faults).to_have_count(2)  # not that of the other area
    expect(faults.nth(0)).to_contain_text(f"is incomplete: no total yet: 1 series lacks the hour: {SOUND}.")
    expect(faults.nth(1)).to_contain_text(f"the total was made without {LIMITED}, {SOUND}, silent for long")
    expect(seen.page.locator("#chart rect.incomplete")).to_have_count(2)
    expect(seen.page.locator("#chart-caption")).to_contain_text("Incomplete total")
    expect(seen.page.locator("#quality")).to_contain_text("Incomplete")
    seen.page.focus("#chart")
    for _ in range(48):
        seen.page.keyboard.press("ArrowLeft")
        if "Incomplete" in (seen.page.locator("#chart-reading").text_content() or ""):
            break
    expect(seen.page.locator("#chart-reading")).to_contain_text(f"Incomplete: the total was made without {LIMITED}")
    assert seen.errors == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440, 1920])
def test_axe_finds_no_violation_and_nothing_is_cut(site: Site, visit: Open, width: int, scheme: str) -> None:
    page = visit(site, at(LIMITED), width=width, color_scheme=scheme, wait_for="#faults li").page
    page.click("#faults [data-letters]")
    expect(page.locator("#letters tbody tr")).to_have_count(1)
    cut = page.evaluate(
        "[...document.querySelectorAll('.scroll, html')].map((one) => one.scrollWidth - one.clientWidth)"
    )
    assert cut == [0] * len(cut)
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
