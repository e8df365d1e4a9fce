"""Day products as the API answers them: the bytes of the topic, and how good they were."""

import csv
import io
from collections.abc import Iterator
from datetime import date

import orjson
import pyarrow as pa
import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.settings import ApiSettings
from dayahead.hours import from_hour
from tests.stream.conftest import WorkerRoom
from tests.stream.gates.test_gates_on_servers import (
    MINE,
    Moments,
    by_hand,
    hourly,
    live,
    sent,
    with_gates,
)
from tests.stream.logs import START

pytestmark = pytest.mark.servers

HOURS = 100
DAYS = [date(2023, 1, 20), date(2023, 1, 21), date(2023, 1, 22)]


@pytest.fixture
def client(room: WorkerRoom) -> Iterator[TestClient]:
    """The API after four days of a source with a gate, of which two product days are over."""
    with_gates(room)
    log = [hourly(START + hour) for hour in range(HOURS)]
    room.send(0, log)
    clock = Moments(from_hour(START))
    worker = room.worker(clock=clock)
    worker.assign([0])
    live(worker, clock, log, START, range(START, START + HOURS))
    settings = ApiSettings(
        _env_file=None,
        database_url=room.database_url,
        redis_url=room.redis_url,
        kafka_bootstrap=room.topics.bootstrap,
        topic_prefix=room.topics.prefix,
    )
    with TestClient(create_app(settings, clock)) as client:
        yield client


def test_a_product_is_answered_with_the_bytes_of_the_topic(room: WorkerRoom, client: TestClient) -> None:
    messages = {key.decode(): body for key, body in sent(room)}
    assert len(messages) == len(DAYS) * len(MINE)
    for series_id in MINE:
        for day in DAYS:
            answer = client.get(f"/v1/day-ahead/{series_id}", params={"day": str(day), "gate": "11:00"})
            assert answer.content == messages[f"{series_id}|{day}|11:00"]
        newest = client.get(f"/v1/day-ahead/{series_id}")
        assert newest.content == messages[f"{series_id}|{DAYS[-1]}|11:00"]
    tag = {"If-None-Match": newest.headers["ETag"]}
    assert client.get(f"/v1/day-ahead/{MINE[-1]}", headers=tag).status_code == 304

    areas = {one.split("/")[0] for one in MINE}
    for area in areas:
        page = client.get("/v1/day-ahead", params={"area": area, "day": str(DAYS[0])}).content
        inside = [messages[f"{one}|{DAYS[0]}|11:00"] for one in sorted(MINE) if one.startswith(area)]
        named = b'{"day":"%b","gate":"11:00","products":[' % str(DAYS[0]).encode()
        assert page == named + b",".join(inside) + b'],"next_cursor":null}'
    first = client.get("/v1/day-ahead", params={"limit": 2}).json()
    second = client.get("/v1/day-ahead", params={"limit": 2, "cursor": first["next_cursor"]}).json()
    assert [one["series_id"] for page in (first, second) for one in page["products"]] == sorted(MINE)
    assert {one["day"] for page in (first, second) for one in page["products"]} == {str(DAYS[-1])}

    lines = list(csv.DictReader(io.StringIO(client.get("/v1/day-ahead", params={"format": "csv"}).text)))
    assert len(lines) == 24 * len(MINE)
    body = orjson.loads(messages[f"{min(MINE)}|{DAYS[-1]}|11:00"])
    assert lines[0]["valid_time"] == body["starts_at"]
    assert [float(line["p50"]) for line in lines[:24]] == pytest.approx(body["p50"], rel=1e-6)
    arrow = client.get(f"/v1/day-ahead/{MINE[0]}", params={"format": "arrow"}).content
    assert pa.ipc.open_stream(arrow).read_all().num_rows == 24


def test_what_is_not_there_is_named(client: TestClient) -> None:
    unknown = client.get("/v1/day-ahead", params={"gate": "09:00"})
    assert (unknown.status_code, unknown.json()["detail"]) == (404, "No source has a gate at 09:00. There are: 11:00.")
    assert client.get("/v1/accuracy", params={"gate": "09:00"}).status_code == 404
    early = client.get(f"/v1/day-ahead/{MINE[0]}", params={"day": "2023-01-18"})
    assert early.status_code == 404
    assert f"the newest is {DAYS[-1]} at 11:00" in early.json()["detail"]
    for name, value, reason in (
        ("day", "tomorrow", "write it like 2023-01-25"),
        ("day", "0001-01-01", "1900 to 2199"),
        ("gate", "11", "write HH:MM, like 11:00"),
    ):
        refused = client.get("/v1/day-ahead", params={name: value})
        assert refused.status_code == 422
        assert reason in refused.json()["detail"]
    assert client.get("/v1/day-ahead/DK1/nothing").status_code == 404
    nothing = client.get("/v1/day-ahead", params={"day": "2022-01-01"}).json()
    assert nothing == {"day": None, "gate": None, "products": [], "next_cursor": None}


def test_accuracy_of_a_gate_is_that_of_its_days_by_series_area_and_in_total(
    room: WorkerRoom, client: TestClient
) -> None:
    report = client.get("/v1/accuracy", params={"gate": "11:00"}).json()
    sums = room.query(
        "SELECT series_id, area, count(*), sum(absolute_error), sum(absolute_actual), sum(hours)"
        " FROM day_ahead_score JOIN series USING (series_key) GROUP BY 1, 2"
    )
    assert {series_id: days for series_id, _, days, *_ in sums} == dict.fromkeys(MINE, 2)
    by_series = {one["series_id"]: one for one in report["series"]}
    for series_id, _, days, error, actual, hours in sums:
        one = by_series[series_id]
        assert (one["forecasts"], one["hours"]) == (days, hours)
        assert one["wape_percent"] == pytest.approx(100 * error / actual, abs=1e-5)
        assert (one["start"], one["end"]) == ("2023-01-14T23:00:00Z", "2023-01-20T23:00:00Z")
    for area in {area for _, area, *_ in sums}:
        [one] = [one for one in report["areas"] if one["area"] == area]
        parts = [(row[3], row[4]) for row in sums if row[1] == area]
        error, actual = map(sum, zip(*parts, strict=True))
        assert one["wape_percent"] == pytest.approx(100 * error / actual, abs=1e-5)
    [total] = report["overall"]
    assert total["forecasts"] == 2 * len(MINE)
    assert total["wape_percent"] == pytest.approx(
        100 * sum(row[3] for row in sums) / sum(row[4] for row in sums), abs=1e-5
    )
    # one day alone, and the naive of that day by hand
    one = client.get(f"/v1/accuracy/{MINE[0]}", params={"gate": "11:00", "days": 1, "end": "2023-01-20T12:00:00Z"})
    accuracy = one.json()["accuracy"]
    assert (accuracy["forecasts"], accuracy["start"]) == (1, "2023-01-19T23:00:00Z")
    [(actual,)] = room.query(
        "SELECT sum(value) FROM observation JOIN series USING (series_key) WHERE series_id = %s"
        " AND valid_time >= '2023-01-19T23:00Z' AND valid_time < '2023-01-20T23:00Z'",
        [MINE[0]],
    )
    error, naive = by_hand(room, MINE[0])
    assert accuracy["wape_percent"] == pytest.approx(100 * error / actual, abs=1e-4)
    assert accuracy["daily_naive_wape_percent"] == pytest.approx(100 * naive / actual, abs=1e-4)
    assert client.get("/v1/accuracy", params={"gate": "11:00", "format": "csv"}).text.startswith("level,area")
