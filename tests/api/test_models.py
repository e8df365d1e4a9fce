import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from kafka import KafkaConsumer
from psycopg_pool import ConnectionPool

from api.app import create_app
from dayahead.contracts import ReleaseAnnouncement, RetuneRequest
from dayahead.hours import format_utc
from dayahead.storage.tables.promotion import champion
from dayahead.storage.tables.retune_request import keep_request
from dayahead.storage.tables.tuning_run import Outcome, finish_run, start_run
from tests.api.conftest import SampleService
from tests.api.fakes import NOW, TOKEN, FakeServers
from tests.conftest import CHECKOUT, TopicRoom

pytestmark = pytest.mark.servers

AUTHORISED = {"Authorization": f"Bearer {TOKEN}"}
OLD, NEW = "r-000000000001", "r-000000000002"
WISH = {"reason": "beats the champion by 3 %", "promoted_by": "anna"}


@pytest.fixture
def pool(database_url: str) -> Iterator[ConnectionPool]:
    """A database with two releases, the old one promoted."""
    with ConnectionPool(database_url, kwargs={"options": "-c timezone=UTC"}) as pool:
        with pool.connection() as connection:
            for release in (OLD, NEW):
                connection.execute(
                    "INSERT INTO model_release (release, artifact, created_at, trained_from, trained_until,"
                    " data_fingerprint, settings, metrics) VALUES (%s, 'abc', %s, %s, %s, 'd', '{}', '{}')",
                    [release, NOW, NOW, NOW],
                )
            connection.execute(
                "INSERT INTO promotion (release, promoted_at, promoted_by, reason) VALUES (%s, %s, 'trainer', 'first')",
                [OLD, NOW],
            )
        yield pool


def test_releases_champion_and_promotion_log_are_listed(client: TestClient) -> None:
    models = client.get("/v1/models").json()
    assert models["champion"]["release"] == "r-0123456789ab"
    assert [release["release"] for release in models["releases"]] == ["r-0123456789ab"]
    assert models["releases"][0]["metrics"] == {"wape_percent": 6.4}
    assert models["rollback_to"] is None
    assert [(training["outcome"], training["promoted"]) for training in models["trainings"]] == [("promoted", True)]
    assert models["promotions"][0]["promoted_by"] == "trainer"


def test_a_promotion_moves_the_pointer_and_is_announced(pool: ConnectionPool) -> None:
    servers = FakeServers(database=pool)
    with servers.client() as client:
        answer = client.post(f"/v1/models/{NEW}/promote", json=WISH, headers=AUTHORISED)
    assert answer.status_code == 200
    assert answer.json() == {
        "release": NEW,
        "previous": OLD,
        "promoted_at": "2023-01-25T12:00:00Z",
        "promoted_by": "anna",
        "reason": "beats the champion by 3 %",
        "announced": True,
    }
    with pool.connection() as connection:
        serving = champion(connection)
    assert serving is not None
    assert (serving.release, serving.previous) == (NEW, OLD)
    [(topic, key, message)] = servers.announcer.sent
    assert (topic, key) == ("model-releases", b"champion")
    assert isinstance(message, ReleaseAnnouncement)
    assert message.release == NEW


def test_while_kafka_is_down_the_promotion_is_stored_and_the_answer_says_that_it_was_not_announced(
    pool: ConnectionPool,
) -> None:
    servers = FakeServers(database=pool)
    servers.announcer.away = True
    with servers.client() as client:
        answer = client.post(f"/v1/models/{NEW}/promote", json=WISH, headers=AUTHORISED)
    assert answer.json()["announced"] is False
    with pool.connection() as connection:
        serving = champion(connection)
    assert serving is not None
    assert serving.release == NEW


def test_a_promotion_is_not_recorded_as_a_rollback(pool: ConnectionPool) -> None:
    servers = FakeServers(database=pool)
    with servers.client() as client:
        wish = {**WISH, "promoted_by": "rollback"}
        answer = client.post(f"/v1/models/{NEW}/promote", json=wish, headers=AUTHORISED)
        promotions = client.get("/v1/models").json()["promotions"]
    assert answer.status_code == 422
    assert "/v1/models/rollback" in answer.text
    assert [one["promoted_by"] for one in promotions] == ["trainer"]


def test_the_release_that_serves_is_not_promoted_again(pool: ConnectionPool) -> None:
    servers = FakeServers(database=pool)
    with servers.client() as client:
        answer = client.post(f"/v1/models/{OLD}/promote", json=WISH, headers=AUTHORISED)
        promotions = client.get("/v1/models").json()["promotions"]
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:dayahead:problem:already-champion")
    assert f"release {OLD} serves already, since " in answer.json()["detail"]
    assert [one["release"] for one in promotions] == [OLD]
    assert servers.announcer.sent == []


def test_a_rollback_makes_the_champion_before_serve_again_and_is_announced(pool: ConnectionPool) -> None:
    servers = FakeServers(database=pool)
    wish = {"reason": "it was worse"}
    with servers.client() as client:
        assert client.get("/v1/models").json()["rollback_to"] is None
        nothing = client.post("/v1/models/rollback", json=wish, headers=AUTHORISED)
        assert (nothing.status_code, nothing.json()["type"]) == (409, "urn:dayahead:problem:nothing-to-roll-back")
        assert f"release {OLD} is the first that was promoted" in nothing.json()["detail"]
        assert servers.announcer.sent == []
        assert client.post("/v1/models/rollback", json=wish).status_code == 401
        client.post(f"/v1/models/{NEW}/promote", json=WISH, headers=AUTHORISED)
        assert client.get("/v1/models").json()["rollback_to"] == OLD
        answer = client.post("/v1/models/rollback", json=wish, headers=AUTHORISED).json()
        assert client.get("/v1/models").json()["rollback_to"] is None
    assert (answer["release"], answer["previous"], answer["promoted_by"]) == (OLD, NEW, "rollback")
    assert answer["announced"] is True
    assert [message.release for _, _, message in servers.announcer.sent] == [NEW, OLD]  # type: ignore[attr-defined]


