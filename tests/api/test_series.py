from datetime import timedelta

import psycopg
import pytest
from fastapi.testclient import TestClient
from psycopg_pool import ConnectionPool

from api.app import create_app
from dayahead.hours import format_utc, parse_utc, to_hour, to_microseconds
from dayahead.reading.limits import LimitLoss
from dayahead.reading.source_file import load_source
from dayahead.storage.tables.limit_loss import replace_losses
from dayahead.storage.tables.limit_rejection import LimitRejection, write_rejections
from dayahead.storage.tables.poll_cursor import move_cursor
from dayahead.storage.tables.poll_failure import PollFailure, record_failure
from dayahead.storage.tables.series import load_series, register_series
from dayahead.storage.tables.source import load_sources, register_source
from tests.api.conftest import SampleService
from tests.api.fakes import NOW, FakeServers
from tests.api.sample import (
    HOLED,
    NO_FORECAST,
    PROFILE,
    QUARANTINED,
    SOURCE,
    STALE,
    forget_all_but_the_newest_hour,
    insert_sample,
)

pytestmark = pytest.mark.servers


def listed(client: TestClient, query: str = "") -> list[str]:
    return [series["series_id"] for series in client.get(f"/v1/series{query}").json()["series"]]


def test_every_series_is_listed_with_its_newest_hour_and_rung(client: TestClient) -> None:
    answer = client.get("/v1/series").json()
    by_id = {series["series_id"]: series for series in answer["series"]}
    assert len(by_id) == 76
    assert answer["areas"] == ["DK1", "DK2"]
    fresh = by_id["DK1/111"]
    assert fresh["newest_hour"] == "2023-01-24T22:00:00Z"
    assert (fresh["state"], fresh["rung"], fresh["rung_meaning"], fresh["stale"]) == ("fresh", 0, "full model", False)
    assert fresh["labels"] == {"PriceArea": "DK1", "ConsumerType_DE35": "111"}


def test_the_moment_from_which_forecasts_are_kept_finds_the_oldest_and_one_before_it_none(client: TestClient) -> None:
    since = client.get("/v1/series/DK1/111").json()["forecasts_since"]
    day = f"/v1/days/{since[:10]}/DK1/111"
    oldest = client.get(day, params={"as_of": since})
    assert oldest.json()["origin"] == format_utc(parse_utc(since) - timedelta(hours=1))  # due an hour later
    before = format_utc(parse_utc(since) - timedelta(seconds=1))
    assert client.get(day, params={"as_of": before}).status_code == 404


def test_on_the_wall_clock_forecasts_are_kept_from_when_the_oldest_was_issued(
    database_url: str, sample_service: SampleService
) -> None:
    insert_sample(database_url, sample_service.redis_url, NOW)
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE source SET definition = definition - 'clock'")
        connection.execute("UPDATE forecast SET issued_at = issued_at + INTERVAL '7 minutes'")
    with TestClient(create_app(sample_service.settings(database_url=database_url), lambda: NOW)) as client:
        since = client.get("/v1/series/DK1/111").json()["forecasts_since"]
        assert since.endswith(":07:00Z")
        path = "/v1/forecasts/DK1/111"
        assert client.get(path, params={"as_of": since}).json()["issued_at"] == since
        before = format_utc(parse_utc(since) - timedelta(seconds=1))
        assert client.get(path, params={"as_of": before}).status_code == 404


def test_the_days_that_were_kept_at_a_gate_are_listed_by_gate(client: TestClient) -> None:
    [gate] = client.get("/v1/series/DK1/111").json()["gates"]
    assert gate == {"gate": "11:00", "first": "2023-01-21", "last": "2023-01-25"}
    for day in (gate["first"], gate["last"]):
        kept = client.get("/v1/day-ahead/DK1/111", params={"day": day, "gate": gate["gate"]}).json()
        assert kept["day"] == day
    assert client.get("/v1/day-ahead/DK1/111", params={"day": "2023-01-20"}).status_code == 404
    assert client.get(f"/v1/series/{NO_FORECAST}").json()["gates"] == []


def test_a_series_that_lags_behind_its_source_is_stale_and_says_by_how_much(client: TestClient) -> None:
    series = client.get(f"/v1/series/{STALE}").json()
    assert series["state"] == "stale"
    assert series["hours_behind"] == 30
    assert series["stale_reason"] == "its newest hour is 30 h behind its source; up to 6 h are normal"


def test_a_degraded_forecast_has_its_reasons_in_words(client: TestClient) -> None:
    series = client.get(f"/v1/series/{PROFILE}").json()
    assert (series["state"], series["rung"]) == ("degraded", 3)
    assert {"code": "model_failed", "meaning": "the model could not be computed"} in series["reasons"]


def test_missing_hours_of_the_last_week_are_listed(client: TestClient) -> None:
    quality = client.get(f"/v1/series/{HOLED}").json()["quality"]
    assert quality["hours"] == 168
    assert len(quality["missing_hours"]) == 8
    assert quality["missing_hours"][0] == "2023-01-22T11:00:00Z"


def test_the_hours_before_the_first_one_of_a_series_are_not_missing(database_url: str, redis_url: str) -> None:
    insert_sample(database_url, redis_url, NOW, hours=400)
    with ConnectionPool(database_url, kwargs={"options": "-c timezone=UTC"}) as pool:
        with pool.connection() as connection:
            forget_all_but_the_newest_hour(connection, NO_FORECAST)
        with FakeServers(database=pool).client(NOW) as client:
            young = client.get(f"/v1/series/{NO_FORECAST}").json()
            old = client.get("/v1/series/DK1/111").json()
    assert young["quality"]["first_hour"] == young["newest_hour"]
    assert (young["quality"]["hours"], young["quality"]["missing_hours"]) == (1, [])
    assert old["quality"]["hours"] == 168


