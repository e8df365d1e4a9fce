"""`POST /v1/observations`, on the sample's database and a Kafka that remembers."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import httpx
import orjson
import psycopg
import pytest
from fastapi.testclient import TestClient

from api.app import create_app, open_backends
from api.settings import ApiSettings
from dayahead.reading.converter import convert
from dayahead.reading.source_file import source_of
from dayahead.rules import SHOWN
from dayahead.storage.tables.series import register_series
from dayahead.storage.tables.source import register_source
from deploy.local.stack import LocalStack
from tests.api.conftest import own_database
from tests.api.fakes import NOW, TOKEN, HeardRows

pytestmark = pytest.mark.servers

PUSH = source_of(
    {
        "name": "own-grid",
        "kind": "push",
        "title": "Our own grid",
        "key_columns": ["area", "kind"],
        "unit": "kWh",
        "minimum": 0,
        "maximum": 1000,
        "label_values": {"area": ["north", "south"]},
    }
)
GOOD = ["north/households", "2023-01-25T10:00:00Z", 10.5]
CSV_HEADER = "series_id,valid_time,value\n"


@pytest.fixture(scope="session")
def kafka() -> HeardRows:
    return HeardRows()


@pytest.fixture(scope="session")
def sources_url(stack: LocalStack) -> Iterator[str]:
    """A database with two sources, one of which has a series."""
    with own_database(stack, "api_sending") as url:
        with psycopg.connect(url) as connection:
            register_source(connection, PUSH)
            other = register_source(connection, PUSH.model_copy(update={"name": "other"}))
            register_series(connection, ["south/taken"], other, 8, NOW)
        yield url


@pytest.fixture(scope="session")
def sending(sources_url: str, kafka: HeardRows) -> Iterator[TestClient]:

    @contextmanager
    def opened(*arguments: object) -> Iterator[object]:
        with open_backends(*arguments) as backends:  # type: ignore[arg-type]
            yield replace(backends, rows=kafka)

    settings = ApiSettings(_env_file=None, database_url=sources_url, api_token=TOKEN)
    app = create_app(settings, lambda: NOW, opened)  # type: ignore[arg-type]
    with TestClient(app, headers={"Authorization": f"Bearer {TOKEN}"}) as client:
        yield client


@pytest.fixture(autouse=True)
def _empty(kafka: HeardRows) -> None:
    kafka.sent.clear()
    kafka.away = False


def post(client: TestClient, rows: list[object], **fields: object) -> httpx.Response:
    return client.post("/v1/observations", json={"source": "own-grid", "rows": rows, **fields})


def sent(kafka: HeardRows) -> list[tuple[object, ...]]:
    return [tuple(row) for publication, _, _ in kafka.sent for row in publication.rows]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", orjson.dumps({"source": "own-grid", "rows": [GOOD]})),
        (
            "application/json",
            orjson.dumps(
                {"source": "own-grid", "rows": [dict(zip(("series_id", "valid_time", "value"), GOOD, strict=True))]}
            ),
        ),
        ("application/x-ndjson", orjson.dumps(GOOD) + b"\n\n"),
        ("text/csv; charset=utf-8", (CSV_HEADER + "north/households,2023-01-25T11:00:00+01:00,10.5\r\n").encode()),
        ("text/csv", b"value,series_id,valid_time\n10.5,north/households,2023-01-25T10:00:00Z"),
    ],
)
def test_each_form_of_a_row_is_the_same_row(
    sending: TestClient, kafka: HeardRows, content_type: str, body: bytes
) -> None:
    parameters = {} if content_type == "application/json" else {"source": "own-grid"}
    answer = sending.post("/v1/observations", content=body, params=parameters, headers={"Content-Type": content_type})
    assert answer.status_code == 200
    assert answer.json() == {
        "source": "own-grid",
        "available_at": "2023-01-25T12:00:00Z",
        "accepted": 1,
        "rejected": 0,
        "errors": [],
    }
    assert [one[0] for one in sent(kafka)] == ["north/households"]
    assert [one[2] for one in sent(kafka)] == [10.5]
    assert kafka.sent[0][1:] == ("own-grid", True)


def test_bad_rows_are_named_and_the_others_are_sent(sending: TestClient, kafka: HeardRows) -> None:
    bad = [
        (["north/households", "2023-01-25T10:00:00Z", 1000.5], "absurd_value"),
        (["north/households", "1970-01-01T00:00:00Z", 1], "before_oldest"),
        (["north/households", "2023-01-25T13:00:00Z", 1], "future_hour"),
        (["north/households", "2023-01-25T10:30:00Z", 1], "not_on_the_hour"),
        (["north/households", "25.01.2023", 1], "bad_time"),
        (["north/households", "2023-01-25T09:00:00Z", "1,5"], "not_a_number"),
        (["north/households", "2023-01-25T09:00:00Z", None], "null_value"),
        (["north", "2023-01-25T09:00:00Z", 1], "bad_series_id"),
        (["west/households", "2023-01-25T09:00:00Z", 1], "unknown_label"),
        (["DK1/111", "2023-01-25T09:00:00Z", 1], "unknown_label"),
        ([1, 2], "bad_row"),
        (["south/industry", "2023-01-25T09:00:00Z", 1], "contradiction"),
        (["south/industry", "2023-01-25T09:00:00Z", 2], "contradiction"),
    ]
    answer = post(sending, [*(row for row, _ in bad), GOOD, GOOD])
    assert answer.status_code == 207
    body = answer.json()
    assert [(error["row"], error["code"]) for error in body["errors"]] == [
        (number, code) for number, (_, code) in enumerate(bad, 1)
    ]
    assert [error["value"] for error in body["errors"]] == [row for row, _ in bad]
    assert (body["accepted"], body["rejected"]) == (1, len(bad))
    assert len(sent(kafka)) == 1


def test_a_series_of_another_source_is_refused(sending: TestClient, kafka: HeardRows) -> None:
    answer = post(sending, [["south/taken", "2023-01-25T09:00:00Z", 1]])
    assert answer.status_code == 422
    assert "another source" in answer.json()["detail"]
    assert kafka.sent == []


def test_a_request_of_which_nothing_is_left_is_an_error_that_names_rows(sending: TestClient) -> None:
    answer = post(sending, [["north/households", "2023-01-25T10:00:00Z", -1]])
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    (parameter,) = answer.json()["parameters"]
    assert parameter["parameter"] == "rows[1]"
    assert "absurd_value" in parameter["reason"]


@pytest.mark.parametrize(
    ("content_type", "body", "code", "value"),
    [
        ("application/x-ndjson", b'["north/households", "2023-01-', "not_json", '["north/households", "2023-01-'),
        ("application/x-ndjson", b"\xff" + b"x" * 500, "not_json", "\ufffd" + "x" * (SHOWN - 1) + "…"),
        ("text/csv", CSV_HEADER.encode() + b"a,b,c,d,e\n", "bad_row", ["a", "b", "c", "d"]),
        ("text/csv", CSV_HEADER.encode() + b"north/households,10\n", "bad_row", ["north/households", "10"]),
    ],
)
def test_a_line_that_is_no_row_is_shown_as_it_was_sent(
    sending: TestClient, content_type: str, body: bytes, code: str, value: object
) -> None:
    headers = {"Content-Type": content_type}
    answer = sending.post("/v1/observations?source=own-grid", content=body, headers=headers)
    assert answer.status_code == 422, answer.text
    (parameter,) = answer.json()["parameters"]
    assert parameter["value"] == value
    assert parameter["reason"].startswith(code)


@pytest.mark.parametrize(
    ("content_type", "body", "query", "status"),
    [
        ("application/json", b"{", "", 422),
        ("application/json", b"[]", "", 422),
        ("application/json", b'{"rows": []}', "", 422),
        ("application/json", b'{"rows": [["a", "b", 1]]}', "", 422),
        ("application/json", b'{"source": "own-grid", "rows": [[]], "colour": 1}', "", 422),
        ("application/json", b'{"source": "own-grid", "rows": [[]], "refresh": 1}', "", 422),
        ("application/json", b'{"source": "own-grid", "rows": [[]], "available_at": "2050-01-01T00:00:00Z"}', "", 422),
        ("application/json", b'{"source": "own-grid", "rows": [[]]}', "?source=own-grid", 422),
        ("application/json", b'{"source": "own-grid", "rows": [[]]}', "?sourse=own-grid", 422),
        ("text/csv", b"a,b\n1,2\n", "?source=own-grid", 422),
        ("text/csv", b"\xff\xfe", "?source=own-grid", 422),
        ("text/csv", CSV_HEADER.encode(), "?source=own-grid", 422),
        ("text/csv", CSV_HEADER.encode() + b'"open', "?source=own-grid", 422),
        ("application/xml", b"<a/>", "", 415),
        ("application/x-ndjson", b'["a", "b", 1]', "?source=unheard-of", 404),
        ("application/x-ndjson", b"", "?source=own-grid", 422),
    ],
)
def test_an_invalid_body_is_rejected_with_a_reason(
    sending: TestClient, kafka: HeardRows, content_type: str, body: bytes, query: str, status: int
) -> None:
    answer = sending.post(f"/v1/observations{query}", content=body, headers={"Content-Type": content_type})
    assert answer.status_code == status, answer.text
    assert answer.json()["detail"]
    assert kafka.sent == []


def test_nothing_is_read_without_a_token(sending: TestClient) -> None:
    wrong = {"Authorization": "Bearer guess"}
    assert sending.post("/v1/observations", content=b"x" * 20_000_000, headers=wrong).status_code == 401


def test_a_body_that_is_too_large_is_refused(sending: TestClient) -> None:
    assert sending.post("/v1/observations", content=b"x" * 20_000_000).status_code == 413


def test_while_kafka_is_down_the_caller_is_asked_to_retry(sending: TestClient, kafka: HeardRows) -> None:
    kafka.away = True
    answer = post(sending, [GOOD])
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "send all of them again" in answer.json()["detail"]


def test_rows_that_are_sent_belong_to_the_series_that_the_same_labels_have_in_a_file(
    sending: TestClient, kafka: HeardRows, sources_url: str
) -> None:
    definition = PUSH.model_dump(exclude_defaults=True) | {
        "name": "of-file", "kind": "file", "path": "x.csv", "time_column": "t", "value_column": "v",
    }  # fmt: skip
    record = {"t": "2023-01-25T10:00:00Z", "area": "north", "kind": "Ærø: a/b", "v": 10.5}
    (of_file,) = convert([record], source_of(definition), NOW).rows
    for sent in ("north/Ærø: a%2Fb", of_file.series_id):
        kafka.sent.clear()
        answer = sending.post(
            "/v1/observations", json={"source": "own-grid", "rows": [[sent, "2023-01-25T10:00:00Z", 10.5]]}
        )
        assert answer.status_code == 200, answer.text
        assert [row.series_id for row in kafka.sent[0][0].rows] == [of_file.series_id]
    with psycopg.connect(sources_url) as connection:  # of a version that took ids as they were sent
        register_series(connection, ["south/Ærø"], register_source(connection, PUSH), 8, NOW)
    kafka.sent.clear()
    sending.post("/v1/observations", json={"source": "own-grid", "rows": [["south/Ærø", "2023-01-25T10:00:00Z", 1]]})
    assert [row.series_id for row in kafka.sent[0][0].rows] == ["south/Ærø"]
