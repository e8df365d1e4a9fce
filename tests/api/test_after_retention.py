"""What the API says of a series after retention, where another source is years ahead of it."""

from datetime import UTC, datetime

import psycopg
import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from dayahead.storage.retention import Retention, RetentionSettings
from tests.api.conftest import SampleService
from tests.api.fakes import NOW
from tests.api.sample import insert_sample
from tests.conftest import FreshDatabase

pytestmark = pytest.mark.servers

LATER = datetime(2026, 3, 1, tzinfo=UTC)
DAYS = 60


@pytest.fixture
def cut(database: FreshDatabase, redis_url: str) -> FreshDatabase:
    """The sample of January 2023 after a retention that counts from a live source of 2026, too."""
    insert_sample(database.url, redis_url, NOW)
    with psycopg.connect(database.owner_url, autocommit=True) as connection:
        connection.execute(
            """
            WITH live AS (
                INSERT INTO source (name, definition) SELECT 'live', definition || '{"name": "live"}' FROM source
                RETURNING *
            ),
            one AS (
                INSERT INTO series (series_id, source_key, labels, area, unit, partition)
                SELECT 'live/1', source_key, '{"area": "live", "meter": "1"}', 'live', 'kWh', 0 FROM live RETURNING *
            )
            INSERT INTO observation (series_key, valid_time, value, available_at)
            SELECT series_key, %(now)s, 1, %(now)s FROM one
            """,
            {"now": LATER},
        )
        wanted = RetentionSettings(
            _env_file=None,
            retain_forecast_days=DAYS,
            retain_observation_days=DAYS,
            retain_score_days=DAYS,
            retain_accuracy_day_days=DAYS,
        )
        Retention(connection, wanted, lambda: LATER).run()
    return database


def test_a_series_behind_another_source_has_the_same_forecast_everywhere(
    cut: FreshDatabase, redis_url: str, sample_service: SampleService
) -> None:
    answers = []
    for redis in (redis_url, "redis://127.0.0.1:1/0"):
        settings = sample_service.settings(database_url=cut.url, redis_url=redis)
        with TestClient(create_app(settings, lambda: NOW)) as client:
            forecast = client.get("/v1/forecasts/DK1/111").json()
            series = client.get("/v1/series/DK1/111").json()
            quality = client.get("/v1/quality").json()["sources"]
        answers.append((forecast["origin"], forecast["rung"], forecast["p50"], series["state"]))
        (sample,) = [one for one in quality if one["source"]["name"] != "live"]
        assert sum(one["series"] for one in sample["rungs"] if one["rung"] == 5) == 1
    assert answers[0] == answers[1]
    assert answers[0][3] == "fresh"
