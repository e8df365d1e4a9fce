"""What an open page takes over the wire: an answer that has not changed costs a 304, a new hour costs its changes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson
import psycopg
import pytest
import redis
from playwright.sync_api import Page

from api.settings import ApiSettings
from dayahead.hours import format_utc, from_hour
from dayahead.storage.forecast_cache import forecast_key
from tests.api.conftest import SampleService
from tests.api.fakes import NOW
from tests.api.sample import Sample, insert_sample
from tests.api.serving import Site
from tests.looking import Visit
from tests.waiting import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.servers]

CHOSEN = "DK1/111"
TOMORROW = "2023-01-26"

IDLE_MINUTE_BYTES = 16_000
"""Some 100 answers of 130 bytes; measured: 13,400."""

NEW_HOUR_BYTES = 25_000
"""Forecast, week and list of 76 series, compressed; measured: 14,500, half of them their accuracy."""

NEXT_HOUR = """
    INSERT INTO observation (series_key, valid_time, value, available_at)
    SELECT series_key, valid_time + INTERVAL '1 hour', value + series_key, available_at + INTERVAL '1 hour'
    FROM observation WHERE valid_time = %(newest)s
"""
NEXT_FORECASTS = """
    INSERT INTO forecast
    SELECT series_key, origin + INTERVAL '1 hour', issued_at + INTERVAL '1 hour', release, rung, reasons,
           array(SELECT value + series_key FROM unnest(p50) AS value), p10, p90, 0
    FROM forecast WHERE origin = %(newest)s
"""
NEXT_SCORES = "UPDATE accuracy_day SET absolute_error = absolute_error * 1.01"
NEXT_SCORES_OF_SERIES = "UPDATE score SET absolute_error = absolute_error * 1.01"


@dataclass
class Wire:
    """Counts what a page takes over the network, headers included, by the DevTools protocol.

    Attributes:
        sent: path and query of each request, by its id.
        status: of each answer, by its id.
        taken: bytes of each answer that has ended, by its id.
    """

    page: Page
    sent: dict[str, str] = field(default_factory=dict)
    status: dict[str, int] = field(default_factory=dict)
    taken: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        session = self.page.context.new_cdp_session(self.page)
        session.on("Network.requestWillBeSent", self._sent)
        session.on("Network.responseReceived", self._received)
        session.on("Network.loadingFinished", self._finished)
        session.send("Network.enable")

    def _sent(self, event: dict[str, Any]) -> None:
        url = urlsplit(event["request"]["url"])
        self.sent[event["requestId"]] = f"{url.path}?{url.query}".rstrip("?")

    def _received(self, event: dict[str, Any]) -> None:
        self.status[event["requestId"]] = event["response"]["status"]

    def _finished(self, event: dict[str, Any]) -> None:
        self.taken[event["requestId"]] = int(event["encodedDataLength"])

    def pass_seconds(self, seconds: int) -> None:
        """Count from 0 while the clock of the page moves on; each request ends before the next second."""
        for counted in (self.sent, self.status, self.taken):
            counted.clear()
        for _ in range(seconds):
            self.page.clock.run_for(1000)
            wait_until(self._is_quiet, 20, "the requests of the page to end")

    def _is_quiet(self) -> bool:
        self.page.evaluate("new Promise((resolve) => resolve())")  # events come while the browser is asked
        return self.sent.keys() <= self.taken.keys()

    @property
    def bytes_taken(self) -> int:
        """Bytes of all answers."""
        return sum(self.taken.values())

    def changed(self) -> set[str]:
        """Paths that were answered with a body, without the version of a list that they named."""
        return {path.partition("&since=")[0] for request, path in self.sent.items() if self.status[request] == 200}


def observe_next_hour(database_url: str, redis_url: str, sample: Sample) -> None:
    """All series get their next hour, forecast and score, as the worker writes them."""
    newest = {"newest": from_hour(sample.newest)}
    with psycopg.connect(database_url, options="-c timezone=UTC") as connection:
        assert connection.execute(NEXT_HOUR, newest).rowcount == len(sample.series) - 1  # without the stale one
        assert connection.execute(NEXT_FORECASTS, newest).rowcount == len(sample.series) - 1
        assert connection.execute(NEXT_SCORES).rowcount
        assert connection.execute(NEXT_SCORES_OF_SERIES).rowcount
    with redis.Redis.from_url(redis_url) as cache:
        forecast = orjson.loads(cache.get(forecast_key(CHOSEN)) or b"")
        forecast["origin"] = format_utc(from_hour(sample.newest + 1))
        forecast["issued_at"] = format_utc(NOW + timedelta(hours=1))
        forecast["p50"] = [value + 1 for value in forecast["p50"]]
        cache.set(forecast_key(CHOSEN), orjson.dumps(forecast))


def test_an_idle_minute_costs_headers_and_a_new_hour_of_every_series_a_few_kilobytes(
    database_url: str,
    redis_url: str,
    sample_service: SampleService,
    serve: Callable[[ApiSettings], Site],
    visit: Callable[..., Visit],
) -> None:
    sample = insert_sample(database_url, redis_url, NOW)
    site = serve(sample_service.settings(database_url=database_url, redis_url=redis_url))
    page = visit(site, f"/?series={CHOSEN.replace('/', '%2F')}").page
    page.clock.install()
    page.reload()
    page.wait_for_selector("#all tbody tr")
    wait_until(lambda: "is away" in httpx.get(f"{site.url}/v1/services").text, 60, "the API to have tried Kafka")
    wire = Wire(page)
    wire.pass_seconds(20)  # what is asked every third round has come

    wire.pass_seconds(60)
    assert wire.changed() == set()
    assert set(wire.status.values()) == {304}
    assert [path for path in wire.sent.values() if path.startswith("/v1/accuracy?limit=5000&since=")]
    assert len(wire.sent) >= 80, "twelve rounds"
    assert wire.bytes_taken < IDLE_MINUTE_BYTES, wire.taken
    idle_bytes = wire.bytes_taken

    observe_next_hour(database_url, redis_url, sample)
    wire.pass_seconds(60)
    assert {"/v1/series?limit=5000", f"/v1/forecasts/{CHOSEN}", "/v1/accuracy?limit=5000"} <= wire.changed()
    assert f"/v1/days/{TOMORROW}/{CHOSEN}" in wire.changed()
    lists = [path for path in wire.sent.values() if "since=" in path]
    assert len(set(lists)) == 4, "each list by its version before the hour and by the one after it"
    assert list(wire.status.values()).count(200) == len(wire.changed()) + 2, "each change is sent once, then nothing"
    assert wire.bytes_taken - idle_bytes < NEW_HOUR_BYTES, wire.taken