def test_a_rollback_that_would_lead_elsewhere_than_was_read_changes_nothing(pool: ConnectionPool) -> None:
    servers = FakeServers(database=pool)
    with servers.client() as client:
        client.post(f"/v1/models/{NEW}/promote", json=WISH, headers=AUTHORISED)
        wish = {"reason": "it was worse", "release": NEW}
        refused = client.post("/v1/models/rollback", json=wish, headers=AUTHORISED)
        assert (refused.status_code, refused.json()["type"]) == (409, "urn:dayahead:problem:champion-changed")
        assert f"would lead to {OLD}, not to {NEW}" in refused.json()["detail"]
        assert client.get("/v1/models").json()["champion"]["release"] == NEW
        assert client.post("/v1/models/rollback", json=wish | {"release": OLD}, headers=AUTHORISED).status_code == 200
    assert [message.release for _, _, message in servers.announcer.sent] == [NEW, OLD]  # type: ignore[attr-defined]


def test_an_unknown_release_is_a_404_and_the_champion_stays(pool: ConnectionPool) -> None:
    servers = FakeServers(database=pool)
    with servers.client() as client:
        answer = client.post("/v1/models/r-none/promote", json=WISH, headers=AUTHORISED)
        serving = client.get("/v1/models").json()["champion"]["release"]
    assert answer.status_code == 404
    assert answer.json()["type"] == "urn:dayahead:problem:unknown-release"
    assert serving == OLD
    assert servers.announcer.sent == []


def test_a_request_for_a_retune_reaches_kafka(sample_service: SampleService, topics: TopicRoom) -> None:
    topics.create()
    settings = sample_service.settings(kafka_bootstrap=topics.bootstrap, topic_prefix=topics.prefix)
    with TestClient(create_app(settings, lambda: NOW)) as client:
        answer = client.post("/v1/retune", json={"reason": "a test"}, headers=AUTHORISED)
    assert answer.status_code == 202
    consumer = KafkaConsumer(
        topics.name("retune-requests"),
        bootstrap_servers=topics.bootstrap,
        auto_offset_reset="earliest",
        consumer_timeout_ms=20_000,
    )
    try:
        message = next(iter(consumer))
    finally:
        consumer.close()
    assert message.value == answer.content


COUNTING = """
import json, sys
from contextlib import suppress
from pathlib import Path
from api.backends import KafkaAnnouncer
from dayahead.contracts import RetuneRequest
from dayahead.topics import RETUNE_REQUESTS
from tests.api.fakes import NOW
from tests.waiting import wait_until

def threads():
    names = []
    for file in Path("/proc/self/task").glob("*/comm"):
        with suppress(OSError):  # a thread that ends meanwhile
            names.append(file.read_text())
    return sum(name.startswith("rdk:") for name in names)

sender = KafkaAnnouncer(*sys.argv[1:])
before = threads()
wish = RetuneRequest(requested_at=NOW, requested_by="anna", reason="a test")
sent, during = sender.send(RETUNE_REQUESTS, None, wish), threads()
sender.close()
with suppress(AssertionError):
    wait_until(lambda: threads() == 0, 20, "the threads of the producer to end")
print("", json.dumps([before, sent, during, threads()]), sep="\\n")
"""


def test_the_sender_of_the_api_leaves_no_thread_behind(topics: TopicRoom) -> None:
    topics.create()
    # in its own process: clients of other tests begin and end threads too
    program = [sys.executable, "-c", COUNTING, topics.bootstrap, topics.prefix]
    done = subprocess.run(program, capture_output=True, text=True, check=True, cwd=CHECKOUT)
    before, sent, during, after = json.loads(done.stdout.splitlines()[-1])
    assert before == 0, "nothing was sent yet"
    assert sent
    assert during > 0
    assert after == 0


def test_requests_that_wait_are_listed_until_a_retune_answers_them(database_url: str) -> None:
    with ConnectionPool(database_url, kwargs={"options": "-c timezone=UTC"}) as pool:
        with pool.connection() as connection:
            for name, minute in (("MapeCritical", 1), ("anna\0", 2), ("anna\0", 2)):
                asked = RetuneRequest(requested_at=NOW, requested_by=name, reason="MAPE is high")
                keep_request(connection, asked, NOW + timedelta(minutes=minute))
        with FakeServers(database=pool).client() as client:
            waiting = client.get("/v1/retune").json()["waiting"]
            assert [request["requested_by"] for request in waiting] == ["MapeCritical", "anna\N{REPLACEMENT CHARACTER}"]
            assert waiting[0] == {
                "requested_at": format_utc(NOW),
                "requested_by": "MapeCritical",
                "reason": "MAPE is high",
                "received_at": format_utc(NOW + timedelta(minutes=1)),
            }
            with pool.connection() as connection:
                for by, minute in (("schedule", 3), ("MapeCritical", 1)):
                    run = start_run(connection, by, "because", NOW + timedelta(minutes=minute))
                    finish_run(connection, run, Outcome.UNCHANGED, NOW + timedelta(minutes=4))
            [left] = client.get("/v1/retune").json()["waiting"]
            assert left["received_at"] == format_utc(NOW + timedelta(minutes=2))
