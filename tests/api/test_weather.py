"""The temperature that a series follows, as the API answers it."""

from collections.abc import Iterator
from datetime import timedelta

import numpy as np
import psycopg
import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.settings import ApiSettings
from dayahead.hours import format_utc, from_hour, to_hour
from dayahead.reading.source_file import load_source
from dayahead.storage.tables.source import register_source
from dayahead.storage.tables.weather_poll import record_weather_failure
from dayahead.storage.tables.weather_run import write_runs
from deploy.local.stack import LocalStack
from tests.api.conftest import own_database
from tests.api.fakes import NOW
from tests.api.sample import SOURCE, Sample, insert_sample
from tests.api.weather_sample import DELAY_H, PLACES, insert_weather, run_of
from tests.conftest import SESSION_REDIS_DATABASE

pytestmark = pytest.mark.servers


class Scene:
    """The sample with weather, and the API on it."""

    def __init__(self, database_url: str, redis_url: str) -> None:
        self.url = database_url
        self.sample: Sample = insert_sample(database_url, redis_url, NOW, 600)
        self.starts = insert_weather(database_url, self.sample.newest)
        settings = ApiSettings(_env_file=None, database_url=database_url, redis_url=redis_url)
        self.client = TestClient(create_app(settings, lambda: NOW))


@pytest.fixture(scope="module")
def scene(stack: LocalStack) -> Iterator[Scene]:
    with own_database(stack, "api_weather") as database_url:
        scene = Scene(database_url, stack.redis.url(SESSION_REDIS_DATABASE))
        with scene.client:
            yield scene


