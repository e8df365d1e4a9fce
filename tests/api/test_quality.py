from datetime import datetime, timedelta

import psycopg
import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from tests.api.conftest import SampleService
from tests.api.sample import HOLED, STALE

pytestmark = pytest.mark.servers


def test_a_source_has_freshness_stale_series_rungs_and_gaps(client: TestClient) -> None:
    [quality] = client.get("/v1/quality").json()["sources"]
    assert quality["source"]["attribution"] == "Source: Energinet (www.energidataservice.dk), CC BY 4.0"
    assert quality["source"]["newest_hour"] == "2023-01-24T22:00:00Z"
    assert quality["source"]["stale"] is False
    assert quality["as_of"] is not None
    assert (quality["series"], quality["fresh_series"], quality["stale_series"]) == (76, 75, 1)
    assert [(stale["series_id"], stale["newest_hour"]) for stale in quality["stale"]] == [
        (STALE, "2023-01-23T16:00:00Z")
    ]
    assert {rung["rung"]: rung["series"] for rung in quality["rungs"]} == {0: 73, 1: 1, 3: 1, 5: 1}
    assert quality["gaps"]["expected_hours"] == 76 * 168
    assert quality["gaps"]["missing_hours"] == 38
    assert quality["gaps"]["worst"] == [
        {"series_id": STALE, "missing_hours": 30},
        {"series_id": HOLED, "missing_hours": 8},
    ]


def test_series_that_came_within_a_day_are_counted(sample_service: SampleService) -> None:
    def new_at(now: datetime) -> int:
        with TestClient(create_app(sample_service.settings(), lambda: now)) as client:
            return client.get("/v1/quality").json()["sources"][0]["new_series"]

    with psycopg.connect(sample_service.database_url) as connection:
        ((first_seen,),) = connection.execute("SELECT max(first_seen) FROM series").fetchall()
    assert new_at(first_seen + timedelta(hours=23)) == 76
    assert new_at(first_seen + timedelta(hours=25)) == 0


def test_lists_are_bounded(client: TestClient) -> None:
    [quality] = client.get("/v1/quality", params={"limit": 1}).json()["sources"]
    assert len(quality["gaps"]["worst"]) == 1
    assert quality["gaps"]["series_with_gaps"] == 2
