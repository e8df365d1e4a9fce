from collections.abc import Callable
from dataclasses import fields
from datetime import timedelta
from typing import Any

import numpy as np
import psycopg
import pytest
from fastapi.testclient import TestClient
from psycopg_pool import ConnectionPool

from api.resources.accuracy import FEWEST_FORECASTS, verdict
from dayahead.evaluation.metrics import accuracy
from dayahead.evaluation.score import ScoreBatch
from dayahead.hours import format_utc
from dayahead.reading.source_file import load_source
from dayahead.storage.tables.score import COLUMNS, SUMS
from dayahead.storage.tables.series import register_series
from dayahead.storage.tables.source import register_source
from tests.api.conftest import SampleService
from tests.api.fakes import NOW, FakeServers
from tests.api.sample import NO_FORECAST, SOURCE, WORSE_THAN_NAIVE, insert_sample


@pytest.mark.parametrize(
    ("skill_percent", "sentence"),
    [
        (32.4, "Better than the seasonal naive by 32 %."),
        (-5.2, "Worse than the seasonal naive by 5 %."),
        (0.2, "As good as the seasonal naive."),
        (-0.2, "As good as the seasonal naive."),
    ],
)
def test_the_comparison_is_a_sentence(skill_percent: float, sentence: str) -> None:
    assert verdict(skill_percent, FEWEST_FORECASTS) == sentence


def test_without_scores_nothing_is_claimed() -> None:
    assert "Not compared" in verdict(None, 0)


def test_few_forecasts_are_not_compared() -> None:
    assert verdict(-6042, 1) == (
        "Not compared with the seasonal naive yet: 1 of 7 forecasts have matured (their first 24 hours are over)."
    )


def read_scores(service: SampleService, where: str) -> ScoreBatch:
    columns = [field.name for field in fields(ScoreBatch)]
    with psycopg.connect(service.database_url) as connection:
        rows = connection.execute(
            f"SELECT {', '.join(columns)} FROM score_by_series"
            f" WHERE {where}"
            " AND origin >= (SELECT date_trunc('day', max(origin), 'UTC') - INTERVAL '6 days' FROM score)"
        ).fetchall()
    return ScoreBatch(*(np.array(column) for column in zip(*rows, strict=True)))


@pytest.mark.servers
@pytest.mark.parametrize(
    ("where", "pick"),
    [
        ("true", lambda report: report["overall"][0]),
        ("area = 'DK2'", lambda report: next(area for area in report["areas"] if area["area"] == "DK2")),
        ("series_id = 'DK1/111'", lambda report: report["series"][0]),
    ],
    ids=["all", "area", "series"],
)
def test_figures_are_those_of_the_one_function_that_the_trainer_and_the_benchmarks_use(
    client: TestClient, sample_service: SampleService, where: str, pick: Callable[[Any], Any]
) -> None:
    answer = pick(client.get("/v1/accuracy").json())
    figures = accuracy(read_scores(sample_service, where))
    assert answer["forecasts"] == figures.forecasts
    assert answer["hours"] == figures.hours
    for name in ("wape", "mape", "bias", "coverage", "weekly_naive_wape", "daily_naive_wape", "naive_wape", "skill"):
        assert answer[f"{name}_percent"] == pytest.approx(100 * getattr(figures, name)), name


@pytest.mark.servers
def test_one_series_has_the_figures_that_the_list_gives_it(client: TestClient) -> None:
    listed = {series["series_id"]: series for series in client.get("/v1/accuracy").json()["series"]}
    assert client.get("/v1/accuracy/DK1/111").json()["accuracy"] == pytest.approx(listed["DK1/111"])


@pytest.mark.servers
def test_the_list_goes_page_by_page_through_all_series_also_those_without_scores(client: TestClient) -> None:
    whole = client.get("/v1/accuracy").json()
    paged: list[Any] = []
    cursor = None
    while cursor or not paged:
        page = client.get("/v1/accuracy", params={"limit": 5} | ({"cursor": cursor} if cursor else {})).json()
        assert len(page["series"]) <= 5
        paged, cursor = paged + page["series"], page["next_cursor"]
    assert [one["series_id"] for one in paged] == [one["series_id"] for one in whole["series"]]
    assert [one["forecasts"] for one in paged] == [one["forecasts"] for one in whole["series"]]
    assert [one["wape_percent"] for one in paged if one["series_id"] == NO_FORECAST] == [None]


@pytest.mark.servers
def test_a_series_that_loses_against_the_naive_is_reported_as_worse(client: TestClient) -> None:
    answer = client.get(f"/v1/accuracy/{WORSE_THAN_NAIVE}").json()["accuracy"]
    assert answer["skill_percent"] < 0
    assert answer["verdict"].startswith("Worse than the seasonal naive by")


@pytest.mark.servers
def test_a_series_without_scores_has_no_figures(client: TestClient) -> None:
    answer = client.get(f"/v1/accuracy/{NO_FORECAST}").json()
    assert answer["end"] is None
    assert answer["accuracy"]["wape_percent"] is None
    assert "Not compared" in answer["accuracy"]["verdict"]


