import csv
import io
from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest
import redis
from fastapi.testclient import TestClient

from api.app import create_app
from dayahead.contracts import ForecastMessage
from dayahead.hours import format_utc, from_hour
from dayahead.storage.forecast_cache import forecast_key
from tests.api.conftest import SampleService
from tests.api.fakes import NOW
from tests.api.sample import LEADS, NO_FORECAST
from tests.waiting import wait_until

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def without_redis(sample_service: SampleService) -> Iterator[TestClient]:
    """The same API while Redis is away."""
    settings = sample_service.settings(redis_url="redis://127.0.0.1:1/0")
    with TestClient(create_app(settings, lambda: NOW)) as client:
        yield client


def test_redis_and_the_database_give_the_same_bytes(
    client: TestClient, without_redis: TestClient, sample_service: SampleService
) -> None:
    for series in sample_service.sample.series:
        from_redis = client.get(f"/v1/forecasts/{series.series_id}")
        from_database = without_redis.get(f"/v1/forecasts/{series.series_id}")
        assert from_redis.headers["Dayahead-Served-By"] == "redis"
        assert from_database.headers["Dayahead-Served-By"] == "database"
        assert from_redis.content == from_database.content
        assert from_redis.headers["ETag"] == from_database.headers["ETag"]


def test_a_forecast_is_a_message_of_the_contract(client: TestClient) -> None:
    answer = client.get("/v1/forecasts/DK1/111").json()
    assert (answer.pop("stale"), answer.pop("stale_reason")) == (False, "")
    assert (answer.pop("expired"), answer.pop("expired_reason")) == (False, "")
    message = ForecastMessage.model_validate(answer)
    assert message.leads == LEADS
    assert message.ends_at == message.origin + timedelta(hours=LEADS + 1)
    assert all(low <= mid <= high for low, mid, high in zip(message.p10, message.p50, message.p90, strict=True))


def test_no_forecast_yet_is_an_answer_with_rung_5(client: TestClient) -> None:
    answer = client.get(f"/v1/forecasts/{NO_FORECAST}")
    assert answer.status_code == 200
    assert (answer.json()["rung"], answer.json()["p50"]) == (5, [])


def test_as_of_gives_the_newest_forecast_that_was_issued_by_then(
    client: TestClient, sample_service: SampleService
) -> None:
    newest = from_hour(sample_service.sample.newest)
    answer = client.get("/v1/forecasts/DK1/111", params={"as_of": "2023-01-20T12:30:00Z"})
    assert answer.json()["origin"] == "2023-01-20T11:00:00Z"
    assert answer.json()["issued_at"] == "2023-01-20T12:00:00Z"
    assert client.get("/v1/forecasts/DK1/111").json()["origin"] == format_utc(newest)


def test_origin_gives_the_forecast_that_was_made_there(client: TestClient) -> None:
    answer = client.get("/v1/forecasts/DK1/111", params={"origin": "2023-01-20T12:00:00Z"})
    assert answer.json()["origin"] == "2023-01-20T12:00:00Z"


@pytest.mark.parametrize("origin", ["2023-01-20T12:30:00Z", "2023-01-01T00:00:00Z", "2023-02-01T00:00:00Z"])
def test_where_no_forecast_was_made_is_a_404_that_names_the_nearest_origins(client: TestClient, origin: str) -> None:
    answer = client.get("/v1/forecasts/DK1/111", params={"origin": origin})
    assert answer.status_code == 404
    problem = answer.json()
    assert problem["type"] == "urn:dayahead:problem:no-forecast"
    assert origin in problem["detail"]
    assert "The nearest origins are 20" in problem["detail"]


def test_before_the_first_forecast_there_is_none_and_the_answer_says_so(client: TestClient) -> None:
    answer = client.get("/v1/forecasts/DK1/111", params={"as_of": "2020-01-01T00:00:00Z"})
    assert answer.status_code == 404
    assert answer.json()["type"] == "urn:dayahead:problem:no-forecast"
    assert "as_of" in answer.json()["detail"]


def test_a_page_of_forecasts_holds_the_same_messages(client: TestClient) -> None:
    page = client.get("/v1/forecasts", params={"area": "DK2", "limit": 3}).json()
    assert [forecast["series_id"] for forecast in page["forecasts"]] == ["DK2/111", "DK2/112", "DK2/119"]
    assert page["forecasts"][0] == client.get("/v1/forecasts/DK2/111").json()
    assert page["next_cursor"] == "DK2/119"


def test_the_next_page_is_linked_and_the_last_one_links_none(client: TestClient) -> None:
    seen = []
    answer = client.get("/v1/forecasts", params={"limit": 30})
    while True:
        seen += [forecast["series_id"] for forecast in answer.json()["forecasts"]]
        if "next" not in answer.links:
            break
        answer = client.get(answer.links["next"]["url"])
    assert len(seen) == len(set(seen)) == 76


def test_csv_has_one_line_a_lead(client: TestClient) -> None:
    answer = client.get("/v1/forecasts", params={"format": "csv", "limit": 2})
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    message = client.get("/v1/forecasts/DK1/111").json()
    assert len(rows) == 2 * LEADS
    assert rows[0]["valid_time"] == "2023-01-24T23:00:00Z"
    assert [float(row["p50"]) for row in rows[:LEADS]] == message["p50"]


def test_what_redis_lacks_comes_from_the_database(client: TestClient, sample_service: SampleService) -> None:
    with redis.Redis.from_url(sample_service.redis_url) as cache:
        held = cache.getdel(forecast_key("DK1/112"))
        try:
            one = client.get("/v1/forecasts/DK1/112")
            page = client.get("/v1/forecasts", params={"limit": 2}).content
        finally:
            cache.set(forecast_key("DK1/112"), held)
    assert one.headers["Dayahead-Served-By"] == "database"
    assert one.content.startswith(held[:-1])
    assert one.content in page


def test_a_series_without_any_forecast_is_a_404_that_is_no_unknown_series(
    database_url: str, sample_service: SampleService
) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("INSERT INTO source (name, definition) VALUES ('a', '{}')")
        connection.execute(
            "INSERT INTO series (series_id, source_key, labels, area, unit, partition)"
            " SELECT 'X/1', source_key, '{}', 'X', 'kWh', 0 FROM source"
        )
    with TestClient(create_app(sample_service.settings(database_url=database_url), lambda: NOW)) as client:
        answer = client.get("/v1/forecasts/X/1")
    assert answer.status_code == 404
    assert answer.json()["type"] == "urn:dayahead:problem:no-forecast"


def test_after_redis_dropped_its_connections_it_is_asked_again(
    client: TestClient, sample_service: SampleService
) -> None:
    def served_by() -> str:
        answer = client.get("/v1/forecasts/DK1/111")
        assert answer.status_code == 200
        return answer.headers["Dayahead-Served-By"]

    wait_until(lambda: served_by() == "redis", 30, "an answer from Redis")
    with redis.Redis.from_url(sample_service.redis_url) as cache:
        cache.client_kill_filter(_type="normal", skipme=True)
    wait_until(lambda: served_by() == "redis", 30, "an answer from Redis again")
