"""Days of the calendar and the hours from now on, as people act on them."""

import csv
import io
from datetime import timedelta

import numpy as np
import psycopg
import pyarrow as pa
import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from dayahead.hours import format_utc, from_hour, parse_utc
from dayahead.local_day import hours_of_day
from dayahead.storage.tables.release_shape import save_shape
from tests.api.conftest import SampleService
from tests.api.fakes import NOW
from tests.api.sample import NO_FORECAST, PROFILE, RELEASE, insert_sample
from tests.waiting import wait_until

pytestmark = pytest.mark.servers

SERIES = "DK1/111"
ZONE = "Europe/Copenhagen"
NOW_HOUR = "2023-01-24T23:00:00Z"
"""The hour that it is to the replayed sample: its newest hour is 22, and is published at its end."""


def test_from_now_gives_exactly_the_hours_from_now_on(client: TestClient) -> None:
    wait_until(lambda: client.get(f"/v1/forecasts/{SERIES}").json()["stale"] is not None, 30, "a judgement")
    newest = client.get(f"/v1/forecasts/{SERIES}").json()
    answer = client.get(f"/v1/forecasts/{SERIES}", params={"from": "now", "hours": 24}).json()
    assert answer["valid_time"][0] == NOW_HOUR
    assert len(answer["valid_time"]) == 24
    assert answer["p50"] == newest["p50"][:24]
    assert (answer["lead"], answer["complete"]) == (list(range(1, 25)), True)
    assert answer["origin"] == newest["origin"]
    assert (answer["stale"], answer["expired"]) == (False, False)
    assert client.get(f"/v1/forecasts/{SERIES}", params={"from": "now"}).json() == answer
    assert client.get(f"/v1/forecasts/{SERIES}", params={"hours": 24}).json() == answer


def test_hours_that_the_forecast_does_not_hold_are_null_and_said_to_lack(client: TestClient) -> None:
    newest = client.get(f"/v1/forecasts/{SERIES}").json()
    start = parse_utc(newest["origin"]) - timedelta(hours=1, minutes=-20)
    answer = client.get(f"/v1/forecasts/{SERIES}", params={"from": format_utc(start), "hours": 56}).json()
    assert answer["p50"] == [None, None, *newest["p50"], None, None, None, None]
    assert answer["lead"] == list(range(-1, 55))
    assert answer["complete"] is False
    rows = list(csv.DictReader(io.StringIO(client.get(
        f"/v1/forecasts/{SERIES}", params={"from": format_utc(start), "hours": 4, "format": "csv"}
    ).text)))  # fmt: skip
    assert [row["valid_time"] for row in rows] == answer["valid_time"][2:4]


def test_from_takes_now_or_a_moment(client: TestClient) -> None:
    answer = client.get(f"/v1/forecasts/{SERIES}", params={"from": "later"})
    assert answer.status_code == 422
    assert "'later' is no moment" in answer.json()["detail"]


def test_tomorrow_is_the_local_day_after_the_clock_of_the_replay(client: TestClient) -> None:
    answer = client.get(f"/v1/days/tomorrow/{SERIES}").json()
    # it is 2023-01-25T00 in Copenhagen
    assert (answer["day"], answer["time_zone"]) == ("2023-01-26", ZONE)
    assert (answer["valid_time"][0], len(answer["valid_time"])) == ("2023-01-25T23:00:00Z", 24)
    newest = client.get(f"/v1/forecasts/{SERIES}").json()
    assert (answer["lead"], answer["p50"]) == (list(range(25, 49)), newest["p50"][24:48])
    assert (answer["complete"], answer["forecast_as_of"]) == (True, None)
    assert answer["peak"]["valid_time"] in answer["valid_time"]
    beyond = client.get(f"/v1/days/2023-01-27/{SERIES}").json()
    assert (beyond["complete"], beyond["peak"]) == (False, None)
    assert beyond["p50"] == [*newest["p50"][48:], *[None] * 22]


def test_today_has_what_is_forecast_and_its_peak(client: TestClient) -> None:
    newest = client.get(f"/v1/forecasts/{SERIES}").json()
    answer = client.get(f"/v1/days/today/{SERIES}").json()
    assert answer["day"] == "2023-01-25"
    assert answer["valid_time"][0] == NOW_HOUR
    for name in ("p10", "p50", "p90"):
        assert answer[name] == newest[name][:24]
    assert answer["observed"] == [None] * 24
    assert answer["complete"] is True
    peak = answer["peak"]
    assert max(newest["p10"][:24]) <= peak["size"]["p10"] <= peak["size"]["p50"] <= peak["size"]["p90"]
    assert peak["valid_time"] in answer["valid_time"]
    assert (0 < peak["probability"] <= 1, peak["approximate"]) == (True, True)