@pytest.mark.servers
def test_the_window_ends_where_it_is_asked_to(client: TestClient) -> None:
    answer = client.get("/v1/accuracy", params={"days": 1, "end": "2023-01-20T12:00:00Z"}).json()
    assert (answer["start"], answer["end"]) == ("2023-01-20T00:00:00Z", "2023-01-20T23:00:00Z")
    assert answer["series"][0]["forecasts"] == 24


ONE_SCORE = f"""
    INSERT INTO score ({", ".join(column.name for column in COLUMNS)})
    SELECT %(series_key)s, %(origin)s, {", ".join(column.name for column in COLUMNS[2:])} FROM score LIMIT 1
"""

ITS_DAY = f"""
    INSERT INTO accuracy_day (partition, area, unit, day, release, forecasts, {", ".join(SUMS)})
    SELECT 0, area, unit, (origin AT TIME ZONE 'UTC')::date, release, 1, {", ".join(f"score.{name}" for name in SUMS)}
    FROM score JOIN series USING (series_key) WHERE series_key = %(series_key)s
"""


@pytest.mark.servers
@pytest.mark.parametrize("new_id", ["Oslo/1", "DK1/new"], ids=["own area", "shared area"])
def test_a_source_of_another_time_leaves_the_figures_of_the_others(
    database_url: str, redis_url: str, new_id: str
) -> None:
    insert_sample(database_url, redis_url, NOW)
    origin = NOW + timedelta(days=60)
    with ConnectionPool(database_url, kwargs={"options": "-c timezone=UTC"}) as pool:
        with FakeServers(database=pool).client(NOW) as client:
            before = client.get("/v1/accuracy").json()
        with pool.connection() as connection:
            source = load_source(SOURCE).model_copy(update={"name": "live"})
            registered = register_source(connection, source)
            key = register_series(connection, [new_id], registered, 8, origin)[new_id].series_key
            for statement in (ONE_SCORE, ITS_DAY):
                connection.execute(statement.encode(), {"series_key": key, "origin": origin})
        with FakeServers(database=pool).client(origin) as client:
            after = client.get("/v1/accuracy").json()
            series = client.get(f"/v1/accuracy/{new_id}").json()
    assert [one for one in after["series"] if one["series_id"] != new_id] == before["series"]
    assert [one for one in after["areas"] if one["area"] == "DK2"] == [
        one for one in before["areas"] if one["area"] == "DK2"
    ]
    [fresh] = [one for one in after["series"] if one["series_id"] == new_id]
    assert fresh == series["accuracy"]
    assert (fresh["forecasts"], fresh["compared"]) == (1, False)
    assert fresh["end"] == series["end"] == after["end"] == format_utc(origin)
    assert after["start"] == before["start"]


def test_accuracy_by_lead_and_by_hour_adds_up_to_that_of_the_series(client: TestClient) -> None:
    whole = client.get("/v1/accuracy/DK1/111").json()["accuracy"]
    found = client.get("/v1/accuracy-by-hour/DK1/111").json()
    assert (found["start"], found["end"], found["time_zone"]) == (whole["start"], whole["end"], "Europe/Copenhagen")
    assert [one["lead"] for one in found["by_lead"]] == list(range(1, 25))
    assert [one["hour"] for one in found["by_hour"]] == list(range(24))
    for parts in (found["by_lead"], found["by_hour"]):
        assert sum(one["hours"] for one in parts) == whole["hours"]
        error = sum(one["hours"] * one["mean_absolute_error"] for one in parts)
        actual = sum(one["hours"] * one["mean_absolute_error"] / one["wape_percent"] for one in parts)
        assert error / actual == pytest.approx(whole["wape_percent"], rel=1e-4)


def test_a_series_without_scores_has_no_accuracy_by_hour(client: TestClient) -> None:
    found = client.get(f"/v1/accuracy-by-hour/{NO_FORECAST}").json()
    assert all(one["wape_percent"] is None for one in [*found["by_lead"], *found["by_hour"]])
    assert client.get("/v1/accuracy-by-hour/DK9/1").status_code == 404


@pytest.mark.servers
def test_a_series_may_be_called_hours(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        register_series(connection, ["DK1/hours"], register_source(connection, load_source(SOURCE)), 8, NOW)
    with ConnectionPool(database_url, min_size=1, open=True) as pool, FakeServers(database=pool).client() as client:
        assert client.get("/v1/accuracy/DK1/hours").json()["accuracy"]["series_id"] == "DK1/hours"
        assert client.get("/v1/accuracy-by-hour/DK1/hours").json()["series_id"] == "DK1/hours"
        refused = client.get("/v1/forecasts/DK1/hours").json()
    assert (refused["type"], "DK1/hours" in refused["detail"]) == ("urn:dayahead:problem:no-forecast", True)


def test_mase_is_the_error_over_that_of_the_better_naive(client: TestClient) -> None:
    found = client.get("/v1/accuracy/DK1/111").json()["accuracy"]
    assert found["mase"] == pytest.approx(1 - found["skill_percent"] / 100)
