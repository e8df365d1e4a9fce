"""Why a forecast is what it is, asked of the API about forecasts that a worker made."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise

import numpy as np
import psycopg
import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.settings import ApiSettings
from dayahead.hours import format_utc, from_hour
from dayahead.models.serving.release import Release
from tests.dayahead.conftest import consumption, small_history, small_release, small_settings  # noqa: F401 - fixtures
from tests.stream.conftest import WorkerRoom, room  # noqa: F401 - a fixture
from tests.stream.logs import START, batch, in_log, series_of
from tests.stream.ownership.test_releases import crown, record_of

pytestmark = [pytest.mark.servers, pytest.mark.timeout(900)]

HOURS, LIVE = 950, 30
SOUND, YOUNG = series_of(0, 2)


@pytest.fixture
def client(room: WorkerRoom, small_release: Release) -> Iterator[TestClient]:  # noqa: F811
    """Two series, one of them of 60 hours, whose last hours a worker forecast one by one; and the API."""
    crown(room, small_release.release_id, record_of(small_release), small_release.to_bytes())
    values = np.round(consumption(2, HOURS), 3)
    values[1, :-60] = np.nan
    edges = [*range(0, HOURS - LIVE, 100), *range(HOURS - LIVE, HOURS + 1)]
    log = [
        batch(
            [
                (name, START + hour, float(values[row, hour]))
                for hour in range(start, end)
                for row, name in enumerate((SOUND, YOUNG))
                if np.isfinite(values[row, hour])
            ],
            START + end,
            refresh=end == start + 1,
        )
        for start, end in pairwise(edges)
    ]
    room.send(0, log)
    worker = room.worker()
    worker.assign([0])
    worker.process(0, in_log(log))
    settings = ApiSettings(
        _env_file=None,
        database_url=room.database_url,
        redis_url=room.redis_url,
        kafka_bootstrap=room.topics.bootstrap,
        topic_prefix=room.topics.prefix,
    )
    with TestClient(create_app(settings)) as client:
        yield client


def summed(parts: dict[str, list[float]]) -> list[float]:
    return [sum(values) for values in zip(*parts.values(), strict=True)]


def test_the_parts_of_a_served_forecast_sum_to_its_median(client: TestClient) -> None:
    found = client.get(f"/v1/forecasts/{SOUND}/why").json()
    served = client.get(f"/v1/forecasts/{SOUND}").json()
    assert (found["origin"], found["release"], found["rung"]) == (served["origin"], served["release"], served["rung"])
    assert found["reason"] == ""
    assert found["p50"] == pytest.approx(served["p50"])
    assert summed(found["parts"]) == pytest.approx(served["p50"], abs=0.01)
    assert set(found["member"][:24]) == {"load"}
    assert set(found["member"][24:]) == {"no_model"}  # the release has no member for day 2
    assert not any(found["parts"]["weather"])
    assert any(found["parts"]["recent_load"])
    assert any(found["parts"]["calendar"])
    assert found["change"] is None


def test_what_changed_since_an_origin_or_a_moment_is_named_by_part(client: TestClient) -> None:
    newest = client.get(f"/v1/forecasts/{SOUND}").json()
    origin = from_hour(START + HOURS - 1 - 6)
    earlier = client.get(f"/v1/forecasts/{SOUND}", params={"origin": format_utc(origin)}).json()
    found = client.get(f"/v1/forecasts/{SOUND}/why", params={"since": format_utc(origin)}).json()["change"]
    hours = len(earlier["p50"]) - 6
    expected = [new - old for new, old in zip(newest["p50"][:hours], earlier["p50"][6:], strict=True)]
    assert found["origin"] == format_utc(origin)
    assert found["p50"] == pytest.approx(expected, abs=0.01)
    assert summed(found["parts"]) == pytest.approx(expected, abs=0.02)
    moment = client.get(f"/v1/forecasts/{SOUND}/why", params={"since": earlier["issued_at"]}).json()["change"]
    assert moment["issued_at"] <= earlier["issued_at"]


def test_a_young_series_is_all_level(client: TestClient) -> None:
    found = client.get(f"/v1/forecasts/{YOUNG}/why").json()
    assert set(found["member"]) == {"no_model"}
    assert found["parts"]["level"] == pytest.approx(found["p50"], abs=0.01)


def test_a_forecast_of_an_hour_that_was_revised_since_is_explained_as_it_was_made(
    client: TestClient,
    room: WorkerRoom,  # noqa: F811
) -> None:
    before = client.get(f"/v1/forecasts/{SOUND}/why").json()
    hour = from_hour(START + HOURS - 30)
    with psycopg.connect(room.database_url) as connection:
        connection.execute(
            "INSERT INTO observation_revision (series_key, valid_time, available_at, recorded_at, value)"
            " SELECT series_key, valid_time, available_at, available_at, value FROM observation"
            " JOIN series USING (series_key)"
            " WHERE series_id = %s AND valid_time = %s",
            [SOUND, hour],
        )
        connection.execute(
            "UPDATE observation SET value = 3 * value, available_at = now() + INTERVAL '1 hour' FROM series"
            " WHERE series.series_key = observation.series_key AND series_id = %s AND valid_time = %s",
            [SOUND, hour],
        )
    assert client.get(f"/v1/forecasts/{SOUND}/why").json()["parts"] == before["parts"]


def test_a_forecast_that_its_inputs_do_not_give_has_no_parts_and_says_so(
    client: TestClient,
    room: WorkerRoom,  # noqa: F811
) -> None:
    with psycopg.connect(room.database_url) as connection:
        connection.execute(
            "UPDATE forecast SET p50[3] = p50[3] + 1 FROM series WHERE series.series_key = forecast.series_key"
            " AND series_id = %s",
            [SOUND],
        )
    found = client.get(f"/v1/forecasts/{SOUND}/why").json()
    assert found["parts"] is None
    assert found["member"] == []
    assert "bit for bit" in found["reason"]
    assert len(found["p50"]) == len(found["valid_time"]) > 0


def test_what_cannot_be_explained_names_the_remedy(client: TestClient) -> None:
    unknown = client.get("/v1/forecasts/DK1/none/why")
    assert (unknown.status_code, unknown.json()["type"]) == (404, "urn:dayahead:problem:unknown-series")
    early = format_utc(from_hour(START) - timedelta(days=9))
    none = client.get(f"/v1/forecasts/{SOUND}/why", params={"as_of": early})
    assert (none.status_code, none.json()["type"]) == (404, "urn:dayahead:problem:no-forecast")
    since = client.get(f"/v1/forecasts/{SOUND}/why", params={"since": early})
    assert since.status_code == 422
    assert since.json()["parameters"][0]["parameter"] == "since"


def test_an_api_without_the_model_library_says_what_is_missing(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "dayahead.models.serving.why", None)
    answer = client.get(f"/v1/forecasts/{SOUND}/why")
    assert (answer.status_code, answer.json()["type"]) == (501, "urn:dayahead:problem:no-model-library")
