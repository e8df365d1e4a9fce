"""Dead letters of a real broker, as a program and as a person sees them."""

import base64
from collections.abc import Iterator

import pytest
from confluent_kafka import Producer
from fastapi.testclient import TestClient

from api.app import create_app
from api.settings import ApiSettings
from dayahead.dead_letters import DeadLetter, carried_headers
from dayahead.errors import DeadLetterCode
from dayahead.storage.database import connect
from dayahead.storage.tables.dead_letter_replay import mark_replayed
from tests.api.fakes import NOW, TOKEN, FakeServers
from tests.conftest import TopicRoom

pytestmark = pytest.mark.servers

SECRET = {"Authorization": f"Bearer {TOKEN}"}


def write(topics: TopicRoom, *letters: DeadLetter) -> None:
    """Put letters into their topic as the services do."""
    producer = Producer({"bootstrap.servers": topics.bootstrap})
    for letter in letters:
        producer.produce(topics.name("observations.dead-letter"), value=letter.value, headers=letter.headers())
        assert producer.flush(30) == 0


def letter(number: int, code: DeadLetterCode = DeadLetterCode.NULL_VALUE, value: bytes = b"{}") -> DeadLetter:
    carried = carried_headers(b"DK1/111", [("producer", b"a meter")])
    series_id = "" if code is DeadLetterCode.NOT_JSON else f"DK1/{number % 2}"
    return DeadLetter(
        value, code, "the value is null", "stream", NOW, "test", "observations", 0, number, carried, series_id=series_id
    )


@pytest.fixture
def client(topics: TopicRoom, database_url: str, redis_url: str) -> Iterator[TestClient]:
    """The API on a topic with ten letters."""
    topics.create()
    odd = letter(9, DeadLetterCode.NOT_JSON, b"\xff\x00")
    write(topics, *(letter(number) for number in range(8)), letter(8, value=b"x" * 50_000).shortened(), odd)
    settings = ApiSettings(
        _env_file=None,
        database_url=database_url,
        redis_url=redis_url,
        kafka_bootstrap=topics.bootstrap,
        topic_prefix=topics.prefix,
        api_token=TOKEN,
    )
    with TestClient(create_app(settings, lambda: NOW)) as client:
        yield client


def test_letters_are_listed_newest_first_counted_by_code_and_without_their_values(
    client: TestClient, topics: TopicRoom, database_url: str
) -> None:
    answer = client.get("/v1/dead-letters", params={"limit": 4}).json()
    assert [one["offset"] for one in answer["letters"]] == [9, 8, 7, 6]
    assert [(one["code"], one["letters"]) for one in answer["counts"]] == [("null_value", 9), ("not_json", 1)]
    assert all(one["remedy"] for one in [*answer["letters"], *answer["counts"]])
    assert not any("value" in one for one in answer["letters"])
    assert (answer["letters"][1]["whole"], answer["letters"][1]["size"]) == (False, 50_000)
    rest = client.get("/v1/dead-letters", params={"limit": 100, "cursor": answer["next_cursor"]}).json()
    assert ([one["offset"] for one in rest["letters"]], rest["next_cursor"]) == ([5, 4, 3, 2, 1, 0], None)
    assert [one["offset"] for one in client.get("/v1/dead-letters?code=not_json").json()["letters"]] == [9]
    assert client.get("/v1/dead-letters?since=2199-01-01T00:00:00Z").json()["letters"] == []
    # what is added is seen, and what was put back
    write(topics, letter(10))
    newest = client.get("/v1/dead-letters?limit=1").json()["letters"][0]
    assert (newest["offset"], newest["replayed_at"]) == (10, None)
    written_at = client.app.state.backends.letters.newest()[0].written_at  # type: ignore[attr-defined]
    with connect(database_url, autocommit=True) as connection:
        mark_replayed(connection, topics.name("observations.dead-letter"), (10, written_at), NOW, 1, replaced=False)
    assert client.get("/v1/dead-letters?limit=1").json()["letters"][0]["replayed_at"] == "2023-01-25T12:00:00Z"


def test_the_letters_of_a_series_are_found_with_since_when_they_come(client: TestClient) -> None:
    found = client.get("/v1/dead-letters", params={"series_id": "DK1/1"}).json()
    assert [(one["offset"], one["series_id"]) for one in found["letters"]] == [
        (number, "DK1/1") for number in (7, 5, 3, 1)
    ]
    [counted] = found["counts"]
    assert (counted["letters"], counted["oldest"] <= counted["newest"]) == (4, True)
    assert client.get("/v1/dead-letters?series_id=DK9/9").json()["letters"] == []


def test_a_value_is_given_whole_to_who_holds_the_token(client: TestClient) -> None:
    assert client.get("/v1/dead-letters/0").status_code == 401
    whole = client.get("/v1/dead-letters/0", headers=SECRET).json()
    assert (whole["value"], whole["original_key"], whole["original_header.producer"]) == ("{}", "DK1/111", "a meter")
    odd = client.get("/v1/dead-letters/9", headers=SECRET).json()
    assert base64.b64decode(odd["value_base64"]) == b"\xff\x00"
    missing = client.get("/v1/dead-letters/70", headers=SECRET)
    assert missing.status_code == 404
    assert "the topic holds 0 to 9" in missing.json()["detail"]


def test_without_kafka_the_answer_says_so(servers: FakeServers) -> None:
    with servers.client() as client:
        answer = client.get("/v1/dead-letters")
    assert answer.status_code == 503
    assert "Kafka does not answer" in answer.json()["detail"]