def test_hours_excluded_from_the_newest_training_have_a_reason(client: TestClient) -> None:
    [quarantined] = client.get(f"/v1/series/{QUARANTINED}").json()["quality"]["quarantined"]
    assert quarantined == {
        "start": "2023-01-22T18:00:00Z",
        "end": "2023-01-23T06:00:00Z",
        "hours": 12,
        "rule": "stuck_meter",
        "reason": "12 hours with the same value: a stuck meter",
    }
    assert client.get("/v1/series/DK1/111").json()["quality"]["quarantined"] == []


def test_filters_narrow_the_list(client: TestClient) -> None:
    assert listed(client, "?state=stale") == [STALE]
    assert listed(client, "?state=no-forecast") == [NO_FORECAST]
    assert {series.split("/")[0] for series in listed(client, "?area=DK2")} == {"DK2"}
    assert listed(client, "?search=dk2/11") == ["DK2/111", "DK2/112", "DK2/119"]


def test_pages_by_cursor_give_every_series_once(client: TestClient) -> None:
    seen: list[str] = []
    cursor = ""
    while cursor is not None:
        page = client.get("/v1/series", params={"limit": 30} | ({"cursor": cursor} if cursor else {})).json()
        seen += [series["series_id"] for series in page["series"]]
        cursor = page["next_cursor"]
    assert seen == listed(client)


def test_labels_are_in_the_order_of_the_key_columns_of_the_source(database_url: str) -> None:
    with ConnectionPool(database_url, kwargs={"options": "-c timezone=UTC"}) as pool:
        with pool.connection() as connection:
            source = load_source(SOURCE).model_copy(update={"key_columns": ["region", "group"]})
            register_series(connection, ["Oslo/511.2"], register_source(connection, source), 4, NOW)
        with FakeServers(database=pool).client(NOW) as client:
            [item] = client.get("/v1/series").json()["series"]
            detail = client.get("/v1/series/Oslo/511.2").json()
    for series in (item, detail):
        assert list(series["labels"].items()) == [("region", "Oslo"), ("group", "511.2")]
    assert detail["source_detail"]["label_names"] == ["region", "group"]


def test_an_unknown_series_names_close_matches(client: TestClient) -> None:
    for resource in ("series", "forecasts", "observations", "accuracy"):
        answer = client.get(f"/v1/{resource}/dk1/1111")
        assert answer.status_code == 404
        problem = answer.json()
        assert problem["type"] == "urn:dayahead:problem:unknown-series"
        assert "DK1/111" in problem["close_matches"]
        assert "'dk1/1111'" in problem["detail"]


def test_a_source_that_is_silent_for_longer_than_it_promises_is_stale(sample_service: SampleService) -> None:
    with ConnectionPool(sample_service.database_url, kwargs={"options": "-c timezone=UTC"}) as pool:
        servers = FakeServers(database=pool)
        for hours, stale in ((1, False), (3, True)):
            with servers.client(NOW + timedelta(hours=hours)) as client:
                source = client.get("/v1/series/DK1/111").json()["source_detail"]
                assert source["stale"] is stale
        assert source["stale_reason"] == "no new hour has come for 3.0 h; one is promised every 1 h"


def test_a_source_whose_polls_fail_says_since_when_and_why(database_url: str) -> None:
    with ConnectionPool(database_url, kwargs={"options": "-c timezone=UTC"}) as pool:
        with pool.connection() as connection:
            key = register_source(connection, load_source(SOURCE)).source_key
            move_cursor(connection, key, to_hour(NOW), NOW)
            record_failure(connection, key, PollFailure(NOW, "it answered 503", NOW + timedelta(minutes=5)))
        for after, failing, duration in (
            (timedelta(seconds=5), False, "0 min"),
            (timedelta(hours=1), True, "60 min"),
            (timedelta(hours=5), True, "5.0 h"),
        ):
            with FakeServers(database=pool).client(NOW + after) as client:
                [entry] = client.get("/v1/quality").json()["sources"]
            source = entry["source"]
            assert (source["failing"], source["failing_since"]) == (failing, format_utc(NOW))
            assert source["failing_reason"] == f"no poll has succeeded for {duration}: it answered 503"


def test_what_the_limits_of_the_source_took_from_a_series_is_shown(database_url: str) -> None:
    source = load_source(SOURCE)
    with ConnectionPool(database_url, kwargs={"options": "-c timezone=UTC"}) as pool:
        with pool.connection() as connection:
            key = register_source(connection, source).source_key
            registered = load_sources(connection)[source.name]
            register_series(connection, ["DK1/111", "DK1/112", "DK1/113"], registered, 4, NOW)
            replace_losses(connection, key, [LimitLoss("DK1/111", 24, 100, 9e4, source)], NOW)
            # rejected by the worker: it came by Kafka or POST /v1/observations
            (sent,) = load_series(connection, ["DK1/113"])
            write_rejections(connection, [LimitRejection(sent.series_key, to_hour(NOW), -9e4, to_microseconds(NOW))])
        with FakeServers(database=pool).client(NOW) as client:
            losing = client.get("/v1/series/DK1/111").json()["quality"]["beyond_limits"]
            assert losing == {"lost_hours": 24, "given_hours": 100, "lost_percent": 24.0, "extreme": 9e4}
            assert client.get("/v1/series/DK1/112").json()["quality"]["beyond_limits"] is None
            rejected = client.get("/v1/series/DK1/113").json()["quality"]["beyond_limits"]
            assert rejected == {"lost_hours": 1, "given_hours": 1, "lost_percent": 100.0, "extreme": -9e4}