def test_a_past_day_has_what_was_said_before_it_began_and_what_was_observed(
    client: TestClient, sample_service: SampleService
) -> None:
    answer = client.get(f"/v1/days/2023-01-22/{SERIES}").json()
    assert answer["forecast_as_of"] == "2023-01-21T23:00:00Z"
    assert answer["origin"] == "2023-01-21T22:00:00Z"  # due at 23:00
    assert answer["lead"] == list(range(1, 25))
    sample = sample_service.sample
    [row] = [row for row, series in enumerate(sample.series) if series.series_id == SERIES]
    first = hours_of_day(parse_utc("2023-01-22T12:00:00Z").date(), ZONE).start - sample.start
    assert answer["observed"] == sample.values[row, first : first + 24].tolist()
    assert answer["complete"] is True
    later = client.get(f"/v1/days/2023-01-22/{SERIES}", params={"as_of": "2023-01-22T05:00:00Z"}).json()
    assert later["origin"] == "2023-01-22T04:00:00Z"
    assert later["lead"][0] == -5
    assert later["observed"][5] is not None
    assert later["observed"][7:] == [None] * 17  # published later
    assert later["p50"][:5] == [None] * 5
    assert later["complete"] is True


def test_a_day_before_the_first_forecast_is_a_404_that_says_what_to_do(client: TestClient) -> None:
    answer = client.get(f"/v1/days/2020-01-01/{SERIES}")
    assert answer.status_code == 404
    assert "as_of" in answer.json()["detail"]


def test_a_series_without_forecast_has_a_day_without_values(client: TestClient) -> None:
    answer = client.get(f"/v1/days/today/{NO_FORECAST}").json()
    assert (answer["rung"], answer["p50"], answer["complete"]) == (5, [None] * 24, False)


@pytest.mark.parametrize("day", ["yesterday", "2023-02-30", "2023-1-2", "1500-01-01"])
def test_what_is_no_day_is_refused_with_the_form_of_one(client: TestClient, day: str) -> None:
    answer = client.get(f"/v1/days/{day}/{SERIES}")
    assert answer.status_code == 422
    assert "write today, tomorrow, or a date like 2024-03-31" in answer.json()["detail"]


def test_a_day_of_an_area_is_had_in_every_format(client: TestClient) -> None:
    page = client.get("/v1/days/today", params={"area": "DK2", "limit": 3}).json()
    assert [day["series_id"] for day in page["days"]] == ["DK2/111", "DK2/112", "DK2/119"]
    assert page["days"][0] == client.get("/v1/days/today/DK2/111").json()
    assert page["next_cursor"] == "DK2/119"
    given = {"area": "DK2", "limit": 3, "quantiles": "0.05,0.95"}
    text = client.get("/v1/days/today", params={**given, "format": "csv"}).text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 72
    assert [float(row["p50"]) for row in rows[:24]] == page["days"][0]["p50"]
    assert all(float(row["p5"]) <= float(row["p10"]) <= float(row["p90"]) <= float(row["p95"]) for row in rows)
    table = pa.ipc.open_stream(client.get("/v1/days/today", params={**given, "format": "arrow"}).content).read_all()
    assert table.column("valid_time").to_pylist()[0] == parse_utc(NOW_HOUR)
    assert client.get("/v1/days/today", params={**given, "format": "parquet"}).content.startswith(b"PAR1")


@pytest.mark.parametrize(("day", "hours"), [("2023-03-26", 23), ("2022-10-30", 25), ("2023-01-10", 24)])
def test_a_day_on_which_the_clock_is_changed_has_its_own_number_of_hours(
    client: TestClient, day: str, hours: int
) -> None:
    params = {"as_of": "2023-01-24T23:00:00Z"}
    answer = client.get(f"/v1/days/{day}/{SERIES}", params=params).json()
    assert len(answer["valid_time"]) == len(answer["p50"]) == len(answer["observed"]) == hours


