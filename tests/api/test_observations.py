import tracemalloc

import numpy as np
import psycopg
import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.resources.observations import ObservationPage
from api.tables import MOMENT, NUMBER, TEXT, CodedText, Column, Format, column_response
from tests.api.conftest import SampleService
from tests.api.fakes import NOW
from tests.api.sample import HOLED, STALE

pytestmark = pytest.mark.servers


def test_without_a_range_it_is_the_last_week_of_the_series(client: TestClient, sample_service: SampleService) -> None:
    answer = client.get(f"/v1/observations/{STALE}").json()
    row = [series.series_id for series in sample_service.sample.series].index(STALE)
    values = sample_service.sample.values[row]
    last = np.flatnonzero(~np.isnan(values))[-1]
    assert answer["end"] == "2023-01-23T17:00:00Z"
    assert answer["value"] == values[last - 167 : last + 1].tolist()
    assert answer["valid_time"][-1] == "2023-01-23T16:00:00Z"
    assert answer["unit"] == "kWh"


def test_start_is_inclusive_and_end_exclusive(client: TestClient) -> None:
    parameters = {"start": "2023-01-20T00:00:00Z", "end": "2023-01-20T03:00:00Z"}
    answer = client.get("/v1/observations/DK1/111", params=parameters).json()
    assert answer["valid_time"] == ["2023-01-20T00:00:00Z", "2023-01-20T01:00:00Z", "2023-01-20T02:00:00Z"]


def test_an_offset_is_parsed(client: TestClient) -> None:
    parameters = {"start": "2023-01-20T01:00:00+01:00", "end": "2023-01-20T04:00:00+01:00"}
    assert client.get("/v1/observations/DK1/111", params=parameters).json()["start"] == "2023-01-20T00:00:00Z"


def test_an_hour_that_is_missing_is_null(client: TestClient) -> None:
    answer = client.get(f"/v1/observations/{HOLED}").json()
    assert answer["missing"] == 8
    assert answer["value"].count(None) == 8


def test_a_range_that_ends_before_it_starts_is_refused(client: TestClient) -> None:
    parameters = {"start": "2023-01-20T00:00:00Z", "end": "2023-01-19T00:00:00Z"}
    answer = client.get("/v1/observations/DK1/111", params=parameters)
    assert answer.status_code == 422
    assert answer.json()["parameters"][0]["parameter"] == "start"


def test_a_range_of_more_than_a_year_is_refused_with_the_bound(client: TestClient) -> None:
    parameters = {"start": "2020-01-01T00:00:00Z", "end": "2023-01-01T00:00:00Z"}
    answer = client.get("/v1/observations/DK1/111", params=parameters)
    assert answer.status_code == 422
    assert "8784" in answer.json()["detail"]


def test_as_of_a_past_moment_a_revised_hour_has_its_old_value_and_a_later_one_none(
    database_url: str, sample_service: SampleService
) -> None:
    with psycopg.connect(database_url, options="-c timezone=UTC") as connection:
        connection.execute("INSERT INTO source (name, definition) VALUES ('a', '{}')")
        connection.execute(
            "INSERT INTO series (series_id, source_key, labels, area, unit, partition)"
            " SELECT 'X/1', source_key, '{}', 'X', 'kWh', 0 FROM source"
        )
        connection.execute(
            "INSERT INTO observation (series_key, valid_time, value, available_at)"
            " SELECT series_key, t.* FROM series,"
            " (VALUES ('2023-01-01 00:00Z'::timestamptz, 12, '2023-01-03'::timestamptz),"
            " ('2023-01-01 01:00Z', 20, '2023-01-02 01:00')) AS t"
        )
        connection.execute(
            "INSERT INTO observation_revision (series_key, valid_time, value, available_at, recorded_at)"
            " SELECT series_key, '2023-01-01 00:00Z', 10, '2023-01-01 02:00', now() FROM series"
        )
    with TestClient(create_app(sample_service.settings(database_url=database_url), lambda: NOW)) as client:

        def values(**as_of: str) -> list[float | None]:
            range_ = {"start": "2023-01-01T00:00:00Z", "end": "2023-01-01T02:00:00Z"}
            found: list[float | None] = client.get("/v1/observations/X/1", params=range_ | as_of).json()["value"]
            return found

        assert values() == [12, 20]
        assert values(as_of="2023-01-01T12:00:00Z") == [10, None]
        assert values(as_of="2023-01-02T12:00:00Z") == [10, 20]
        assert values(as_of="2023-01-03T12:00:00Z") == [12, 20]


def test_a_page_of_many_series_is_written_as_its_model_would_be(client: TestClient) -> None:
    body = client.get("/v1/observations", params={"area": "DK1", "as_of": "2099-01-01T00:00:00Z"}).content
    page = ObservationPage.model_validate_json(body)
    assert sum(hours.missing for hours in page.series) > 0
    assert all(hours.value.count(None) == hours.missing for hours in page.series)
    assert page.model_dump_json().encode() == body


@pytest.mark.parametrize("form", ["csv", "arrow", "parquet"])
def test_a_large_table_is_written_without_an_object_for_each_value(form: Format) -> None:
    count = 300_000
    codes = np.repeat(np.arange(10, dtype=np.int32), count // 10)
    moments = np.datetime64("2023-01-01T00", "s") + np.arange(count) * np.timedelta64(3600, "s")
    ids = CodedText([f"DK1/{number}" for number in range(10)], codes)
    columns: list[Column] = [ids, moments, np.random.default_rng(1).random(count), CodedText(["kWh"] * 10, codes)]
    names = {"series_id": TEXT, "valid_time": MOMENT, "value": NUMBER, "unit": TEXT}
    tracemalloc.start()
    body = column_response(names, columns, form).body
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3 * len(body) + 20_000_000, f"{peak} bytes for a body of {len(body)}"
