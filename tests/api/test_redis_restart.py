"""A Redis that was restarted: the connections of the pool are dead, and no request pays for that."""

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from tests.api.conftest import SampleService
from tests.api.fakes import NOW
from tests.api.sample import insert_sample
from tests.stream.redis_server import kill, save

pytestmark = pytest.mark.servers


def test_the_first_requests_after_a_restart_of_redis_are_served_by_it(
    database_url: str, redis_url: str, sample_service: SampleService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.redis_forecasts.COMMITTED_EVERY_S", 3600.0)  # only requests meet the dead connections
    insert_sample(database_url, redis_url, NOW)
    settings = sample_service.settings(database_url=database_url, redis_url=redis_url)
    with TestClient(create_app(settings, lambda: NOW)) as client:

        def servers() -> list[str]:
            """Who served a request in the event loop, and one in a thread."""
            answers = [client.get(f"/v1/forecasts/DK1/111{query}") for query in ("", "?format=csv")]
            assert [answer.status_code for answer in answers] == [200, 200]
            return [answer.headers["Dayahead-Served-By"] for answer in answers]

        assert servers() == ["redis", "redis"]
        save(redis_url)
        kill(redis_url)
        assert servers() == ["redis", "redis"]
