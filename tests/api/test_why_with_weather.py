"""Why a forecast that used the weather is what it is, and what a newer run changed, on real servers."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.settings import ApiSettings
from dayahead.hours import format_utc, from_hour
from dayahead.models.serving.release import Release
from dayahead.weather.message import weather_bytes
from tests.dayahead.conftest import small_settings  # noqa: F401 - a fixture
from tests.dayahead.models.conftest import (  # noqa: F401 - fixtures
    history_with_weather,
    learnt_with_weather,
    weather_release,
    weather_settings,
)
from tests.dayahead.weather.publications import run
from tests.stream.conftest import WorkerRoom, room  # noqa: F401 - a fixture
from tests.stream.logs import batch, in_log
from tests.stream.weather.heated import LIVE, LIVE_HOURS, heated_logs, serve

pytestmark = [pytest.mark.servers, pytest.mark.timeout(900)]

PARTITION, SERIES = 0, "DK1/2"
ORIGIN = LIVE + LIVE_HOURS - 1
COLD = 0.0
"""Degrees, far below those of the other runs."""


@pytest.fixture
def client(room: WorkerRoom, weather_release: Release) -> Iterator[TestClient]:  # noqa: F811
    """The API, with what a worker made of a log with weather, whose last run says that it becomes cold."""
    serve(room, weather_release)
    log = heated_logs()[PARTITION]
    log += [
        weather_bytes("gfs", [run(ORIGIN - 4, [COLD] * 90)]),
        batch([(SERIES, ORIGIN + 1, 300.0)], ORIGIN + 2),
    ]
    room.send(PARTITION, log)
    worker = room.worker()
    worker.assign([PARTITION])
    worker.process(PARTITION, in_log(log))
    settings = ApiSettings(
        _env_file=None,
        database_url=room.database_url,
        redis_url=room.redis_url,
        kafka_bootstrap=room.topics.bootstrap,
        topic_prefix=room.topics.prefix,
    )
    with TestClient(create_app(settings)) as client:
        yield client


def why(client: TestClient, **parameters: str) -> dict[str, Any]:
    answer = client.get(f"/v1/forecasts/{SERIES}/why", params=parameters)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    assert found["reason"] == ""
    return found


def summed(parts: dict[str, list[float]]) -> list[float]:
    return [sum(values) for values in zip(*parts.values(), strict=True)]


def test_the_parts_of_a_forecast_with_weather_sum_to_it_and_the_weather_is_one(
    client: TestClient,
    weather_release: Release,  # noqa: F811
) -> None:
    before = format_utc(from_hour(ORIGIN))
    found = why(client, origin=before)
    served = client.get(f"/v1/forecasts/{SERIES}", params={"origin": before}).json()
    assert (served["release"], served["rung"]) == (weather_release.release_id, 0)
    assert found["p50"] == pytest.approx(served["p50"])
    assert summed(found["parts"]) == pytest.approx(served["p50"], abs=0.01)
    assert set(found["member"]) == {"weather"}
    assert all(found["parts"]["weather"])


def test_a_newer_run_is_what_changed_a_forecast(client: TestClient) -> None:
    before, newest = format_utc(from_hour(ORIGIN)), why(client)
    assert newest["origin"] == format_utc(from_hour(ORIGIN + 1))
    older = client.get(f"/v1/forecasts/{SERIES}", params={"origin": before}).json()
    found = why(client, since=before)["change"]
    assert (found["origin"], found["reason"]) == (before, "")
    hours = len(found["p50"])
    expected = [new - old for new, old in zip(newest["p50"][:hours], older["p50"][1:], strict=True)]
    assert found["p50"] == pytest.approx(expected, abs=0.01)
    assert summed(found["parts"]) == pytest.approx(expected, abs=0.02)
    # the cold run adds heating, and no other part changes as much
    changes = {part: float(np.mean(values)) for part, values in found["parts"].items()}
    assert changes["weather"] > 5
    assert max(changes, key=lambda part: abs(changes[part])) == "weather"


def test_the_same_moment_explained_by_the_issue_before_the_run_has_the_weather_of_then(client: TestClient) -> None:
    origin = format_utc(from_hour(ORIGIN))
    mild, cold = why(client, origin=origin)["parts"]["weather"], why(client)["parts"]["weather"]
    assert np.mean(np.array(cold[:24]) - np.array(mild[1:25])) > 5