def test_the_temperature_is_the_weighted_mean_of_the_newest_runs_that_cover_each_hour(scene: Scene) -> None:
    found = scene.client.get("/v1/weather/DK1/111").json()
    newest = scene.sample.newest
    assert found["start"] == format_utc(from_hour(newest - 168))
    assert len(found["valid_time"]) == len(found["temperature_c"])
    by_hour = dict(zip(found["valid_time"], found["temperature_c"], strict=True))
    last = scene.starts[-1]
    for hour in (newest - 100, newest - 30, newest, newest + 20):
        start = min(last, hour // 6 * 6)
        north, south = (run_of(name, start).values.values[hour - start] for name in ("north", "south"))
        assert by_hour[format_utc(from_hour(hour))] == pytest.approx(0.75 * north + 0.25 * south, abs=0.006)
    assert [(one["name"], one["weight"], one["latitude"]) for one in found["locations"]] == [
        ("north", 0.75, 57.0),
        ("south", 0.25, 55.5),
    ]


def test_the_newest_run_its_age_and_its_source_are_named(scene: Scene) -> None:
    found = scene.client.get("/v1/weather/DK1/111").json()
    last = scene.starts[-1]
    assert found["run"]["start"] == format_utc(from_hour(last))
    assert found["run"]["available_at"] == format_utc(from_hour(last + DELAY_H))
    assert found["run"]["ends_at"] == found["covered_until"] or found["covered_until"] == found["end"]
    now = scene.client.get("/v1/series/DK1/111").json()["source_detail"]["current_hour"]
    assert found["run"]["age_h"] >= (
        np.datetime64(now[:-1]) - np.datetime64(found["run"]["start"][:-1])
    ) / np.timedelta64(1, "h")
    assert (found["stale"], found["stale_reason"]) == (False, "")
    assert found["source"]["name"] == "sky"
    assert found["source"]["newest_time"] == found["run"]["start"]
    assert (found["source"]["missed_runs"], found["source"]["failing_since"]) == (0, None)


def test_a_past_moment_has_the_runs_that_were_published_by_then(scene: Scene) -> None:
    start = scene.starts[-3]
    as_of = from_hour(start + DELAY_H)
    hour = start + 30
    found = scene.client.get(
        "/v1/weather/DK1/111",
        params={
            "as_of": format_utc(as_of),
            "start": format_utc(from_hour(hour)),
            "end": format_utc(from_hour(hour + 1)),
        },
    ).json()
    north, south = (run_of(name, start).values.values[30] for name in ("north", "south"))
    assert found["temperature_c"] == [pytest.approx(0.75 * north + 0.25 * south, abs=0.006)]
    assert found["run"]["start"] == format_utc(from_hour(start))
    assert found["run"]["age_h"] == DELAY_H


def test_a_series_without_weather_is_a_404_that_names_the_remedy(scene: Scene) -> None:
    for series_id in ("DK2/111", "DK1/211"):
        answer = scene.client.get(f"/v1/weather/{series_id}")
        assert answer.status_code == 404
        assert answer.json()["type"] == "urn:dayahead:problem:no-weather"
        assert "weather choose" in answer.json()["detail"]
        assert scene.client.get(f"/v1/series/{series_id}").json()["weather"] is None
    assert scene.client.get("/v1/series/DK1/111").json()["weather"] == "sky"
    unknown = scene.client.get("/v1/weather/DK1/11")
    assert (unknown.status_code, unknown.json()["type"]) == (404, "urn:dayahead:problem:unknown-series")


def test_weather_that_was_never_polled_is_as_none_until_a_run_comes(database_url: str, redis_url: str) -> None:
    insert_sample(database_url, redis_url, NOW, 600)
    with psycopg.connect(database_url) as connection:
        register_source(connection, load_source(SOURCE).model_copy(update={"weather": PLACES}))
    settings = ApiSettings(_env_file=None, database_url=database_url, redis_url=redis_url)
    with TestClient(create_app(settings, lambda: NOW)) as client:
        answer = client.get("/v1/weather/DK1/111")
        assert (answer.status_code, answer.json()["type"]) == (404, "urn:dayahead:problem:no-weather")
        assert "DAYAHEAD_WEATHER_SOURCE" in answer.json()["detail"]
        assert client.get("/v1/series/DK1/111").json()["weather"] is None
        with psycopg.connect(database_url) as connection, connection.cursor() as cursor:
            write_runs(cursor, [run_of("north", to_hour(NOW))], NOW)
        # it is not registered: its runs came by Kafka
        assert client.get("/v1/series/DK1/111").json()["weather"] == "sky"
        assert client.get("/v1/weather/DK1/111").json()["source"] is None


@pytest.mark.parametrize(
    ("start", "end"),
    [("2023-01-20T00:00:00Z", "2023-01-19T00:00:00Z"), ("2020-01-20T00:00:00Z", "2023-01-19T00:00:00Z")],
)
def test_a_range_that_is_reversed_or_too_long_is_refused(scene: Scene, start: str, end: str) -> None:
    answer = scene.client.get("/v1/weather/DK1/111", params={"start": start, "end": end})
    assert answer.status_code == 422
    assert answer.json()["parameters"][0]["parameter"] == "start"


def test_a_table_has_a_row_for_each_known_hour(scene: Scene) -> None:
    found = scene.client.get("/v1/weather/DK1/111").json()
    lines = scene.client.get("/v1/weather/DK1/111", params={"format": "csv"}).text.splitlines()
    assert lines[0] == "series_id,valid_time,temperature_c"
    assert len(lines) - 1 == sum(value is not None for value in found["temperature_c"])


def test_a_run_that_is_too_old_for_a_forecast_is_stale_and_a_failing_source_says_why(
    database_url: str, redis_url: str
) -> None:
    sample = insert_sample(database_url, redis_url, NOW, 600)
    start = sample.newest - 40
    insert_weather(database_url, sample.newest, start)
    with psycopg.connect(database_url) as connection:
        record_weather_failure(connection, "sky", "connection refused", 5, NOW, NOW + timedelta(minutes=5))
    settings = ApiSettings(_env_file=None, database_url=database_url, redis_url=redis_url)
    with TestClient(create_app(settings, lambda: NOW)) as client:
        found = client.get("/v1/weather/DK1/111").json()
    assert found["stale"]
    assert "40 h before the newest hour of the series" in found["stale_reason"]
    assert found["source"]["missed_runs"] == 5
    assert (found["source"]["failing_since"], found["source"]["failing_reason"]) == (
        format_utc(NOW),
        "connection refused",
    )