def test_more_quantiles_and_the_chance_to_exceed_a_limit_are_worked_out_when_it_is_read(client: TestClient) -> None:
    newest = client.get(f"/v1/forecasts/{SERIES}").json()
    limit = newest["p90"][3]
    params = {"quantiles": "0.95,0.05,0.1,0.5", "limit": limit}
    answer = client.get(f"/v1/forecasts/{SERIES}", params=params).json()
    found = answer.pop("quantiles")
    assert list(found) == ["p5", "p10", "p50", "p95"]
    assert (found["p10"], found["p50"]) == (newest["p10"], newest["p50"])
    assert all(low < known for low, known in zip(found["p5"], newest["p10"], strict=True))
    assert answer.pop("quantile_shape") == "normal"  # the sample's release has no shape
    assert answer.pop("limit") == limit
    assert answer.pop("above_limit")[3] == pytest.approx(0.1, abs=1e-3)
    assert answer == newest
    hours = client.get(f"/v1/forecasts/{SERIES}", params={**params, "from": "now", "hours": 2}).json()
    assert hours["quantiles"]["p5"] == found["p5"][:2]
    day = client.get(f"/v1/days/today/{SERIES}", params=params).json()
    assert day["quantiles"] == {name: values[:24] for name, values in found.items()}
    bulk = client.get("/v1/forecasts", params={"quantiles": "0.05", "limit": 1, "area": "DK1"}).json()["forecasts"][0]
    assert bulk["quantiles"] == {"p5": found["p5"]}


@pytest.mark.parametrize("quantiles", ["0.005", "0.995", "half", "0.1;0.9", "", ",", "0.1,"])
def test_quantiles_that_cannot_be_had_are_refused(client: TestClient, quantiles: str) -> None:
    answer = client.get(f"/v1/forecasts/{SERIES}", params={"quantiles": quantiles})
    assert answer.status_code == 422
    assert "from 0.01 to 0.99" in answer.json()["detail"]


def test_what_is_over_is_expired_and_never_fresh(database_url: str, sample_service: SampleService) -> None:
    """A source of the wall clock whose newest hours stopped a day and a half ago."""
    sample = insert_sample(database_url, sample_service.redis_url, NOW)
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE source SET definition = definition - 'clock'")
    now = from_hour(sample.newest) + timedelta(hours=40)
    with TestClient(create_app(sample_service.settings(database_url=database_url), lambda: now)) as client:
        wait_until(lambda: client.get(f"/v1/forecasts/{SERIES}").json()["expired"] is not None, 30, "a judgement")
        one = client.get(f"/v1/forecasts/{SERIES}").json()
        series = client.get(f"/v1/series/{SERIES}").json()
        listed = client.get("/v1/series", params={"state": "expired"}).json()["series"]
        hours = client.get(f"/v1/forecasts/{SERIES}", params={"from": "now", "hours": 14}).json()
        table = csv.DictReader(io.StringIO(client.get(f"/v1/forecasts/{SERIES}?format=csv").text))
    assert one["expired"] is True
    assert "its last 11 h lie ahead" in one["expired_reason"]
    assert (series["state"], series["expired"]) == ("expired", True)
    assert series["expired_reason"] == one["expired_reason"]
    assert SERIES in {each["series_id"] for each in listed}
    assert hours["p50"] == [*one["p50"][39:], None, None, None]
    assert next(iter(table))["expired"] == "true"


def test_quantiles_follow_the_shape_of_the_release_where_it_has_one(
    database_url: str, sample_service: SampleService
) -> None:
    insert_sample(database_url, sample_service.redis_url, NOW)
    with psycopg.connect(database_url) as connection:
        shape = np.tile(np.array([-3, -2, -1, -0.5, 0, 0.5, 1, 4, 9], np.float32), (3, 24, 1))
        save_shape(connection, RELEASE, shape)
    with TestClient(create_app(sample_service.settings(database_url=database_url), lambda: NOW)) as client:
        one = client.get(f"/v1/forecasts/{SERIES}", params={"quantiles": "0.05,0.99"}).json()
        profile = client.get(f"/v1/forecasts/{PROFILE}", params={"quantiles": "0.05,0.99"}).json()
    assert (one["quantile_shape"], profile["quantile_shape"]) == ("release", "normal")
    expected = [p50 + 9 * (p90 - p50) for p50, p90 in zip(one["p50"], one["p90"], strict=True)]
    assert one["quantiles"]["p99"] == pytest.approx(expected, rel=1e-5)
    low = [p50 - 2 * (p50 - p10) for p50, p10 in zip(one["p50"], one["p10"], strict=True)]
    assert one["quantiles"]["p5"] == pytest.approx(low, rel=1e-5)
