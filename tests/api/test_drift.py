from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.resources import drift
from api.settings import ApiSettings
from tests.api.fakes import NOW

FIRST = datetime(2023, 1, 20, tzinfo=UTC)

pytestmark = pytest.mark.servers


@pytest.fixture
def drifted(database_url: str, redis_url: str) -> Iterator[TestClient]:
    """The API on two series: one whose errors and inputs drifted, one whose inputs did two days later."""
    with psycopg.connect(database_url) as connection:
        connection.execute("INSERT INTO source (name, definition) VALUES ('test', '{}')")
        for number, area in enumerate(("DK1", "DK2"), 1):
            connection.execute(
                "INSERT INTO series (series_id, source_key, labels, area, unit, partition)"
                " VALUES (%s, 1, '{}', %s, 'kWh', 0)",
                [f"{area}/111", area],
            )
            for kind in ("data", "concept")[: 3 - number]:
                connection.execute(
                    "INSERT INTO drift_event VALUES (%s, %s, %s, 'page-hinkley', 4.5, %s)",
                    [number, FIRST + timedelta(days=2 * number - 2), kind, NOW],
                )
    settings = ApiSettings(_env_file=None, database_url=database_url, redis_url=redis_url)
    with TestClient(create_app(settings, lambda: NOW)) as client:
        yield client


def listed(client: TestClient, **filters: object) -> list[tuple[str, str]]:
    answer = client.get("/v1/drift", params=filters)
    assert answer.status_code == 200, answer.text
    return [(event["series_id"], event["kind"]) for event in answer.json()["events"]]


def test_drift_is_listed_newest_first_and_can_be_narrowed(drifted: TestClient) -> None:
    everything = [("DK2/111", "data"), ("DK1/111", "concept"), ("DK1/111", "data")]
    assert listed(drifted) == everything
    assert listed(drifted, area="DK1") == everything[1:]
    assert listed(drifted, kind="concept") == [("DK1/111", "concept")]
    assert listed(drifted, since="2023-01-22T00:00:00Z") == everything[:1]
    [event] = drifted.get("/v1/drift", params={"kind": "concept"}).json()["events"]
    assert event["valid_time"] == "2023-01-20T00:00:00Z"
    assert (event["detector"], event["statistic"]) == ("page-hinkley", 4.5)


def test_a_list_of_drift_is_bounded_and_says_so(drifted: TestClient) -> None:
    answer = drifted.get("/v1/drift", params={"limit": 2}).json()
    assert (len(answer["events"]), answer["more"]) == (2, True)
    assert drifted.get("/v1/drift", params={"limit": 3}).json()["more"] is False
    assert drifted.get("/v1/drift", params={"limit": 1001}).status_code == 422
    assert drifted.get("/v1/drift", params={"kind": "weather"}).status_code == 422


def test_before_and_after_are_given_where_they_are_asked_for(drifted: TestClient, database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "INSERT INTO drift_event VALUES (1, %s, 'data', 'page-hinkley:level:weather-adjusted', 6, %s)",
            [FIRST + timedelta(hours=23), NOW],
        )
        connection.execute(
            "INSERT INTO observation (series_key, valid_time, value, available_at)"
            " SELECT 1, hour, CASE WHEN hour < %(first)s THEN 10 ELSE 30 END, hour"
            " FROM generate_series(%(first)s - INTERVAL '40 days', %(first)s + INTERVAL '2 days', '1 hour') AS hour",
            {"first": FIRST},
        )
    plain = drifted.get("/v1/drift").json()["events"]
    assert all(event["figures"] is None for event in plain)
    events = drifted.get("/v1/drift", params={"figures": "true"}).json()["events"]
    [found] = [event for event in events if event["measure"] == "level"]
    assert found["figures"] == {"before": 10.0, "after": 30.0, "unit": "kWh"}


def test_an_answer_with_figures_is_short_and_says_that_there_is_more(
    drifted: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drift, "FIGURES_LIMIT", 1)
    plain = drifted.get("/v1/drift", params={"limit": 1000}).json()
    short = drifted.get("/v1/drift", params={"figures": "true", "limit": 1000}).json()
    assert len(plain["events"]) > 1
    assert not plain["more"]
    assert [one["valid_time"] for one in short["events"]] == [one["valid_time"] for one in plain["events"][:1]]
    assert short["more"]
