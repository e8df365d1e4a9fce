"""Forecasts, observations and accuracy as CSV, Arrow and Parquet: what a program reads is what JSON says."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fastapi.testclient import TestClient

from api.resources import accuracy as accuracy_resource
from api.resources.accuracy import SeriesAccuracy
from tests.api.sample import HOLED

pytestmark = pytest.mark.servers

Rows = list[dict[str, Any]]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def forecasts(client: TestClient) -> Rows:
    found = client.get("/v1/forecasts", params={"limit": 3}).json()["forecasts"]
    return [
        {
            "series_id": one["series_id"],
            "valid_time": moment(one["origin"]) + timedelta(hours=index + 1),
            "lead": index + 1,
            "p50": one["p50"][index],
            "release": one["release"],
            "rung": one["day_rungs"][index // 24],
        }
        for one in found
        for index in range(one["leads"])
    ]


def observations(client: TestClient) -> Rows:
    found = client.get("/v1/observations", params={"limit": 3, "area": "DK1"}).json()
    return [
        {"series_id": one["series_id"], "valid_time": moment(hour), "value": value, "unit": one["unit"]}
        for one in found["series"]
        for hour, value in zip(found["valid_time"], one["value"], strict=True)
        if value is not None
    ]


def holed(client: TestClient) -> Rows:
    found = client.get(f"/v1/observations/{HOLED}").json()
    return [
        {"series_id": found["series_id"], "valid_time": moment(hour), "value": value}
        for hour, value in zip(found["valid_time"], found["value"], strict=True)
        if value is not None
    ]


def accuracy(client: TestClient) -> Rows:
    found = client.get("/v1/accuracy", params={"limit": 3}).json()
    return [
        {"level": level, "series_id": one.get("series_id")}
        | {name: one[name] for name in ("area", "wape_percent", "compared")}
        for level, key in (("overall", "overall"), ("area", "areas"), ("series", "series"))
        for one in found[key]
    ]


CASES = {
    "/v1/forecasts?limit=3": forecasts,
    "/v1/observations?limit=3&area=DK1": observations,
    f"/v1/observations/{HOLED}": holed,
    "/v1/accuracy?limit=3": accuracy,
}


def from_csv(body: bytes) -> Rows:
    def value(text: str) -> Any:
        if text.endswith("Z") and text[:2] == "20":
            return moment(text)
        try:
            return float(text)
        except ValueError:
            return text or None

    rows = csv.DictReader(io.StringIO(body.decode()))
    return [{name: text if name == "series_id" and text else value(text) for name, text in row.items()} for row in rows]


def from_arrow(body: bytes) -> Rows:
    return pa.ipc.open_stream(body).read_all().to_pylist()


def from_parquet(body: bytes) -> Rows:
    # threads of Arrow's that still hold a file of Python's may abort the process when it ends
    return pq.read_table(io.BytesIO(body), use_threads=False, pre_buffer=False).to_pylist()


@pytest.mark.parametrize("path", CASES)
@pytest.mark.parametrize(
    ("form", "media_type", "read"),
    [
        ("csv", "text/csv", from_csv),
        ("arrow", "application/vnd.apache.arrow.stream", from_arrow),
        ("parquet", "application/vnd.apache.parquet", from_parquet),
    ],
)
def test_a_table_holds_what_json_holds_by_parameter_and_by_accept(
    client: TestClient, path: str, form: str, media_type: str, read: Callable[[bytes], Rows]
) -> None:
    expected = CASES[path](client)
    by_parameter = client.get(f"{path}{'&' if '?' in path else '?'}format={form}")
    by_accept = client.get(path, headers={"Accept": media_type})
    assert by_parameter.headers["Content-Type"].split(";")[0] == media_type
    assert by_accept.headers["Content-Type"] == by_parameter.headers["Content-Type"]
    assert by_accept.content == by_parameter.content
    rows = read(by_parameter.content)
    assert expected
    assert [{name: row[name] for name in expected[0]} for row in rows] == expected


def test_a_table_of_accuracy_has_every_figure() -> None:
    assert set(SeriesAccuracy.model_fields) <= set(accuracy_resource.TABLE)


def test_a_table_without_rows_has_its_columns(client: TestClient) -> None:
    empty = client.get("/v1/forecasts?cursor=zzz&format=arrow")
    table = pa.ipc.open_stream(empty.content).read_all()
    assert (table.num_rows, table.schema.field("origin").type) == (0, pa.timestamp("us", "UTC"))


def test_one_forecast_is_a_table_too(client: TestClient) -> None:
    rows = from_arrow(
        client.get("/v1/forecasts/DK1/111", headers={"Accept": "application/vnd.apache.arrow.stream"}).content
    )
    assert [row["p50"] for row in rows] == client.get("/v1/forecasts/DK1/111").json()["p50"]


@pytest.mark.parametrize("path", ["/v1/forecasts", "/v1/observations", "/v1/accuracy"])
@pytest.mark.parametrize("form", ["json", "csv", "arrow", "parquet"])
def test_every_form_links_its_next_page_in_the_same_form_and_has_a_tag(
    client: TestClient, path: str, form: str
) -> None:
    first = client.get(path, params={"limit": 2, "format": form})
    following = first.links["next"]["url"]
    assert f"format={form}" in following
    assert client.get(following).content != first.content
    # an answer may change by itself once: where a busy machine keeps the API from its sources for a minute, it says so
    assert any(is_held(client, path, {"limit": 2, "format": form}) for _ in range(3))


def is_held(client: TestClient, path: str, params: dict[str, Any]) -> bool:
    tag = client.get(path, params=params).headers["ETag"]
    return client.get(path, params=params, headers={"If-None-Match": tag}).status_code == 304


def test_a_form_that_there_is_not_is_refused_with_those_that_there_are(client: TestClient) -> None:
    answer = client.get("/v1/forecasts?format=xlsx")
    assert answer.status_code == 422
    assert "parquet" in answer.json()["detail"]
    assert client.get("/v1/quality?format=csv").status_code == 422
    assert client.get("/v1/quality", headers={"Accept": "text/csv"}).status_code == 406
