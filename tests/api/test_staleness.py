"""Whoever reads a forecast sees when its hours end, and whether its series is stale."""

import csv
import io
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.hearing import Made
from api.positions import Positions
from api.resources.forecast_stream import _forecast
from api.staleness import UNREAD, StalenessJudge
from tests.api.conftest import SampleService
from tests.api.fakes import NOW, UNJUDGED, FakeServers
from tests.api.sample import STALE
from tests.api.serving import wait_until_judged
from tests.waiting import wait_until

pytestmark = pytest.mark.servers
FRESH = "DK1/111"


@pytest.fixture
def days_later(sample_service: SampleService) -> Iterator[TestClient]:
    """The API on the sample when its source has published nothing for three days."""
    app = create_app(sample_service.settings(), lambda: NOW + timedelta(days=3))
    with TestClient(app) as client:
        wait_until_judged(app)
        yield client


def test_a_stale_series_says_so_in_json_and_in_bulk_and_as_a_table(client: TestClient) -> None:
    known = client.get(f"/v1/series/{STALE}").json()
    assert known["stale"] is True
    one = client.get(f"/v1/forecasts/{STALE}").json()
    assert (one["stale"], one["stale_reason"]) == (True, known["stale_reason"])
    assert one["ends_at"] > one["origin"]
    page = {each["series_id"]: each for each in client.get("/v1/forecasts", params={"limit": 1000}).json()["forecasts"]}
    assert page[STALE] == one
    assert (page[FRESH]["stale"], page[FRESH]["stale_reason"]) == (False, "")
    table = client.get("/v1/forecasts", params={"format": "csv", "limit": 1000}).text
    rows = {row["series_id"]: row for row in csv.DictReader(io.StringIO(table))}
    assert (rows[STALE]["stale"], rows[STALE]["stale_reason"]) == ("true", known["stale_reason"])
    assert (rows[FRESH]["stale"], rows[FRESH]["ends_at"]) == ("false", page[FRESH]["ends_at"])


def test_every_series_of_a_source_that_fell_silent_is_stale_and_the_tag_covers_it(
    client: TestClient, days_later: TestClient
) -> None:
    before, after = (one.get(f"/v1/forecasts/{FRESH}") for one in (client, days_later))
    assert after.json()["stale"] is True
    assert "no new hour has come for" in after.json()["stale_reason"]
    assert before.headers["ETag"] != after.headers["ETag"]
    again = days_later.get(f"/v1/forecasts/{FRESH}", headers={"If-None-Match": before.headers["ETag"]})
    assert again.status_code == 200


def test_a_forecast_of_the_past_says_how_its_series_is_now(client: TestClient) -> None:
    past = client.get(f"/v1/forecasts/{FRESH}", params={"as_of": (NOW - timedelta(days=2)).isoformat()}).json()
    newest = client.get(f"/v1/forecasts/{FRESH}").json()
    assert past["origin"] < newest["origin"]
    assert (past["stale"], past["stale_reason"]) == (False, "")
    stale = client.get(f"/v1/forecasts/{STALE}", params={"as_of": NOW.isoformat()}).json()
    assert stale["stale"] is True


def test_an_event_of_the_stream_says_it_too(client: TestClient) -> None:
    state = client.app.state.backends  # type: ignore[attr-defined]
    body = b'{"series_id":"%b","origin":"2023-01-20T00:00:00Z"}' % STALE.encode()
    event = _forecast(Made(STALE, body, Positions("Y7AK3n6v", (1,))), state.staleness)
    assert b'"stale":true,"stale_reason":"its newest hour is' in event


def test_what_cannot_be_judged_is_null_with_the_reason(servers: FakeServers) -> None:
    servers.forecasts.bodies[FRESH] = b'{"series_id":"DK1/111","origin":"2023-01-24T22:00:00Z","p50":[1.5]}'
    with servers.client() as client:
        answer = client.get(f"/v1/forecasts/{FRESH}").json()
    assert (answer["stale"], answer["stale_reason"]) == (None, UNJUDGED.decode())


def test_a_series_that_is_asked_for_during_a_look_is_looked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[str] = []

    def look(*_: Any, **__: Any) -> list[Any]:
        looks.append("look")
        if len(looks) == 2:
            judge.of("new/2", NOW)
        return []

    monkeypatch.setattr("api.staleness.REFRESH_S", 3600.0)
    monkeypatch.setattr("api.staleness.read_sources", look)
    monkeypatch.setattr("api.staleness.source_keys_by_id", lambda _: {})
    database = SimpleNamespace(connection=nullcontext)
    with StalenessJudge(cast("Any", database), lambda: NOW) as judge:
        wait_until(lambda: judge.of("new/1", NOW) is not UNREAD, 20, "the first look")
        wait_until(lambda: len(looks) >= 3, 20, "a look for new/2")
